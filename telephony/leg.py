"""What the call flow sees of one call. The SIP layer implements it, `telephony.testing.FakeLeg` stands in for it in tests.

Everything here belongs to the event loop: methods are called on the loop's thread, and events and audio arrive there.
Audio is always 8 kHz, mono, 16-bit little-endian (PCM16), whatever codec is on the line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

RATE_HZ = 8000
"""Samples per second of all telephone audio."""
FRAME_MS = 20
"""Length of one frame, as on the line."""
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
"""Bytes of one PCM16 frame."""

Side = Literal["caller", "us", "timeout"]
"""Who ended a call: the other party, this side, or a clock (no media, no acknowledgement)."""


@dataclass(frozen=True)
class Digit:
    """A key was pressed: one of 0-9, *, #, A-D. Each press comes once, whichever way it was signalled."""

    digit: str


@dataclass(frozen=True)
class HungUp:
    """The call is over; always the last event of a leg. `reason` is for logs and statistics, never for callers."""

    by: Side
    reason: str = "normal"


LegEvent = Digit | HungUp


@dataclass(frozen=True)
class CallHeaders:
    """What the trunk said about a call besides the two numbers. Numbers in digits, with a leading + where they came so."""

    asserted: str | None = None
    """The caller's number as the network vouches for it (P-Asserted-Identity)."""
    claimed: str | None = None
    """The caller's number as the caller's own device says (From)."""
    diverted_from: str | None = None
    """The number that forwarded the call to us last (Diversion, RFC 5806)."""
    name: str = ""
    """The display name. Personal data: never for logs."""


class LegGone(Exception):
    """The call ended before the step could be taken, for example `answer` after the caller gave up."""


class CallFailed(Exception):
    """An outgoing call was not answered. `status` is the SIP status (486 busy, 408 nobody answered …)."""

    def __init__(self, status: int, reason: str, *, silent: bool = False) -> None:
        """`reason` is the other side's word for it. `silent`: nobody on the way said a word, so the line is dead; the status is 408."""
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.silent = silent


class Playback(Protocol):
    """One piece of audio on its way to the caller."""

    async def wait(self) -> bool:
        """Until it is over. True: played to the end; False: stopped, or the call ended."""
        ...

    def stop(self) -> None:
        """Cut it off now (barge-in, 打断). What is queued after it goes on. Harmless when already over."""
        ...


class Leg(Protocol):
    """One call: the caller's end of it, as the flow drives it."""

    id: UUID
    sip_call_id: str
    caller: str | None
    """The caller's number in digits (with a leading + where it came so), None when withheld or not a number."""
    called: str
    """The number or name that was called (DID): out of the request's URI, or of To where that names no number."""
    headers: CallHeaders
    events: asyncio.Queue[LegEvent]
    """Digits as they come, then one `HungUp`."""
    on_held: Callable[[bool], None]
    """Called when the other side puts us on hold (True) and takes us back (False)."""
    on_transfer: Callable[[str], Awaitable[None]] | None
    """Asked when the other side wants the call transferred (its phone sent REFER to this URI); None: declined.

    The other side is told the outcome: return when it worked, raise `CallFailed` when not.
    """

    @property
    def codec(self) -> str:
        """'PCMU' or 'PCMA'."""
        ...

    @property
    def live(self) -> bool:
        """False once the call is over."""
        ...

    @property
    def held(self) -> bool:
        """Whether the other side has put us on hold: it hears nothing of what is played."""
        ...

    @property
    def holding(self) -> bool:
        """Whether we have put the other side on hold: it hears what is played (music), we do not hear it."""
        ...

    async def early_media(self) -> bool:
        """Let the caller hear what is played before the call is answered (183), for announcements that cost nothing.

        Whether the caller can hear us now; False where the caller left the offer to us: what is played waits for `answer` then.
        Raises `LegGone` when the caller gave up first.
        """
        ...

    async def answer(self) -> None:
        """Pick up. Returns when audio can flow; raises `LegGone` when the caller gave up first. Twice is harmless."""
        ...

    async def hang_up(self, reason: str = "normal") -> None:
        """End the call (refuse it with 'busy' when not answered yet). Harmless when it is already over."""
        ...

    async def hold(self) -> None:
        """Put the other side on hold (re-INVITE, sendonly). Twice is harmless.

        Raises `CallFailed` when its phone refuses (the call goes on as it was), `LegGone` when the call is over.
        """
        ...

    async def resume(self) -> None:
        """Take the other side back from hold. Raises like `hold`."""
        ...

    async def refer(self, target: str, *, timeout_s: float = 60.0) -> None:
        """Blind transfer: ask the other side to call `target` (a sip: URI) instead of us, and wait until that is answered.

        Then hang up. Raises `CallFailed` when it did not work (busy, declined …): the call with us goes on, `LegGone` when the
        call is over, ValueError when the target is no sip: URI.
        """
        ...

    def play(self, pcm16: bytes) -> Playback:
        """Queue audio behind what is still playing. On a dead call the playback is over at once."""
        ...

    def press(self, digits: str) -> None:
        """Send key presses to the other side (RFC 4733 where it was agreed, else SIP INFO)."""
        ...

    def listen(self, sink: Callable[[bytes], None] | None) -> None:
        """Give every 20 ms frame of the other side to `sink`, on the loop's thread, in order; None stops it.

        Lost packets are concealed, silence is delivered as silence: the frames are the call's time line.
        """
        ...

    def relay(self, sink: Callable[[bytes], None] | None) -> None:
        """As `listen`, but at once and on the media thread: for a bridge. The sink must be quick and never block or raise."""
        ...

    def feed(self, source: Callable[[], bytes | None] | None) -> None:
        """What the other side hears while nothing is played: asked every 20 ms on the media thread, None means silence."""
        ...

    def forward(self, pcm16: bytes) -> None:
        """Let the other side hear this frame of 20 ms at once: for sound that comes with a clock of its own, such as a browser's.

        While frames come nothing is played and nothing is fed; 100 ms after the last one both go on.
        """
        ...

    def record(self, path: Path) -> None:
        """Record both sides as stereo (left: the caller, right: us), written as it comes; `ticketing.conversation.recordings` reads it.

        Raises `OSError` (`FileExistsError` too: nothing is overwritten), `LegGone` when the call is over.
        """
        ...

    def quality(self) -> dict[str, float]:
        """What became of the packets so far: received, lost, late, gaps, concealed … (`telephony.media.metrics.figures`)."""
        ...

    async def stop_recording(self) -> float:
        """Close the file; the length in seconds, 0.0 when nothing was being recorded."""
        ...
