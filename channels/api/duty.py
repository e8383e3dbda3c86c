"""The own duty state, and who waits in the queue of calls."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Sent, Told, text
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import set_state
from ticketing.people.permissions import ensure
from ticketing.queue import figures

TAG = "值班与排队"


class DutyOut(Told):
    """What the agent does just now."""

    state: str
    reason: str
    since: datetime | None = Field(description="还没有上过岗是null")
    has_phone: bool = Field(description="已登记话机")
    in_call: bool


class DutyWish(Sent):
    """What the agent sets."""

    state: Literal["ready", "break", "off"]
    reason: Annotated[str, text(0, 30, "小休的原因：rest、meal等")] = ""


class WaiterOut(Told):
    """Somebody who waits; without a number."""

    position: int
    queue: str
    line: str
    language: str
    dialect: str
    priority: int
    state: str
    entered_at: datetime
    seconds: int


class Waiters(Told):
    """In the order in which they are served; at most 200."""

    items: list[WaiterOut]


def _out(duty: Duty | None) -> DutyOut:
    if duty is None:
        return DutyOut(state=DutyState.OFF.value, reason="", since=None, has_phone=False, in_call=False)
    return DutyOut(state=duty.state, reason=duty.reason, since=duty.since, has_phone=bool(duty.phone), in_call=duty.call_id is not None)


async def get_duty(call: Call) -> DutyOut:
    """The caller's own."""
    ensure(call.actor, "duty.self")
    return _out(await call.session.get(Duty, call.bearer.user.id))


async def set_duty(call: Call) -> DutyOut:
    """Ready, on a break, off."""
    sent = call.sent(DutyWish)
    ensure(call.actor, "duty.self")
    return _out(await set_state(call.core, call.session, call.actor, DutyState(sent.state), reason=sent.reason))


async def list_waiting(call: Call) -> Waiters:
    """Who waits; people bound to a line see its callers only."""
    ensure(call.actor, "queue.see")
    now = call.core.clock.now()
    plain = ("queue", "line", "language", "dialect", "priority", "state", "entered_at")
    rows = [row for row, _call in await figures.waiting(call.session, call.actor)]
    return Waiters(
        items=[
            WaiterOut(
                position=place, seconds=max(0, int((now - row.entered_at).total_seconds())), **{name: getattr(row, name) for name in plain}
            )
            for place, row in enumerate(rows, 1)
        ]
    )


OPERATIONS = (
    Operation("GET", "/duty", get_duty, "getDuty", TAG, "我的坐席状态", answer=DutyOut),
    Operation("POST", "/duty", set_duty, "setDuty", TAG, "上岗、小休、离岗", answer=DutyOut, body=DutyWish),
    Operation("GET", "/queue", list_waiting, "listWaiting", TAG, "排队等候的来电", answer=Waiters),
)
