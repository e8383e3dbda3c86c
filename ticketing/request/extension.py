"""延期 (T15): asked by the unit before expiry, with the chief's consent; decided by the supervisor or, if the policy says so, a leader."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.assignment.service import at_work
from ticketing.context import Core
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.deadline.policy import ExtensionRule
from ticketing.deadline.service import extend_clock, latest_end, policy_of, refuse_longer
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState


async def rule_for(session: AsyncSession, ticket: Ticket, assignment_id: int) -> tuple[Deadline, ExtensionRule | None]:
    """The unit's running handle clock and what the policy allows next. Raises IllegalStep when no clock runs."""
    statement = select(Deadline).where(
        Deadline.assignment_id == assignment_id,
        Deadline.ticket_id == ticket.id,
        Deadline.kind == ClockKind.HANDLE.value,
        Deadline.state == ClockState.RUNNING.value,
    )
    deadline = (await session.scalars(statement.with_for_update())).first()
    if deadline is None:
        raise IllegalStep(_("现在没有正在计时的办理时限"))
    return deadline, (await policy_of(session, ticket)).extension(deadline.extensions)


async def ask(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    assignment: Assignment,
    ticket: Ticket,
    *,
    limit: Limit,
    reason: str,
    told: str,
) -> Request:
    """Ask for more time: why and how far it is (`reason`), and what the citizen was told. Raises InvalidInput, IllegalStep."""
    if ticket.state != TicketState.IN_PROGRESS.value:
        raise IllegalStep(_("只有办理中的工单可以申请延期"))
    if len(told.strip()) < 5:
        raise InvalidInput(_("请写明怎样告诉市民的"), field="told")
    deadline, rule = await rule_for(session, ticket, assignment.id)
    _allowed(core, deadline, rule, limit)
    return await requests.ask(
        core, session, actor, ticket, RequestKind.EXTENSION, reason=reason, assignment=assignment,
        data={"value": limit.value, "unit": limit.unit}, limit_value=limit.value, limit_unit=limit.unit, told=told.strip()[:1000],
    )  # fmt: skip


def _allowed(core: Core, deadline: Deadline, rule: ExtensionRule | None, limit: Limit) -> None:
    if core.clock.now() >= deadline.due_at:
        raise IllegalStep(_("已经到期，不能再延期。延期要在到期以前申请和批准"))
    if rule is None:
        raise IllegalStep(_("这张工单不能再延期：已延期{n}次").format(n=deadline.extensions))
    if rule.limit is not None:
        refuse_longer(limit, rule.limit)


async def decide(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, request_id: int, *, approve: bool, note: str = ""
) -> Request:
    """Approve (the due time moves, the old one is kept, cards stay) or refuse. Raises NotAllowed, IllegalStep."""
    request = await requests.access_request(core, session, actor, ticket, request_id, RequestKind.EXTENSION)
    if not approve:
        await requests.close(core, session, actor, ticket, request, approve=False, note=note)
        return request
    at_work(ticket)
    if request.assignment_id is None or request.limit_value is None or request.limit_unit is None:
        raise IllegalStep(_("这个申请不完整，请单位重新申请"))
    deadline, rule = await rule_for(session, ticket, request.assignment_id)
    if rule is not None and rule.by is Role.LEADER and not actor.has(Role.LEADER):
        raise NotAllowed(_("这次延期要由领导批准"))
    before = deadline.due_at
    await extend_clock(core, session, deadline, Limit(request.limit_value, request.limit_unit))
    await _not_after_whom_it_helps(core, session, ticket, request.assignment_id, deadline)
    data = {"old_due": before.isoformat(), "due": deadline.due_at.isoformat(), "told": request.told}
    await requests.close(core, session, actor, ticket, request, approve=True, note=note, data=data, public=True)
    return request


async def _not_after_whom_it_helps(core: Core, session: AsyncSession, ticket: Ticket, assignment_id: int, deadline: Deadline) -> None:
    """A co-unit's own date never lies after that of the lead unit, or of the unit that passed the part on. Raises IllegalStep."""
    assignment = await session.get_one(Assignment, assignment_id)
    if assignment.lead:
        return
    latest = await latest_end(core, session, ticket.id, assignment.parent_id)
    if latest is not None and deadline.due_at > latest:
        raise IllegalStep(_("延期以后会晚于主办单位的期限，不能批准。请先延长主办期限，或让单位重新申请短一些的延期"))
