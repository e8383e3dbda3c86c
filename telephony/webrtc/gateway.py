"""Which call belongs to which seat."""

from __future__ import annotations

import re
from collections.abc import Iterator

from telephony.leg import Leg
from telephony.webrtc.seat import Seat

_SEAT = re.compile(r"seat-(\d{1,9})$")


def address(user_id: int, host: str, port: int) -> str:
    """What the telephony process dials to reach this agent's page."""
    return f"sip:seat-{user_id}@{host}:{port}"


class Gateway:
    """The seats of this process. `take` is the phone's `on_call`."""

    def __init__(self) -> None:
        """No seats yet: they come into being when somebody sits down or is called."""
        self._seats: dict[int, Seat] = {}

    def seat(self, user_id: int) -> Seat:
        """The seat of an agent."""
        return self._seats.setdefault(user_id, Seat(user_id))

    def taken(self) -> Iterator[Seat]:
        """Seats with a page."""
        return (seat for seat in list(self._seats.values()) if seat.taken)

    @property
    def calls(self) -> int:
        """Calls at seats now."""
        return sum(seat.call is not None for seat in self._seats.values())

    async def take(self, leg: Leg) -> None:
        """A call came in for `seat-…`. Nobody there: 480, so that the queue rings the next agent at once."""
        found = _SEAT.match(leg.called)
        outcome = await self.seat(int(found[1])).serve(leg) if found else "absent"
        if outcome != "served":
            await leg.hang_up("busy" if outcome == "busy" else "absent")
