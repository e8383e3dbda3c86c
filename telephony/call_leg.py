"""One SIP call as the call flow drives it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

from telephony.leg import CallFailed, CallHeaders, Digit, HungUp, LegEvent, LegGone, Side
from telephony.media.metrics import figures
from telephony.media.playback import QueuedPlayback
from telephony.media.recorder import Recording, RecordingWriter
from telephony.sip.base import CallState
from telephony.sip.call import CallHooks, SipCall
from telephony.sip.incoming import IncomingCall
from telephony.sip.outgoing import OutgoingCall

_REFUSALS = {"busy": 486, "declined": 603, "failed": 500}


class CallLeg:
    """Implements `telephony.leg.Leg` for a SIP call."""

    def __init__(self, call: SipCall, writer: RecordingWriter, caller: str | None, called: str, headers: CallHeaders) -> None:
        """`writer` writes its recording."""
        self.id: UUID = uuid4()
        self.sip_call_id: str = call.call_id
        self.caller = caller
        self.called = called
        self.headers = headers
        self.on_held: Callable[[bool], None] = lambda _held: None
        self.on_transfer: Callable[[str], Awaitable[None]] | None = None
        self.on_early: Callable[[], None] = lambda: None
        """For outgoing calls: called once when the other side plays something before it answers."""
        self.events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self.refused: int = 0
        """The SIP status when it was never answered."""
        self._call = call
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._recording: Recording | None = None
        self._answered: asyncio.Future[None] = self._loop.create_future()
        call.hooks = CallHooks(
            digit=self._on_digit,
            early=lambda: self.on_early(),
            answered=self._on_answered,
            held=lambda held: self.on_held(held),
            transfer=lambda: self.on_transfer,
            ended=self._on_ended,
        )

    @property
    def codec(self) -> str:
        """'PCMU' or 'PCMA'."""
        return self._call.codec.name

    @property
    def live(self) -> bool:
        """False once the call is over."""
        return bool(self._call.state != CallState.ENDED)

    @property
    def held(self) -> bool:
        """Whether the other side has put us on hold."""
        return self._call.held

    @property
    def holding(self) -> bool:
        """Whether we have put the other side on hold."""
        return self._call.negotiation.direction != "sendrecv"

    async def early_media(self) -> bool:
        """Whether the caller hears what is played before the answer; raises `LegGone` when the caller gave up first."""
        self._need_live()
        return self._call.early_media() if isinstance(self._call, IncomingCall) else self._call.state == CallState.ANSWERED

    async def answer(self) -> None:
        """Pick up; raises `LegGone` when the caller gave up first. Twice is harmless."""
        call = self._call
        if isinstance(call, IncomingCall):
            await call.ready()
            if call.state == CallState.RINGING:
                call.answer()
        self._need_live()

    async def hold(self) -> None:
        """Put the other side on hold; raises `CallFailed`, `LegGone`."""
        await self._call.negotiation.change("sendonly")

    async def resume(self) -> None:
        """Take it back; raises `CallFailed`, `LegGone`."""
        await self._call.negotiation.change("sendrecv")

    async def refer(self, target: str, *, timeout_s: float = 60.0) -> None:
        """Blind transfer; raises `CallFailed`, `LegGone`, ValueError."""
        await self._call.refer(target, timeout_s)

    def _need_live(self) -> None:
        if not self.live:
            raise LegGone("the caller hung up before the call was answered")

    async def hang_up(self, reason: str = "normal") -> None:
        """End the call, whatever its state. 'busy' and 'declined' tell an unanswered caller so."""
        call = self._call
        if call.state == CallState.ANSWERED:
            call.terminate("us", reason)
        elif isinstance(call, IncomingCall) and call.state == CallState.RINGING:
            call.deny(_REFUSALS.get(reason, 480))
        elif isinstance(call, OutgoingCall) and call.state == CallState.DIALING:
            call.cancel(reason)

    def play(self, pcm16: bytes) -> QueuedPlayback:
        """Queue audio behind what is still playing."""
        playback = QueuedPlayback(pcm16, self._loop)
        if self.live:
            self._call.media.play(playback)
        else:
            playback.stop()
        return playback

    def press(self, digits: str) -> None:
        """Send key presses; raises ValueError for what is no key."""
        self._call.press(digits)

    def listen(self, sink: Callable[[bytes], None] | None) -> None:
        """Frames of the other side go to `sink`."""
        self._call.media.listen(sink)

    def relay(self, sink: Callable[[bytes], None] | None) -> None:
        """Frames of the other side go to `sink` at once, on the media thread."""
        self._call.media.relay(sink)

    def feed(self, source: Callable[[], bytes | None] | None) -> None:
        """What the other side hears while nothing is played, asked for every 20 ms on the media thread."""
        self._call.media.feed(source)

    def forward(self, pcm16: bytes) -> None:
        """Let the other side hear this frame at once, in place of what is fed."""
        if self.live:
            self._call.endpoint.engine.forward(self._call.media, pcm16)

    def record(self, path: Path) -> None:
        """Record both sides (left: the caller, right: us); raises `OSError`, `FileExistsError`."""
        if not self.live:
            raise LegGone("the call is over")
        if self._recording is not None:
            raise FileExistsError("this call is being recorded already")
        self._recording = self._call.media.recording = self._writer.open(path, self._loop)

    def quality(self) -> dict[str, float]:
        """What became of the packets so far."""
        return figures(self._call.media)

    async def stop_recording(self) -> float:
        """Close the file; its length in seconds."""
        recording, self._recording = self._recording, None
        if recording is None:
            return 0.0
        self._call.media.recording = None
        recording.close()
        return await recording.length()

    async def until_answered(self) -> None:
        """For outgoing calls: until somebody picks up; raises `CallFailed`. Cancelling it cancels the call."""
        try:
            await asyncio.shield(self._answered)
        except asyncio.CancelledError:
            if isinstance(self._call, OutgoingCall):
                self._call.cancel()
            raise

    def _on_digit(self, digit: str) -> None:
        self.events.put_nowait(Digit(digit))

    def _on_answered(self) -> None:
        if not self._answered.done():
            self._answered.set_result(None)

    def _on_ended(self, by: Side, reason: str, status: int) -> None:
        self.refused = status
        if not self._answered.done():
            silent = isinstance(self._call, OutgoingCall) and not self._call.heard
            self._answered.set_exception(CallFailed(status or 480, reason, silent=silent))
            self._answered.exception()  # seen: nobody may be waiting for it
        self.events.put_nowait(HungUp(by, reason))
