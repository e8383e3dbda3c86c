"""What was asked for on a ticket (return, extension, suspension, dispute, refusal) and who waits to be called: the ids that steps take."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field
from sqlalchemy import select

from channels.api.call import Call, Operation
from channels.api.models import Told
from channels.api.ticket_door import open_ticket
from ticketing.assignment.models import Assignment
from ticketing.callback.models import ReturnCall
from ticketing.people.permissions import may
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, RequestState


class RequestOut(Told):
    """One request. `id` is the `request` of decide_…, consent and take_back."""

    id: int
    kind: RequestKind
    state: RequestState
    assignment: int | None = Field(description="哪个承办单位提出的；争议和不予受理没有")
    reason: str
    told: str
    limit_value: float | None
    limit_unit: str | None
    reason_class: str | None
    review_on: date | None
    asked_at: datetime
    consented_at: datetime | None
    decided_at: datetime | None
    note: str


class ReturnCallOut(Told):
    """A call that is owed. `id` is the `return_call` of the step return_call."""

    id: int
    reason: str
    state: str
    due_at: datetime


class Requests(Told):
    """Newest first."""

    items: list[RequestOut]
    return_calls: list[ReturnCallOut] = Field(description="欠市民的回拨；不能办回拨的人看到的是空的")


async def list_requests(call: Call) -> Requests:
    """The requests on a ticket; people of a unit see their own unit's, as on the page."""
    ticket = await open_ticket(call, call.part("number"))
    statement = select(Request).where(Request.ticket_id == ticket.id).order_by(Request.id.desc())
    if call.actor.role and call.actor.role.in_unit:
        ours = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == call.actor.unit_id)
        statement = statement.where(Request.assignment_id.in_(ours))
    items = [_out(each) for each in await call.session.scalars(statement)]
    owed = select(ReturnCall).where(ReturnCall.ticket_id == ticket.id, ReturnCall.state == "open").order_by(ReturnCall.id.desc())
    calls = list(await call.session.scalars(owed)) if may(call.actor, "return_call.finish") else []
    return Requests(
        items=items, return_calls=[ReturnCallOut(id=each.id, reason=each.reason, state=each.state, due_at=each.due_at) for each in calls]
    )


def _out(request: Request) -> RequestOut:
    asked = ("id", "reason", "told", "limit_value", "limit_unit", "reason_class", "review_on", "asked_at")
    return RequestOut(
        kind=RequestKind(request.kind), state=RequestState(request.state), assignment=request.assignment_id,
        **{name: getattr(request, name) for name in (*asked, "consented_at", "decided_at", "note")},
    )  # fmt: skip


OPERATIONS = (
    Operation("GET", "/tickets/{number}/requests", list_requests, "listRequests", "工单", "申请和欠的回拨", answer=Requests),
)  # fmt: skip
