"""The own date of a unit that helps (协办期限): set at dispatch or later, never after the date of whom it helps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.service import at_work
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.deadline.service import latest_end, set_end
from ticketing.people.actor import Actor
from ticketing.people.permissions import Scope, ensure, scope_of
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell


async def set_co_date(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, assignment_id: int, until: datetime, reason: str
) -> Deadline:
    """Move the end of a co-unit's handling clock to `until`; the clock is swept as before, with reminders and cards.

    Dispatcher and supervisor may for every co-unit, a unit's people for a part that they passed on themselves (matrix 4b:
    «O to level 3»). Only before the clock is over: what is late stays late. The ticket is locked. Raises NotFound,
    NotAllowed, IllegalStep, InvalidInput.
    """
    actor = ensure(actor, "assignment.date")
    assignment = await _given_by(session, actor, ticket, assignment_id)
    at_work(ticket)
    if assignment.lead:
        raise IllegalStep(_("主办单位的期限由时限规则决定，只能申请延期"))
    clock = await _running(session, assignment)
    if not AssignmentState(assignment.state).is_open or clock is None:
        raise IllegalStep(_("这个单位的办理时限没有在走，不能改期限"))
    if core.clock.now() >= clock.due_at:
        raise IllegalStep(_("协办期限已经过了，不能再改"))
    if len(reason.strip()) < 2:
        raise InvalidInput(_("请写明为什么定在这个时间"), field="reason")
    before = clock.due_at
    await date(core, session, assignment, until)
    data = {
        "assignment": assignment.id, "unit": assignment.unit_id, "reason": reason.strip()[:500],
        "before": before.isoformat(), "after": clock.due_at.isoformat(),
    }  # fmt: skip
    await tell(core, session, actor, ticket, "assignment.dated", data)
    return clock


async def date(core: Core, session: AsyncSession, assignment: Assignment, until: datetime) -> None:
    """Let the running handling clock of a co-unit's part end at `until`; a part without one has replied. Raises InvalidInput."""
    clock = await _running(session, assignment)
    if clock is not None:
        await set_end(core, session, clock, until, latest=await latest_end(core, session, assignment.ticket_id, assignment.parent_id))


async def _given_by(session: AsyncSession, actor: Actor, ticket: Ticket, assignment_id: int) -> Assignment:
    """The part, locked, if the actor may set its date; else as if it did not exist."""
    statement = select(Assignment).where(Assignment.id == assignment_id, Assignment.ticket_id == ticket.id)
    if scope_of(actor, "assignment.date") is not Scope.ALL:
        own = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == actor.unit_id)
        statement = statement.where(Assignment.parent_id.in_(own))
    found = (await session.scalars(statement.with_for_update())).first()
    if found is None:
        raise NotFound(_("没有找到这张工单"))
    return found


async def _running(session: AsyncSession, assignment: Assignment) -> Deadline | None:
    statement = select(Deadline).where(
        Deadline.assignment_id == assignment.id,
        Deadline.kind == ClockKind.HANDLE.value,
        Deadline.state == ClockState.RUNNING.value,
    )
    return (await session.scalars(statement.with_for_update())).first()


__all__ = ["date", "set_co_date"]
