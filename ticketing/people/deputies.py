"""A/B post (AB岗, C09): who signs and signs off while the clerk or the chief of a unit is away."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor, StandIn
from ticketing.people.models import Deputy, Role, User

LONGEST = timedelta(days=92)
"""Whoever is away longer is replaced, not stood in for."""


async def standing_for(core: Core, session: AsyncSession, user: User) -> tuple[StandIn, ...]:
    """For whom this person may act just now. Both must be active and of the same unit still."""
    if not Role(user.role).in_unit:
        return ()
    now = core.clock.now()
    statement = (
        select(User)
        .join(Deputy, Deputy.user_id == User.id)
        .where(Deputy.deputy_id == user.id, Deputy.starts_at <= now, Deputy.ends_at > now)
        .where(User.active, User.unit_id == user.unit_id, User.role.in_([role.value for role in Role if role.in_unit]))
        .order_by(Deputy.id)
    )
    others = (await session.scalars(statement)).unique()
    return tuple(StandIn(other.id, other.name, Role(other.role), other.unit_id) for other in others)


async def candidates(session: AsyncSession, actor: Actor) -> list[User]:
    """Whom the actor may name: the active colleagues of the unit."""
    if actor.role is None or not actor.role.in_unit:
        return []
    statement = select(User).where(User.unit_id == actor.unit_id, User.active, User.id != actor.user_id).order_by(User.staff_number)
    return [user for user in await session.scalars(statement) if Role(user.role).in_unit]


async def name_deputy(core: Core, session: AsyncSession, actor: Actor, *, deputy_id: int, starts_at: datetime, ends_at: datetime) -> Deputy:
    """The actor names a colleague of the unit for a period [starts_at, ends_at). Raises InvalidInput, NotAllowed."""
    if actor.user_id is None or actor.role is None or not actor.role.in_unit:
        raise NotAllowed(_("只有承办单位的经办人和首席代表需要指定代理人"))
    now = core.clock.now()
    if ends_at <= max(starts_at, now):
        raise InvalidInput(_("结束时间要在开始时间和现在之后"), field="ends")
    if ends_at - starts_at > LONGEST:
        raise InvalidInput(_("代理最长三个月，更久请由管理员调整岗位"), field="ends")
    if deputy_id not in {user.id for user in await candidates(session, actor)}:
        raise InvalidInput(_("请选择本单位的同事"), field="deputy")
    # two forms sent at once wait for each other here
    await session.execute(select(User.id).where(User.id == actor.user_id).with_for_update())
    overlap = select(Deputy.id).where(Deputy.user_id == actor.user_id, Deputy.starts_at < ends_at, Deputy.ends_at > starts_at)
    if await session.scalar(overlap.limit(1)) is not None:
        raise InvalidInput(_("这段时间已经指定了代理人，请先结束原来的"), field="deputy")
    deputy = Deputy(user_id=actor.user_id, deputy_id=deputy_id, starts_at=starts_at, ends_at=ends_at, created_at=now)
    session.add(deputy)
    await session.flush()
    data = {"deputy": deputy_id, "from": starts_at.isoformat(), "to": ends_at.isoformat()}
    await record(session, at=now, name="deputy.named", subject="user", subject_id=actor.user_id, who=actor.who, data=data)
    return deputy


async def end_deputy(core: Core, session: AsyncSession, actor: Actor, deputy_row_id: int) -> None:
    """The actor is back early. Raises NotFound when it is not the actor's own arrangement, or over."""
    now = core.clock.now()
    own = select(Deputy).where(Deputy.id == deputy_row_id, Deputy.user_id == actor.user_id, Deputy.ends_at > now).with_for_update()
    deputy = (await session.scalars(own)).first()
    if deputy is None or actor.user_id is None:
        raise NotFound(_("没有找到这项代理安排"))
    if deputy.starts_at >= now:
        await session.delete(deputy)  # it never began
    else:
        deputy.ends_at = now
    await session.flush()
    data = {"deputy": deputy.deputy_id}
    await record(session, at=now, name="deputy.ended", subject="user", subject_id=actor.user_id, who=actor.who, data=data)


async def arrangements(core: Core, session: AsyncSession, user_id: int) -> list[tuple[Deputy, User]]:
    """What the person arranged that is not over, with the deputies."""
    statement = (
        select(Deputy, User)
        .join(User, User.id == Deputy.deputy_id)
        .where(Deputy.user_id == user_id, Deputy.ends_at > core.clock.now())
        .order_by(Deputy.starts_at)
    )
    return [(row.Deputy, row.User) for row in await session.execute(statement)]
