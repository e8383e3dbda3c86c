"""The media of one call: what comes in, what goes out, 50 times a second.

`receive` and `tick` run on the media thread; everything else on the event loop. The two meet in single attributes that
one side writes and the other reads, and in deques.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from telephony.leg import FRAME_BYTES
from telephony.media.codec import SAMPLES_PER_FRAME, Codec
from telephony.media.digits import KEYS, EventReader, event_payloads
from telephony.media.forwarding import Forwarding
from telephony.media.inbox import LoopInbox
from telephony.media.jitter import Jitter
from telephony.media.packet import NotRtp, RtpPacket, build, parse
from telephony.media.playback import PlayQueue, QueuedPlayback
from telephony.media.playout import SILENT_FRAME, PlayoutBuffer
from telephony.media.recorder import Recording
from telephony.media.reorder import ReorderBuffer

Address = tuple[str, int]

_SILENT_S = 0.1
"""So long without sound and a bridge is given silence (the other side suppresses it, or is on hold)."""
_GAP_S = 0.040
"""Two packets further apart than this are heard as a gap, were it not for the jitter buffer."""
_HELD_BACK_S = 0.08
_LONGEST_PAYLOAD = 1600


@dataclass
class MediaCounters:
    """What happened on the wire, for metrics."""

    received: int = 0
    sent: int = 0
    lost: int = 0
    late: int = 0
    """Packets that came when their time was over."""
    gaps: int = 0
    """Times that the next packet of sound came more than 40 ms after the one before."""
    underruns: int = 0
    """Times that the jitter buffer ran dry while somebody spoke."""
    concealed: int = 0
    """Frames that were made up where sound was missing."""
    dropped: int = 0
    """Frames that were left out, so that the delay shrinks again."""
    send_gaps: int = 0
    """Times that we sent more than 40 ms after the packet before."""
    malformed: int = 0
    foreign: int = 0
    send_errors: int = 0
    failures: int = 0
    """Errors of our own code; anything but 0 is a bug."""


@dataclass(frozen=True)
class MediaPlan:
    """What SDP agreed on: codec, numbers, the other side's address and the directions."""

    codec: Codec
    payload_type: int
    event_type: int | None
    """Payload type of telephone-event, None when not agreed."""
    remote: Address
    may_send: bool = True
    will_receive: bool = True


class MediaSession:
    """RTP of one call."""

    def __init__(self, bound: socket.socket, inbox: LoopInbox, on_digit: Callable[[str], None]) -> None:
        """`bound`: the UDP socket; `on_digit` is called on the loop's thread."""
        self.socket = bound
        self.counters = MediaCounters()
        self.plan: MediaPlan | None = None
        self.recording: Recording | None = None
        self.last_received = time.monotonic()
        self.phase: int | None = None
        """Which of the engine's phases it belongs to; None while it is not running."""
        self._inbox = inbox
        self._on_digit = on_digit
        self._queue = PlayQueue(inbox)
        self._sink: Callable[[bytes], None] | None = None
        self._relay: Callable[[bytes], None] | None = None
        self._feed: Callable[[], bytes | None] | None = None
        self._forwarding = Forwarding()
        self._latched: Address | None = None
        self._trusted_host: str | None = None
        self._reorder = ReorderBuffer()
        self._playout = PlayoutBuffer()
        self._events = EventReader()
        self._jitter = Jitter()
        self._source: int | None = None
        self._last_length = FRAME_BYTES
        self._last_sound = 0.0
        self._last_tick = 0.0
        self._held_since = 0.0
        self._presses: deque[str] = deque()
        self._press: Iterator[tuple[bytes, bool] | None] | None = None
        self._press_timestamp = 0
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._ssrc = secrets.randbits(32)
        self._marker = True

    # on the loop

    @property
    def port(self) -> int:
        """Our RTP port."""
        port: int = self.socket.getsockname()[1]
        return port

    @property
    def jitter_ms(self) -> float:
        """How irregularly the packets come, as RTCP would report it."""
        return self._jitter.milliseconds

    def apply(self, plan: MediaPlan, trusted_host: str | None = None) -> None:
        """Use this from now on. `trusted_host`: where signalling comes from; sound may come from there too (NAT)."""
        if self.plan is None or plan.remote != self.plan.remote:
            self._latched = None
        self._trusted_host = trusted_host
        self.last_received = time.monotonic()
        self.plan = plan

    def play(self, playback: QueuedPlayback) -> None:
        """Queue it behind what is still playing."""
        self._queue.add(playback)

    def press(self, keys: str) -> None:
        """Send key presses by RFC 4733; raises ValueError for what is no key."""
        for key in keys.upper():
            if key not in KEYS:
                raise ValueError(f"{key!r} is no telephone key")
        self._presses.extend(keys.upper())

    def listen(self, sink: Callable[[bytes], None] | None) -> None:
        """Frames of the other side go to `sink` (on the loop's thread)."""
        self._sink = sink

    def relay(self, sink: Callable[[bytes], None] | None) -> None:
        """Frames of the other side go to `sink` at once, on the media thread: it must be quick and never block."""
        self._relay = sink

    def feed(self, source: Callable[[], bytes | None] | None) -> None:
        """`source` is asked for a frame at every tick, on the media thread; what it gives is sent when nothing is played."""
        self._feed = source

    def forward(self, pcm16: bytes) -> None:
        """A frame of a source that keeps the time itself: sent by the next `send_forwarded`; meanwhile ticks send nothing (loop thread)."""
        self._forwarding.add(pcm16)

    def stop_playing(self) -> None:
        """The call is over: every playback ends now."""
        self._queue.stop_all()

    def new_playback(self, pcm16: bytes, loop: asyncio.AbstractEventLoop) -> QueuedPlayback:
        """A playback that is queued at once."""
        playback = QueuedPlayback(pcm16, loop)
        self.play(playback)
        return playback

    # on the media thread: in

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """A datagram came to our port."""
        plan = self.plan
        if plan is None:
            return
        try:
            packet = parse(data)
        except NotRtp:
            self.counters.malformed += 1
            return
        if not self._from_peer(address, plan):
            self.counters.foreign += 1
            return
        self.last_received = now
        if packet.source != self._source:
            self._source = packet.source
            self._reorder.reset()
            self._events.reset()
            self._jitter.reset()
        payload = b""  # comfort noise and key presses count in the sequence but carry no sound
        if packet.payload_type == plan.event_type:
            key = self._events.push(packet.timestamp, packet.payload)
            if key is not None:
                self._inbox.post(self._on_digit, key)
        elif packet.payload_type == plan.payload_type:
            if len(packet.payload) > _LONGEST_PAYLOAD:
                self.counters.malformed += 1
                return
            payload = packet.payload
            self._count_sound(packet, now)
        if not self._reorder.waiting:
            self._held_since = now
        self._deliver(self._reorder.push(packet.sequence, payload), plan.codec)

    def _from_peer(self, address: Address, plan: MediaPlan) -> bool:
        """Symmetric RTP: the first packet from the agreed host fixes the port, and we send there; nobody else is heard."""
        if address == self._latched:
            return True
        if address == plan.remote or (self._latched is None and address[0] in (plan.remote[0], self._trusted_host)):
            self._latched = address
            return True
        return False

    def _count_sound(self, packet: RtpPacket, now: float) -> None:
        counters = self.counters
        counters.received += 1
        self._jitter.packet(packet.timestamp, now)
        counters.gaps += not packet.marker and self._last_sound > 0 and now - self._last_sound > _GAP_S
        self._last_sound = now

    def _deliver(self, payloads: list[bytes | None], codec: Codec) -> None:
        """What is in its order goes into the jitter buffer, and to a bridge at once: there the last buffer counts."""
        for payload in payloads:
            if payload == b"":
                self._playout.pause()
                continue
            if payload is None:
                self.counters.lost += 1
                frames = self._playout.lose(self._last_length)
            else:
                self._last_length = 2 * len(payload)
                frames = self._playout.push(codec.decode(payload))
            relay = self._relay
            if relay is not None:
                for frame in frames:
                    relay(frame)
        self.counters.late = self._reorder.late

    def _hand_to(self, sink: Callable[[bytes], None], frame: bytes) -> None:
        if sink == self._sink:
            sink(frame)

    # on the media thread: out

    def tick(self, now: float) -> None:
        """20 ms have passed: send a frame, take one of the other side, feed the recording."""
        plan = self.plan
        if plan is None:
            return
        self.counters.send_gaps += self._last_tick > 0 and now - self._last_tick > _GAP_S
        self._last_tick = now
        theirs = self._hear(plan, now)
        if self._forwarding.goes_on(now) and self._may_forward(plan):
            ours = self._forwarding.last  # what is forwarded has a clock of its own
        else:
            ours = self._send_due(plan)
            self._timestamp += SAMPLES_PER_FRAME
        if self.recording is not None:
            self.recording.add(theirs, ours)

    def send_forwarded(self, now: float) -> None:
        """Send what `forward` was given, without waiting for a tick. A key press goes before it."""
        plan, frames = self.plan, self._forwarding.take(now)
        if plan is None or not self._may_forward(plan):
            return
        for frame in frames:
            self._send(plan, plan.payload_type, self._timestamp, plan.codec.encode(frame), self._marker)
            self._timestamp += SAMPLES_PER_FRAME
            self._marker = False

    def _may_forward(self, plan: MediaPlan) -> bool:
        return plan.may_send and self._press is None and not self._presses

    def _send_due(self, plan: MediaPlan) -> bytes:
        """Silence while they must not hear us, a key press, or sound; what of it was sound."""
        if not plan.may_send:
            self._marker = True
            return SILENT_FRAME
        return SILENT_FRAME if self._send_press(plan) else self._send_sound(plan)

    def _hear(self, plan: MediaPlan, now: float) -> bytes:
        """The other side's next 20 ms. While it holds us, what it sends is its music and nobody's words: only the recording has it."""
        playout, counters = self._playout, self.counters
        if self._reorder.waiting and (playout.dry or now - self._held_since > _HELD_BACK_S):
            self._deliver(self._reorder.release(), plan.codec)
        frame = playout.take()
        counters.underruns, counters.concealed, counters.dropped = playout.underruns, playout.concealed, playout.dropped
        sink, relay = self._sink, self._relay
        if sink is not None:
            self._inbox.post(self._hand_to, sink, frame if plan.may_send else SILENT_FRAME)
        if relay is not None and now - self._last_sound > _SILENT_S:
            relay(SILENT_FRAME)
        return frame

    def _send_sound(self, plan: MediaPlan) -> bytes:
        feed = self._feed
        live = feed() if feed is not None else None  # asked also while something is played: what is late is of no use
        frame = self._queue.next_frame() or live
        payload = plan.codec.silence if frame is None else plan.codec.encode(frame)
        self._send(plan, plan.payload_type, self._timestamp, payload, self._marker)
        self._marker = False
        return SILENT_FRAME if frame is None else frame

    def _send_press(self, plan: MediaPlan) -> bool:
        """Whether this tick belongs to a key press; sound waits meanwhile."""
        if plan.event_type is None:
            return False
        if self._press is None:
            if not self._presses:
                return False
            self._press = event_payloads(self._presses.popleft())
            self._press_timestamp = self._timestamp
        try:
            step = next(self._press)
        except StopIteration:
            self._press = None
            self._marker = True
            return False
        if step is not None:
            payload, marker = step
            self._send(plan, plan.event_type, self._press_timestamp, payload, marker)
        return True

    def _send(self, plan: MediaPlan, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> None:
        data = build(RtpPacket(payload_type, self._sequence, timestamp, self._ssrc, payload, marker))
        try:
            self.socket.sendto(data, self._latched or plan.remote)
            self.counters.sent += 1
        except OSError:
            self.counters.send_errors += 1
        self._sequence = (self._sequence + 1) & 0xFFFF
