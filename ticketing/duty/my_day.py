"""我的今天: what a person has done since midnight in the city, for themselves to see. Not a score: figures of people are statistics."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.duty.models import DutyPeriod, DutyState
from ticketing.people.actor import Actor
from ticketing.ticket.access import midnight, visible_to
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import OPEN, among


@dataclass(frozen=True)
class MyDay:
    """Today, in numbers and whole seconds."""

    calls: int
    """Calls begun today; one that goes on counts."""
    mean_talk_s: int | None
    """Of the calls that are over; None: none is."""
    mean_wrap_s: int | None
    """After-call work (话后整理)."""
    break_s: int
    tickets: int
    """Registered by this person."""


async def my_day(core: Core, session: AsyncSession, actor: Actor) -> MyDay:
    """The person's own day; nothing for who is no member of staff."""
    now = core.clock.now()
    morning = midnight(core)
    length = func.extract("epoch", func.coalesce(DutyPeriod.ended_at, now) - DutyPeriod.started_at)
    over = DutyPeriod.ended_at.is_not(None)
    statement = (
        select(DutyPeriod.state, func.count(), func.avg(length).filter(over), func.sum(length))
        .where(DutyPeriod.user_id == (actor.user_id or 0), DutyPeriod.started_at >= morning)
        .group_by(DutyPeriod.state)
    )
    found = {state: (count, mean, total) for state, count, mean, total in await session.execute(statement)}
    nothing = (0, None, 0)
    busy, wrap = found.get(DutyState.BUSY.value, nothing), found.get(DutyState.WRAP_UP.value, nothing)
    own = (Ticket.created_by_id == (actor.user_id or 0)) & (Ticket.received_at >= morning)
    tickets = await session.scalar(select(func.count()).select_from(Ticket).where(own, visible_to(actor, midnight(core), one_by_one=True)))
    return MyDay(
        calls=busy[0],
        mean_talk_s=round(busy[1]) if busy[1] is not None else None,
        mean_wrap_s=round(wrap[1]) if wrap[1] is not None else None,
        break_s=round(found.get(DutyState.BREAK.value, nothing)[2]),
        tickets=tickets or 0,
    )


async def my_due_tickets(core: Core, session: AsyncSession, actor: Actor, *, limit: int = 6) -> list[Ticket]:
    """Open tickets that the person registered and on which a clock runs, the most pressing first: the citizen may call and ask."""
    own = (Ticket.created_by_id == (actor.user_id or 0)) & among(Ticket.state, *OPEN) & Ticket.next_due_at.is_not(None)
    found = select(Ticket).where(own, visible_to(actor, midnight(core), one_by_one=True))
    return list(await session.scalars(found.order_by(Ticket.next_due_at, Ticket.id).limit(limit)))
