"""What a bridge needs of a leg. A `telephony.leg.Leg` is one; a telephone in the browser comes in as a SIP call of its gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from telephony.leg import LegEvent


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


Dial = Callable[[str, float, str], Awaitable[BridgeLeg]]
"""`await dial(uri, ring_s, codec)`: ring a telephone; the leg when it is answered. Raises `CallFailed`, ValueError, OSError.

`codec` is offered first: where both legs speak the citizen's, sound goes through byte for byte, without a second loss of quality.

Cancelling it stops the ring."""
