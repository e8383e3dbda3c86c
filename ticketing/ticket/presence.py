"""Who else has a ticket open: a soft hint that never locks anybody out (lesson 15); the version check is what holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import User
from ticketing.ticket.models import Ticket

SEEN_FOR = timedelta(seconds=50)
"""Pages say every 20 seconds that they are open."""


class Presence(Base):
    """A person has the page of a ticket open, or had a moment ago."""

    __tablename__ = "ticket_presence"
    __table_args__ = (Index("ix_ticket_presence_seen_at", "seen_at"),)

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime]


async def here(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> list[str]:
    """Note that the person has it open; the names of the others who do. The ticket came through `access_ticket`."""
    now = core.clock.now()
    if actor.user_id is not None:
        row = insert(Presence).values(ticket_id=ticket.id, user_id=actor.user_id, seen_at=now)
        await session.execute(row.on_conflict_do_update(index_elements=["ticket_id", "user_id"], set_={"seen_at": now}))
    others = (
        select(User.name)
        .join(Presence, Presence.user_id == User.id)
        .where(Presence.ticket_id == ticket.id, Presence.seen_at > now - SEEN_FOR, User.id != (actor.user_id or 0))
        .order_by(User.name)
    )
    return list(await session.scalars(others))


async def forget(core: Core, session: AsyncSession) -> int:
    """Delete what is long over; returns how many."""
    gone = await session.execute(
        delete(Presence).where(Presence.seen_at < core.clock.now() - timedelta(hours=1)).returning(Presence.user_id)
    )
    return len(gone.all())
