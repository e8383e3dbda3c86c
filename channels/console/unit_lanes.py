"""The department desk: a unit's open work side by side, each lane with its count and what presses most in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from channels.console.due import ShortDue, describe_short
from channels.console.pages import fragment, page
from channels.console.queue_page import QUEUE_WORDS, UNIT_LANES
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.errors import NotAllowed
from hotline.i18n import _, texts
from ticketing.calendar.service import work_calendar
from ticketing.ticket.list_rows import ListRow
from ticketing.ticket.lists import MOST, count_tickets, list_tickets
from ticketing.ticket.queues import Queue

SHOWN = 6
"""Tickets of a lane; the rest stands in its queue."""
HINTS = texts(
    {
        Queue.TO_SIGN: "核对职责，签收或申请退单",
        Queue.WORKING: "联系市民，办理，起草答复",
        Queue.DUE_SOON: "时限过半，先办这些",
        Queue.OVERDUE: "已发牌，写明原因并尽快答复",
        Queue.REDO: "按退回的意见或市民的话重新办理",
        Queue.UNIT_REVIEW: "等首席代表审签",
    }
)
_STAGES = {Queue.DUE_SOON: "amber", Queue.OVERDUE: "red"}


@dataclass(frozen=True)
class Lane:
    """One lane."""

    queue: str
    title: str
    hint: str
    stage: str
    count: int
    lines: list[tuple[ListRow, ShortDue | None]]


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/lanes."""
    person, core = require_may(request, "ticket.see"), request.app[CORE]
    if not person.role.in_unit:
        raise NotAllowed(_("这一页是承办单位的工作台，中心请看工单列表"))
    async with request.app[DATABASE].reading() as session:
        counts = await count_tickets(core, session, person.actor, list(UNIT_LANES))
        calendar, now = await work_calendar(session), core.clock.now()
        lanes = []
        for queue in UNIT_LANES:
            rows = await list_tickets(core, session, person.actor, queue, limit=SHOWN) if counts[queue] else []
            lines = [(row, describe_short(row.clock, now, calendar) if row.clock else None) for row in rows]
            lanes.append(Lane(queue.value, _(QUEUE_WORDS[queue]), _(HINTS[queue]), _STAGES.get(queue, ""), counts[queue], lines))
    values: dict[str, Any] = {"lanes": lanes, "most": MOST}
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_unit_lanes.html", **values)
    return page(request, "console/unit_lanes.html", nav="tickets", **values)


__all__ = ["show"]
