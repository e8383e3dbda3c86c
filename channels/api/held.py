"""待核对: appeals that came without a proof while the portal was flooded; whoever answers calls registers or discards each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Query, Sent, Told, text
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.held import service
from ticketing.people.permissions import ensure

TAG = "待核对"
MOST = 200


class HeldOut(Told):
    """One that waits; who it is stays masked."""

    id: UUID
    received_at: datetime
    kind: str
    content: str
    place: str
    occurred: str
    who: str
    files: int
    of_source: int = Field(description="同一来源在等的件数，包括这一件")


class HeldAppeals(Told):
    """Oldest first; `waiting` is how many there are in all."""

    items: list[HeldOut]
    waiting: int


class HeldQuery(Query):
    """How many."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="最多几件")] = 50


class HeldReleased(Told):
    """Registered: a ticket like any other."""

    number: str


class HeldDiscard(Sent):
    """No appeal."""

    reason: Annotated[str, text(service.MIN_REASON, 200, "市民会看到")]


class HeldDiscarded(Told):
    """Thrown away, its words and files with it."""

    id: UUID


def _id(call: Call) -> UUID:
    try:
        return UUID(call.part("held"))
    except ValueError:
        raise NotFound(_("没有找到这件待核对的反映")) from None


async def list_held(call: Call) -> HeldAppeals:
    """What waits."""
    rows = await service.waiting(call.core, call.session, call.actor, limit=call.asked(HeldQuery).limit)
    items = [HeldOut.of(row) for row in rows]
    return HeldAppeals(items=items, waiting=await service.count_waiting(call.session))


async def release(call: Call) -> HeldReleased:
    """Register it as its citizen sent it."""
    ensure(call.actor, service.PERMISSION)
    return HeldReleased(number=(await service.release(call.core, call.session, call.actor, _id(call))).number)


async def discard(call: Call) -> HeldDiscarded:
    """Not an appeal."""
    ensure(call.actor, service.PERMISSION)
    await service.discard(call.core, call.session, call.actor, _id(call), call.sent(HeldDiscard).reason)
    return HeldDiscarded(id=_id(call))


OPERATIONS = (
    Operation("GET", "/held-appeals", list_held, "listHeld", TAG, "待核对的反映", answer=HeldAppeals, query=HeldQuery),
    Operation("POST", "/held-appeals/{held}/release", release, "releaseHeld", TAG, "登记为工单", answer=HeldReleased),
    Operation(
        "POST", "/held-appeals/{held}/discard", discard, "discardHeld", TAG, "不登记", answer=HeldDiscarded, body=HeldDiscard
    ),
)  # fmt: skip
