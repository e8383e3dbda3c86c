"""What most tests put behind a phone: it answers and keeps what happens."""

from __future__ import annotations

import asyncio

from telephony.leg import HungUp, Leg, LegEvent, LegGone
from telephony.phone import Phone


class Desk:
    """Answers calls and keeps what happens in them."""

    def __init__(self, *, answer: bool = True) -> None:
        self.legs: list[Leg] = []
        self.events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self.heard: list[bytes] = []
        self.rang = asyncio.Event()
        self._answer = answer

    async def __call__(self, leg: Leg) -> None:
        self.legs.append(leg)
        self.rang.set()
        if self._answer:
            try:
                await leg.answer()
            except LegGone:
                pass
            leg.listen(self.heard.append)
        while True:
            event = await leg.events.get()
            self.events.put_nowait(event)
            if isinstance(event, HungUp):
                return

    @property
    def leg(self) -> Leg:
        return self.legs[-1]

    async def event(self, timeout: float = 3.0) -> LegEvent:
        return await asyncio.wait_for(self.events.get(), timeout)


def address(phone: Phone) -> str:
    return f"sip:12345@127.0.0.1:{phone.port}"
