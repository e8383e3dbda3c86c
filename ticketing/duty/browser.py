"""The browser as an agent's telephone: while a page of the console is connected, calls come to its gateway."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import record
from ticketing.context import Core
from ticketing.duty.models import Duty
from ticketing.duty.service import duty_of
from ticketing.people.actor import SYSTEM

_SEAT = "sip:seat-"


async def sit_down(core: Core, session: AsyncSession, user_id: int, address: str) -> bool:
    """A page is connected: ring it. False when the agent has a desk phone, which goes first."""
    duty = await duty_of(core, session, user_id)
    if duty.phone and not duty.phone.startswith(_SEAT):
        return False
    await _set(core, session, duty, address)
    return True


async def stand_up(core: Core, session: AsyncSession, user_id: int, address: str) -> None:
    """The page is gone: nothing can ring there any more. Harmless when another gateway has the agent by now."""
    duty = await duty_of(core, session, user_id)
    if duty.phone == address:
        await _set(core, session, duty, "")


async def forget(core: Core, session: AsyncSession, gateway: str) -> int:
    """A gateway starts: no page is connected to `gateway` (host:port) yet, whatever a crash left. Returns how many seats there were."""
    left = select(Duty).where(Duty.phone.startswith(_SEAT, autoescape=True), Duty.phone.endswith(f"@{gateway}", autoescape=True))
    seats = list(await session.scalars(left.order_by(Duty.user_id).with_for_update()))
    for duty in seats:
        await _set(core, session, duty, "")
    return len(seats)


async def _set(core: Core, session: AsyncSession, duty: Duty, phone: str) -> None:
    if duty.phone == phone:
        return
    duty.phone = phone
    await session.flush()
    data = {"set": bool(phone), "browser": True}
    await record(session, at=core.clock.now(), name="duty.phone", subject="duty", subject_id=duty.user_id, who=SYSTEM.who, data=data)
