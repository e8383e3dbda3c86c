"""Starting and stopping clocks. A clock is a row; the sweep in `ticketing.supervision` moves its stage."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.deadline import policy
from ticketing.deadline.compute import moments
from ticketing.deadline.models import ClockKind, ClockState, Deadline, Stage
from ticketing.deadline.policy import Limit
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency


async def start_clock(
    core: Core, session: AsyncSession, ticket: Ticket, kind: ClockKind, limit: Limit, *, assignment_id: int | None = None
) -> Deadline:
    """Start a clock now. A running one of the same kind must have been stopped before: the database refuses a second."""
    now = core.clock.now()
    times = moments(await work_calendar(session), now, limit)
    deadline = Deadline(
        ticket_id=ticket.id,
        assignment_id=assignment_id,
        kind=kind.value,
        state=ClockState.RUNNING.value,
        stage=Stage.CALM.value,
        limit_value=limit.value,
        limit_unit=limit.unit,
        started_at=now,
        due_at=times.due_at,
        white_at=times.white_at,
        amber_at=times.amber_at,
        red_at=times.red_at,
        next_stage_at=times.white_at,
        provisional=times.provisional,
    )
    session.add(deadline)
    await session.flush()
    return deadline


async def start_dispatch_clock(core: Core, session: AsyncSession, ticket: Ticket) -> Deadline:
    """The centre's own clock until dispatch, by urgency."""
    return await start_clock(core, session, ticket, ClockKind.DISPATCH, policy.load().dispatch[Urgency(ticket.urgency)])


async def stop_clocks(
    core: Core, session: AsyncSession, ticket_id: int, *kinds: ClockKind, assignment_id: int | None = None, cancelled: bool = False
) -> None:
    """Stop the running clocks of these kinds (all kinds when none is named), of one assignment when given.

    A clock stopped by its due moment is met, after it late; the moment itself is too late (half-open interval).
    """
    statement = select(Deadline).where(Deadline.ticket_id == ticket_id, Deadline.state == ClockState.RUNNING.value)
    if kinds:
        statement = statement.where(Deadline.kind.in_([kind.value for kind in kinds]))
    if assignment_id is not None:
        statement = statement.where(Deadline.assignment_id == assignment_id)
    now = core.clock.now()
    for deadline in await session.scalars(statement.with_for_update()):
        met = ClockState.MET if now < deadline.due_at else ClockState.LATE
        deadline.state = (ClockState.CANCELLED if cancelled else met).value
        deadline.stopped_at, deadline.next_stage_at = now, None
    await session.flush()


async def running(session: AsyncSession, ticket_id: int) -> list[Deadline]:
    """The clocks of a ticket that still run, most pressing first."""
    statement = select(Deadline).where(Deadline.ticket_id == ticket_id, Deadline.state == ClockState.RUNNING.value)
    return list(await session.scalars(statement.order_by(Deadline.due_at)))
