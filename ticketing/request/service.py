"""What all requests have in common: asking, the chief's consent, deciding, taking back.

What an approval does stands in `returns`, `extension`, `suspension` and `dispute` (and `ticketing.ticket.refusal`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request.models import Request
from ticketing.request.pending import pending, withdraw_pending
from ticketing.request.states import RequestKind, RequestState
from ticketing.ticket import workflow_versions
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell
from ticketing.words import word

MIN_REASON = 10


async def ask(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    kind: RequestKind,
    *,
    reason: str,
    assignment: Assignment | None = None,
    data: dict[str, Any] | None = None,
    **columns: Any,
) -> Request:
    """Write a request down. The chief's own request carries his consent. Raises InvalidInput, NotAllowed, Conflict."""
    rules = await workflow_versions.current(session)
    rules.may(kind, "asks", actor)
    if len(reason.strip()) < MIN_REASON:
        raise InvalidInput(_("请写明理由和依据，至少{n}个字").format(n=MIN_REASON), field="reason")
    if await pending(session, ticket.id, kind, assignment_id=assignment.id if assignment else None):
        raise Conflict(_("已经有一个{kind}申请在等待处理").format(kind=word("request", kind.value)))
    request = Request(
        kind=kind.value,
        state=RequestState.PENDING.value,
        ticket_id=ticket.id,
        assignment_id=assignment.id if assignment else None,
        reason=reason.strip()[:2000],
        asked_by_id=actor.user_id,
        asked_at=core.clock.now(),
        data=data or {},
        **columns,
    )
    if rules.requests[kind].consents and actor.has(Role.CHIEF):
        request.consented_by_id, request.consented_at = actor.user_id, core.clock.now()
    session.add(request)
    await session.flush()
    await _event(core, session, actor, ticket, request, "asked", {"reason": request.reason, **(data or {})})
    return request


async def access_request(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, request_id: int, *kinds: RequestKind) -> Request:
    """A request of a ticket that came through `access_ticket`, locked. Unit people reach only their own unit's. Raises NotFound."""
    statement = select(Request).where(Request.id == request_id, Request.ticket_id == ticket.id)
    if kinds:
        statement = statement.where(Request.kind.in_([kind.value for kind in kinds]))
    request = (await session.scalars(statement.with_for_update())).first()
    if request is not None and actor.role is not None and actor.role.in_unit:
        owner = await session.scalar(select(Assignment.unit_id).where(Assignment.id == request.assignment_id))
        request = request if owner == actor.unit_id else None
    if request is None:
        raise NotFound(_("没有找到这个申请"))
    return request


async def only_pending(session: AsyncSession, ticket: Ticket, kind: RequestKind) -> Request:
    """The pending request of this kind; raises IllegalStep when there is none."""
    found = await pending(session, ticket.id, kind)
    if not found:
        raise IllegalStep(_("没有等待处理的{kind}申请").format(kind=word("request", kind.value)))
    return found[0]


def _expect_pending(request: Request) -> None:
    if request.state != RequestState.PENDING.value:
        raise IllegalStep(_("这个申请已经处理过：{state}").format(state=word("request_state", request.state)))


async def consent(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, request_id: int) -> Request:
    """The chief agrees with what a clerk of the unit asks (T15, T16)."""
    request = await access_request(core, session, actor, ticket, request_id)
    _expect_pending(request)
    (await workflow_versions.current(session)).may(RequestKind(request.kind), "consents", actor)
    if request.consented_at is not None:
        raise IllegalStep(_("已经同意过"))
    if request.asked_by_id == actor.user_id:  # a clerk who stands in for the chief (代) does not agree with himself
        raise NotAllowed(_("不能同意自己提出的申请"))
    request.consented_by_id, request.consented_at = actor.user_id, core.clock.now()
    await session.flush()
    await tell(core, session, actor, ticket, f"{request.kind}.consented", {"request": request.id, "assignment": request.assignment_id})
    return request


async def take_back(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, request_id: int) -> Request:
    """Whoever asked, or a chief of the unit, takes a pending request back; a dispute ends with its ruling only.

    Raises NotAllowed, IllegalStep.
    """
    request = await access_request(core, session, actor, ticket, request_id)
    _expect_pending(request)
    if request.kind == RequestKind.DISPUTE.value:  # the ticket has moved already: without the request nobody could rule it
        raise IllegalStep(_("争议会商已经开始，要由督办或领导裁定，不能收回"))
    if request.asked_by_id != actor.user_id and not actor.has(Role.CHIEF):
        raise NotAllowed(_("只有申请人或本单位首席代表可以收回申请"))
    request.state = RequestState.WITHDRAWN.value
    await session.flush()
    await _event(core, session, actor, ticket, request, "withdrawn", {})
    return request


async def close(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    request: Request,
    *,
    approve: bool,
    note: str = "",
    data: dict[str, Any] | None = None,
    public: bool = False,
) -> None:
    """Decide a pending request. Who asked may not decide; what needs the chief's consent waits for it.

    Raises NotAllowed, IllegalStep, InvalidInput (a refusal says why).
    """
    _expect_pending(request)
    rules = await workflow_versions.current(session)
    kind = RequestKind(request.kind)
    rules.may(kind, "decides", actor)
    if request.asked_by_id == actor.user_id:
        raise NotAllowed(_("不能处理自己提出的申请"))
    if rules.requests[kind].consents and request.consented_at is None:
        raise IllegalStep(_("还要本单位首席代表同意后才能处理"))
    if not approve and len(note.strip()) < 2:
        raise InvalidInput(_("请写明不同意的理由"), field="note")
    request.state = (RequestState.APPROVED if approve else RequestState.REFUSED).value
    request.decided_by_id, request.decided_at, request.note = actor.user_id, core.clock.now(), note.strip()[:1000]
    request.data = {**request.data, **(data or {})}
    await session.flush()
    details = {"note": request.note, **(data or {})}
    await _event(core, session, actor, ticket, request, "approved" if approve else "refused", details, public=public and approve)


async def _event(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    request: Request,
    part: str,
    data: dict[str, Any],
    *,
    public: bool = False,
) -> None:
    rule = (await workflow_versions.current(session)).requests[RequestKind(request.kind)]
    whole = {"request": request.id, "assignment": request.assignment_id, **data}
    await tell(core, session, actor, ticket, rule.events[part], whole, public=public)


__all__ = ["access_request", "ask", "close", "consent", "only_pending", "pending", "take_back", "withdraw_pending"]
