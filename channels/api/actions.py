"""Every step of the workflow as `POST /tickets/{number}/actions/{action}`, one at a time or for up to a hundred tickets."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from channels.api import idempotency
from channels.api.action_bodies import BODIES, as_form
from channels.api.call import Answer, Call, Operation
from channels.api.explain import explain
from channels.api.models import NumberText, Sent, Told
from channels.api.run import fresh
from channels.api.ticket_answers import TicketWhole, etag
from channels.api.ticket_door import open_ticket
from channels.api.tickets import whole
from channels.console.actions import HANDLERS, PERMISSIONS
from channels.console.step import Step
from channels.web.problems import problem_body
from hotline.errors import HotlineError, NotFound
from ticketing.people.permissions import ensure
from ticketing.ticket.access import access_ticket

TAG = "步骤"
MAX_BULK = 100
ACTIONS = tuple(name for name in HANDLERS if name in BODIES)


class ActionDone(Told):
    """What a step led to."""

    action: str
    result: str
    ticket: TicketWhole | None = Field(description="做完以后的工单；做完以后看不到它的（例如已退单），是null")


class BulkDone(Told):
    """What became of each ticket, in the order sent."""

    done: int
    refused: int
    items: list[BulkItem]


class BulkItem(Told):
    """One ticket of a bulk: either `result` or `problem` is there."""

    number: str
    status: int
    result: str | None
    problem: dict[str, Any] | None = Field(description="与单张工单出错时相同的problem+json")


async def act(call: Call, action: str, number: str, body: BaseModel, *, match: str | None = None) -> ActionDone:
    """One step on one ticket in the transaction of `call`."""
    actor = ensure(call.actor, PERMISSIONS[action])
    ticket = await open_ticket(call, number, lock=True, actor=actor, match=match)
    single, many = as_form(body)
    single["seen"] = _seen(call)
    step = Step(call.core, call.session, actor, ticket, single, lambda name: many.get(name, []))
    result = await HANDLERS[action](step)
    await call.session.flush()
    return ActionDone(action=action, result=result, ticket=await _afterwards(call, number))


def _seen(call: Call) -> str:
    """The last event that the caller saw, as the pages send it: without If-Match none, with `*` whatever there is (empty)."""
    anything = call.request.headers.get("If-Match", "").strip() == "*"
    return "" if anything else str(call.seen or 0)


async def _afterwards(call: Call, number: str) -> TicketWhole | None:
    try:
        ticket = await access_ticket(call.core, call.session, call.actor, number)
    except NotFound:
        return None
    return await whole(call, ticket)


def _one(action: str) -> Operation:
    async def run(call: Call) -> Answer:
        done = await act(call, action, call.part("number"), call.sent(BODIES[action]))
        headers = {} if done.ticket is None or call.ticket is None else {"ETag": etag(call.ticket, done.ticket.last_event)}
        return Answer(done, headers=headers)

    return Operation(
        "POST", f"/tickets/{{number}}/actions/{action}", run, f"act_{action}", TAG, _summary(action),
        answer=ActionDone, body=BODIES[action], versioned=True,
    )  # fmt: skip


def _summary(action: str) -> str:
    return (BODIES[action].__doc__ or action).strip().splitlines()[0]


def _bulk_model(action: str) -> type[BaseModel]:
    """The same body for every ticket, and which tickets."""
    numbers = Annotated[list[NumberText], Field(min_length=1, max_length=MAX_BULK, description="工单编号，最多100张")]
    return create_model(f"Bulk_{action}", __base__=Sent, numbers=(numbers, ...), body=(BODIES[action], ...))


_OF_ONE_TICKET = {"assignment", "request", "return_call"}
BULK = tuple(action for action in ACTIONS if not _OF_ONE_TICKET & set(BODIES[action].model_fields))
"""Steps on the ticket itself; those on a unit's part or on a request need another body for each ticket."""


def _many(action: str) -> Operation:
    model = _bulk_model(action)

    async def run(call: Call) -> BulkDone:
        sent: Any = call.body
        key = call.request.headers.get("Idempotency-Key", "")
        items = [await _item(call, action, number, sent.body, f"{key}/{number}" if key else "") for number in dict.fromkeys(sent.numbers)]
        done = sum(item.status < 400 for item in items)
        return BulkDone(done=done, refused=len(items) - done, items=items)

    return Operation(
        "POST", f"/bulk/{action}", run, f"bulk_{action}", "批量", _summary(action), answer=BulkDone, body=model, own_transactions=True
    )


async def _item(call: Call, action: str, number: str, body: BaseModel, key: str) -> BulkItem:
    """One ticket in a transaction of its own; what goes wrong with it stops no other."""
    current = call
    try:
        async with fresh(call) as current:
            known = await idempotency.begin(current, key, body.model_dump_json().encode()) if key else None
            if known is not None:
                return BulkItem.model_validate_json(known.text or "")
            done = await act(current, action, number, body, match="")
            item = BulkItem(number=number, status=200, result=done.result, problem=None)
            if key:
                await idempotency.keep(current, key, 200, item.model_dump_json())
            return item
    except HotlineError as error:
        details = await explain(current, error)
        return BulkItem(number=number, status=error.status, result=None, problem=problem_body(error, call.request, details))


BulkDone.model_rebuild()
OPERATIONS = (*(_one(action) for action in ACTIONS), *(_many(action) for action in BULK))
