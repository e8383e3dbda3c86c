"""法定程序 (domain.md 2.4): a matter that a unit led into a procedure by statute, which runs longer than the hotline's time.

The hotline's clock ends with "accepted into procedure X, citizen told"; from then on the procedure has a clock of its own. It
goes on while the ticket is called back and closed, keeps it from being archived, and ends when the unit tells the result.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE
from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Assignment, LegalProcedure, Reply
from ticketing.assignment.service import access_assignment
from ticketing.assignment.statutes import limits
from ticketing.context import Core
from ticketing.deadline import compute
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import OPEN, ClockKind, Deadline
from ticketing.deadline.service import start_clock, start_window_until, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role, Unit
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

MIN_RESULT, MAX_RESULT = 10, 5000


async def begin(core: Core, session: AsyncSession, ticket: Ticket, replies: list[tuple[Assignment, Reply]]) -> None:
    """The review has passed these replies: each procedure among them gets its clock. A round before may have left one running."""
    for assignment, reply in replies:
        await stop_clocks(core, session, ticket.id, ClockKind.STATUTE, assignment_id=assignment.id, cancelled=True)
        assignment.procedure_result, assignment.procedure_ended_at = "", None
        if not reply.legal_procedure:
            continue
        until = datetime.combine(reply.legal_due_on + timedelta(days=1), time(0), CITY_ZONE) if reply.legal_due_on else None
        if until is not None and until > core.clock.now():
            deadline = await start_window_until(core, session, ticket, ClockKind.STATUTE, until, assignment_id=assignment.id)
        else:
            limit = limits().get(LegalProcedure(reply.legal_procedure), Limit(1, "wd"))  # the named day passed during the review
            deadline = await start_clock(
                core, session, ticket, ClockKind.STATUTE, limit, assignment_id=assignment.id, options=compute.USUAL
            )
        data = {"assignment": assignment.id, "unit": assignment.unit_id, "procedure": reply.legal_procedure}
        await tell(core, session, SYSTEM, ticket, "procedure.began", {**data, "due": deadline.due_at.isoformat()})


async def conclude(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, result: str) -> None:
    """The unit (or the centre for it) tells what came out of the procedure: its clock stops, the citizen is told.

    Raises NotFound (another unit's), IllegalStep when no procedure runs, InvalidInput.
    """
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    if not MIN_RESULT <= len(result.strip()) <= MAX_RESULT:
        raise InvalidInput(_("请写明法定程序的结果，至少{n}个字").format(n=MIN_RESULT), field="result")
    if not await running(session, assignment.id, late=True):
        raise IllegalStep(_("这个单位没有正在进行的法定程序"))
    await stop_clocks(core, session, ticket.id, ClockKind.STATUTE, assignment_id=assignment.id)
    assignment.procedure_result, assignment.procedure_ended_at = result.strip(), core.clock.now()
    ticket.updated_at = core.clock.now()
    await session.flush()
    data = {"assignment": assignment.id, "unit": assignment.unit_id, "result": result.strip()}
    await tell(core, session, actor, ticket, "procedure.concluded", data, public=True)


async def running(session: AsyncSession, assignment_id: int, *, late: bool = False) -> bool:
    """Whether a procedure of this part goes on; `late`: also one whose time is over and whose result nobody has told."""
    newest = select(Deadline.state).where(Deadline.assignment_id == assignment_id, Deadline.kind == ClockKind.STATUTE.value)
    state = await session.scalar(newest.order_by(Deadline.id.desc()).limit(1))
    told = await session.scalar(select(Assignment.procedure_ended_at).where(Assignment.id == assignment_id))
    return state in OPEN or (late and state == "late" and told is None)


async def overdue(core: Core, session: AsyncSession, ticket: Ticket, assignment_id: int | None) -> None:
    """The statute's time is over and no result was told: the unit and the supervisors hear of it. Called by the sweep."""
    part = await session.get(Assignment, assignment_id) if assignment_id is not None else None
    if part is None:
        return
    unit = await session.get_one(Unit, part.unit_id)
    directory = await Directory.load(session)
    people = [*directory.of_unit(part.unit_id, ticket.line), *directory.of_role(ticket.line, Role.SUPERVISOR)]
    await tell_people(core, session, people, NoticeKind.PROCEDURE_OVERDUE, ticket, unit=unit.name)
    await tell(core, session, SYSTEM, ticket, "procedure.overdue", {"assignment": part.id, "unit": part.unit_id})
