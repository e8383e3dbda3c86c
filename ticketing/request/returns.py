"""退单 (T11, T12): before signing, within the time for signing, a unit says with the legal basis that it is not its matter.

Once per assignment. When the ticket was returned before, a second return becomes a dispute (T13).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.service import access_assignment, reply_ready
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, Deadline
from ticketing.deadline.service import start_dispatch_clock, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.request import dispute
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import move, take_step
from ticketing.words import word

_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


async def ask(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, reason: str) -> Request:
    """Ask to return it; the clocks go on. Raises IllegalStep, InvalidInput, NotAllowed, NotFound, Conflict."""
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    if ticket.state != TicketState.IN_PROGRESS.value:
        raise IllegalStep(_("工单现在是“{state}”，不能申请退单").format(state=word("state", ticket.state)))
    if assignment.state != AssignmentState.ASSIGNED.value:
        raise IllegalStep(_("本单位的办理状态是“{state}”，只有签收前可以申请退单").format(state=word("assignment", assignment.state)))
    if assignment.by_ruling:
        raise IllegalStep(_("这是争议会商裁定的承办单位，不能退单"))
    if await _asked_before(session, assignment):
        raise IllegalStep(_("这张工单已经申请过退单，不能再退"))
    if await _window_over(core, session, assignment):
        raise IllegalStep(_("签收时限已过，不能再退单，请签收办理"))
    if await _returned_before(session, ticket):
        return await dispute.dispute_return(core, session, actor, ticket, reason, assignment)
    return await requests.ask(core, session, actor, ticket, RequestKind.RETURN, reason=reason, assignment=assignment)


async def _asked_before(session: AsyncSession, assignment: Assignment) -> bool:
    statement = select(Request.id).where(Request.assignment_id == assignment.id, Request.kind == RequestKind.RETURN.value).limit(1)
    return await session.scalar(statement) is not None


async def _returned_before(session: AsyncSession, ticket: Ticket) -> bool:
    gone = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.state == AssignmentState.RETURNED.value).limit(1)
    return await session.scalar(gone) is not None


async def _window_over(core: Core, session: AsyncSession, assignment: Assignment) -> bool:
    due = select(Deadline.due_at).where(Deadline.assignment_id == assignment.id, Deadline.kind == ClockKind.SIGN.value)
    due_at = await session.scalar(due.order_by(Deadline.id.desc()).limit(1))
    return due_at is not None and core.clock.now() >= due_at


async def decide(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, request_id: int, *, approve: bool, note: str = ""
) -> Request:
    """Approved: the ticket waits for dispatch again (a co-unit simply drops out while others stay); refused: the unit must sign."""
    request = await requests.access_request(core, session, actor, ticket, request_id, RequestKind.RETURN)
    assignment = (await session.scalars(select(Assignment).where(Assignment.id == request.assignment_id).with_for_update())).one()
    await requests.close(core, session, actor, ticket, request, approve=approve, note=note)
    if not approve:
        return request
    await move(session, actor, assignment, "return")
    await stop_clocks(core, session, ticket.id, assignment_id=assignment.id, cancelled=True)
    if assignment.lead or not await _others_stay(session, assignment):  # under investigation every unit only helps, the last one too
        await _wait_for_dispatch(core, session, actor, ticket, assignment)
    else:
        await reply_ready(core, session, ticket)
    return request


async def _others_stay(session: AsyncSession, returned: Assignment) -> bool:
    """Whether another unit still has a part of the ticket."""
    others = select(Assignment.id).where(Assignment.ticket_id == returned.ticket_id, Assignment.id != returned.id)
    return await session.scalar(others.where(Assignment.state.not_in(_GONE)).limit(1)) is not None


async def _wait_for_dispatch(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, returned: Assignment) -> None:
    """Without a lead unit nobody else works on it; the due times that were promised stay in the cancelled clocks."""
    others = select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.id != returned.id, Assignment.state.not_in(_GONE))
    for other in await session.scalars(others):
        await move(session, SYSTEM, other, "cancel")
        await stop_clocks(core, session, ticket.id, assignment_id=other.id, cancelled=True)
        await requests.withdraw_pending(core, session, ticket, assignment_id=other.id)
    await take_step(core, session, actor, ticket, "redispatch", dispatched_at=None)
    await start_dispatch_clock(core, session, ticket)
