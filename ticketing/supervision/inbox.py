"""The inbox of a person: what supervision and the digest have to say to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.supervision.models import StaffNotice
from ticketing.supervision.wishes import How, load
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

PAGE = 50


@dataclass(frozen=True)
class InboxLine:
    """A notice with what the person may see of its ticket."""

    notice: StaffNotice
    number: str
    title: str


def seen(core: Core, actor: Actor) -> Any:
    """Handed over by now, and about no ticket that the person may not see (any more)."""
    reached = (StaffNotice.user_id == actor.user_id) & (StaffNotice.not_before <= core.clock.now())
    return reached & or_(StaffNotice.ticket_id.is_(None), visible(core, actor))


async def inbox(
    core: Core, session: AsyncSession, actor: Actor, *, unread: bool = False, group: str = "", before: int | None = None, limit: int = PAGE
) -> list[InboxLine]:
    """The person's notices, newest first; `group`: of one group (`wishes`) only; `before`: id of the last one of the page before."""
    statement = select(StaffNotice, Ticket.number, Ticket.title).outerjoin(Ticket, Ticket.id == StaffNotice.ticket_id)
    statement = statement.where(seen(core, actor))
    if unread:
        statement = statement.where(StaffNotice.read_at.is_(None))
    if group:
        statement = statement.where(StaffNotice.kind.in_(load().groups.get(group, frozenset())))
    if before is not None:
        statement = statement.where(StaffNotice.id < before)
    rows = await session.execute(statement.order_by(StaffNotice.id.desc()).limit(limit))
    return [InboxLine(row.StaffNotice, row.number or "", row.title or "") for row in rows]


async def count_unread(core: Core, session: AsyncSession, actor: Actor, *, most: int = 100) -> int:
    """How many wait for the person at once, at most `most`: the bell shows no more than 99+."""
    found = (
        select(StaffNotice.id)
        .outerjoin(Ticket, Ticket.id == StaffNotice.ticket_id)
        .where(seen(core, actor), StaffNotice.read_at.is_(None), StaffNotice.how == How.NOW.value)
        .limit(most)
    )
    return await session.scalar(select(func.count()).select_from(found.subquery())) or 0


async def mark_read(core: Core, session: AsyncSession, actor: Actor, notice_id: int | None = None) -> int:
    """Mark one notice, or all that the person has been given, as read; returns how many. Raises NotFound for somebody else's."""
    mine = (StaffNotice.user_id == actor.user_id) & (StaffNotice.not_before <= core.clock.now())
    if notice_id is not None:
        if await session.scalar(select(StaffNotice.id).where(mine, StaffNotice.id == notice_id)) is None:
            raise NotFound(_("没有找到这条提醒"))
        mine &= StaffNotice.id == notice_id
    now: datetime = core.clock.now()
    done = await session.execute(
        update(StaffNotice).where(mine, StaffNotice.read_at.is_(None)).values(read_at=now).returning(StaffNotice.id)
    )
    return len(done.all())
