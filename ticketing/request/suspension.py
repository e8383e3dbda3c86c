"""挂账 (T16, T17): what cannot be done now waits, with a reason that the citizen was told and a date on which it is looked at again."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE, to_city
from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.service import reply_ready
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import pause_clocks, resume_clocks, start_window_until, stop_clocks
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, SuspensionReason
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import take_step

LEADER_BEYOND = timedelta(days=90)
"""A longer suspension is a leader's to decide."""
LONGEST = timedelta(days=3 * 365)
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
HANDLING = (ClockKind.SIGN, ClockKind.CONTACT, ClockKind.ON_SITE, ClockKind.PLAN, ClockKind.HANDLE)


async def ask(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    assignment: Assignment,
    ticket: Ticket,
    *,
    reason_class: SuspensionReason,
    reason: str,
    told: str,
    review_on: date,
) -> Request:
    """The lead unit asks for a suspension; `told`: how it was explained to the citizen. Raises InvalidInput, IllegalStep."""
    if ticket.state != TicketState.IN_PROGRESS.value or not assignment.lead or not AssignmentState(assignment.state).is_open:
        raise IllegalStep(_("只有办理中的主办单位可以申请挂账"))
    if len(told.strip()) < 10:
        raise InvalidInput(_("请写明怎样向市民解释的，至少10个字"), field="told")
    today = to_city(core.clock.now()).date()
    if not today < review_on <= today + LONGEST:
        raise InvalidInput(_("复查日期应在明天以后、三年以内"), field="review_on")
    return await requests.ask(
        core, session, actor, ticket, RequestKind.SUSPENSION, reason=reason, assignment=assignment,
        data={"review_on": review_on.isoformat(), "class": reason_class.value},
        reason_class=reason_class.value, review_on=review_on, told=told.strip()[:1000],
    )  # fmt: skip


async def decide(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, request_id: int, *, approve: bool, note: str = ""
) -> Request:
    """The supervisor decides; for more than 90 days a leader. Approved: the handling clocks pause until the review date.

    Raises NotAllowed, IllegalStep (also when the unit that asked does not lead any more: only a refusal is left).
    """
    request = await requests.access_request(core, session, actor, ticket, request_id, RequestKind.SUSPENSION)
    today = to_city(core.clock.now()).date()
    if approve and request.review_on is not None and request.review_on - today > LEADER_BEYOND and not actor.has(Role.LEADER):
        raise NotAllowed(_("挂账超过{n}天要由领导批准").format(n=LEADER_BEYOND.days))
    await requests.close(core, session, actor, ticket, request, approve=approve, note=note)
    if approve:
        if request.review_on is None or request.review_on <= today:
            raise IllegalStep(_("复查日期已经过了，请单位重新申请"))
        if not await _still_leads(session, request):
            raise IllegalStep(_("申请挂账的单位已经不是主办单位，不能批准"))
        data = {"reason": request.reason_class, "told": request.told, "review_on": request.review_on.isoformat()}
        data |= {"review_date": data["review_on"], "reason_class": data["reason"]}  # as the citizen's notice reads them
        await take_step(core, session, actor, ticket, "suspend", data=data)
        await pause_clocks(core, session, ticket.id, *HANDLING)
        until = datetime.combine(request.review_on, time(9), CITY_ZONE)
        await start_window_until(core, session, ticket, ClockKind.SUSPENSION, until)
    return request


async def resume(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, note: str) -> None:
    """T17: it goes on, with what was left of the time. By the lead unit, the supervisor, or the system on the review date.

    Raises NotAllowed for a unit that only helps, IllegalStep when it is not suspended.
    """
    if actor.role is not None and actor.role.in_unit and not await _leads(session, actor, ticket):
        raise NotAllowed(_("挂账由主办单位或督办恢复办理"))

    async def clocks() -> None:
        await stop_clocks(core, session, ticket.id, ClockKind.SUSPENSION)
        await resume_clocks(core, session, ticket.id, *HANDLING)

    await take_step(core, session, actor, ticket, "resume", data={"note": note.strip()[:500]} if note.strip() else None, clocks=clocks)
    await reply_ready(core, session, ticket)


async def _still_leads(session: AsyncSession, request: Request) -> bool:
    """A ruling may have given the lead to another unit since the request was made."""
    assignment = await session.get_one(Assignment, request.assignment_id)
    return assignment.lead and AssignmentState(assignment.state).is_open


async def _leads(session: AsyncSession, actor: Actor, ticket: Ticket) -> bool:
    lead = select(Assignment.unit_id).where(Assignment.ticket_id == ticket.id, Assignment.lead, Assignment.state.not_in(_GONE))
    return await session.scalar(lead) == actor.unit_id
