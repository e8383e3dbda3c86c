"""What a bridge needs of a leg. A `telephony.leg.Leg` is one; a telephone in the browser comes in as a SIP call of its gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from telephony.leg import Leg, LegEvent


class BridgeLeg(Protocol):
    """One party's end of a bridge. Audio is 8 kHz mono PCM16 in frames of 20 ms."""

    id: UUID
    events: asyncio.Queue[LegEvent]
    """Digits as they come, then one `HungUp`."""
    on_held: Callable[[bool], None]
    """Called when the party's telephone puts us on hold and takes us back."""
    on_transfer: Callable[[str], Awaitable[None]] | None
    """Asked when the party's telephone wants the call transferred to this URI; raises CallFailed when that can't be."""

    @property
    def live(self) -> bool:
        """False once the call is over."""
        ...

    def relay(self, sink: Callable[[bytes], None] | None) -> None:
        """Each frame of the party goes to `sink` at once, on any thread. The sink is quick and never raises."""
        ...

    def feed(self, source: Callable[[], bytes | None] | None) -> None:
        """Asked for a frame every 20 ms, on any thread: what the party hears. None means silence."""
        ...

    def listen(self, sink: Callable[[bytes], None] | None) -> None:
        """Each frame also goes here, on the loop's thread, for transcripts."""
        ...

    async def hang_up(self, reason: str = "normal") -> None:
        """End it; harmless when it is over."""
        ...


OnEarly = Callable[[BridgeLeg], None]
"""Told, at most once, that the far end plays something before it answers: an announcement, a tone of its own."""


class Dial(Protocol):
    """Ring a telephone. Cancelling it stops the ring."""

    async def __call__(self, uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> Leg:
        """The leg when it is answered; the same one that `on_early` was told of. Raises `CallFailed`, ValueError, OSError.

        `codec` is offered first: where both legs speak the citizen's, sound goes through byte for byte, without a second loss of quality.
        """
        ...
