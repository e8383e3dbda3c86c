"""排班: who is to be on duty when."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.duty.models import Shift
from ticketing.duty.service import ANSWERING
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.people.permissions import ensure

LONGEST = timedelta(hours=14)


async def add_shift(core: Core, session: AsyncSession, actor: Actor, user_id: int, starts_at: datetime, ends_at: datetime) -> Shift:
    """Put somebody on the roster. Raises NotAllowed, NotFound, InvalidInput, Conflict when it overlaps one of theirs."""
    actor = ensure(actor, "duty.manage")
    user = await session.get(User, user_id, with_for_update=True)
    if user is None or not user.active or Role(user.role) not in ANSWERING:
        raise NotFound(_("没有找到这位坐席"))
    now = core.clock.now()
    if not starts_at < ends_at <= starts_at + LONGEST or ends_at <= now or starts_at > now + timedelta(days=90):
        raise InvalidInput(_("一班最长14小时，结束要晚于现在"), field="ends_at")
    overlap = select(Shift.id).where(Shift.user_id == user_id, Shift.starts_at < ends_at, Shift.ends_at > starts_at).limit(1)
    if await session.scalar(overlap):
        raise Conflict(_("和这位坐席的另一班重叠"))
    shift = Shift(user_id=user_id, starts_at=starts_at, ends_at=ends_at, created_at=now, created_by_id=actor.account)
    session.add(shift)
    await session.flush()
    await _event(core, session, actor, shift, "duty.shift_added")
    return shift


async def drop_shift(core: Core, session: AsyncSession, actor: Actor, shift_id: int) -> None:
    """Take a shift that is not over from the roster. Raises NotAllowed, NotFound."""
    actor = ensure(actor, "duty.manage")
    shift = await session.get(Shift, shift_id, with_for_update=True)
    if shift is None or shift.ends_at <= core.clock.now():
        raise NotFound(_("没有找到这一班"))
    await _event(core, session, actor, shift, "duty.shift_dropped")
    await session.delete(shift)
    await session.flush()


async def shifts(core: Core, session: AsyncSession, *, days: int = 7) -> list[tuple[Shift, User]]:
    """Shifts that run or begin in the next days, by their start."""
    now = core.clock.now()
    statement = (
        select(Shift, User)
        .join(User, User.id == Shift.user_id)
        .where(Shift.ends_at > now, Shift.starts_at < now + timedelta(days=days))
        .order_by(Shift.starts_at, User.staff_number)
        .limit(300)
    )
    return [(row.Shift, row.User) for row in await session.execute(statement)]


async def rostered(core: Core, session: AsyncSession) -> set[int]:
    """Who is to be on duty now."""
    now = core.clock.now()
    return set(await session.scalars(select(Shift.user_id).where(Shift.starts_at <= now, Shift.ends_at > now)))


async def _event(core: Core, session: AsyncSession, actor: Actor, shift: Shift, name: str) -> None:
    data = {"from": shift.starts_at.isoformat(), "to": shift.ends_at.isoformat()}
    await record(session, at=core.clock.now(), name=name, subject="duty", subject_id=shift.user_id, who=actor.who, data=data)
