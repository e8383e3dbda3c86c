"""The list of tickets: a queue by time left, or what a search found."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from channels.console.bulk import offered
from channels.console.due import describe_short
from channels.console.list_choices import address_of, shown_choices
from channels.console.pages import fragment, page
from channels.console.queue_filter import choices_of, chosen
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.errors import HotlineError
from hotline.i18n import _, texts
from ticketing.calendar.service import work_calendar
from ticketing.list_view.service import choices_of as own_choices
from ticketing.people.models import Role
from ticketing.ticket.lists import MOST, Place, list_and_count, place_of
from ticketing.ticket.queues import Queue

PAGE_SIZE = 50
_CENTRE = (Queue.MINE, Queue.EMERGENCY, Queue.TO_DISPATCH, Queue.DUE_SOON, Queue.OVERDUE, Queue.RETURNS, Queue.REVIEW)
UNIT_LANES = (Queue.TO_SIGN, Queue.WORKING, Queue.DUE_SOON, Queue.OVERDUE, Queue.REDO, Queue.UNIT_REVIEW)
"""What the department desk shows side by side."""
QUEUES: dict[Role, tuple[Queue, ...]] = {
    Role.AGENT: (Queue.MINE, Queue.EMERGENCY, Queue.TO_DISPATCH, Queue.IN_PROGRESS, Queue.CLOSED, Queue.ALL),
    Role.DISPATCHER: (*_CENTRE, Queue.IN_PROGRESS, Queue.CALLBACK, Queue.CLOSED, Queue.ALL),
    Role.CLERK: (Queue.MINE, *UNIT_LANES, Queue.REVIEW, Queue.CALLBACK, Queue.CLOSED, Queue.ALL),
    Role.CHIEF: (Queue.MINE, *UNIT_LANES[:-1], Queue.REVIEW, Queue.IN_PROGRESS, Queue.CLOSED, Queue.ALL),
    Role.SUPERVISOR: (Queue.MINE, *_CENTRE[1:], Queue.IN_PROGRESS, Queue.CALLBACK, Queue.CLOSED, Queue.ALL),
    Role.CALLBACK: (Queue.MINE, Queue.ALL),
    Role.QUALITY: (Queue.ALL,),
    Role.LEADER: (Queue.OVERDUE, Queue.DUE_SOON, Queue.EMERGENCY, Queue.IN_PROGRESS, Queue.CLOSED, Queue.ALL),
}
UNCOUNTED = frozenset({Queue.CLOSED, Queue.ALL})
"""How many there ever were is for the figures, not for those who work through a queue."""
QUEUE_WORDS = texts(
    {
        Queue.MINE: "待我处理",
        Queue.EMERGENCY: "特急",
        Queue.TO_DISPATCH: "待派单",
        Queue.IN_PROGRESS: "办理中",
        Queue.DUE_SOON: "快到期",
        Queue.OVERDUE: "已超时",
        Queue.RETURNS: "申请待批",
        Queue.REVIEW: "待审核",
        Queue.CALLBACK: "待回访",
        Queue.CLOSED: "已办结",
        Queue.ALL: "全部",
        Queue.TO_SIGN: "待签收",
        Queue.WORKING: "在办",
        Queue.REDO: "退回重办",
        Queue.UNIT_REVIEW: "等审签",
    }
)
MINE_WORDS = texts({Role.AGENT: "未办结", Role.CHIEF: "待审签", Role.SUPERVISOR: "要出手的"})


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets?queue=…&q=…&after=…: a queue by time left, filtered or not; what a search found, newest first."""
    return await list_response(request)


async def list_response(request: web.Request, *, problem: HotlineError | None = None) -> web.StreamResponse:
    """The list that the address asks for; with `problem`, what was wrong with a view or the columns, and all that was chosen."""
    person = require_may(request, "ticket.see")
    core = request.app[CORE]
    words = request.query.get("q", "").strip()[:100]
    queue = asked_queue(request, person.role)
    after, only = Place.read(request.query.get("after", "")[:200]), chosen(request)
    newest = bool(words) or only.newest
    offers = (bool(only) or "filter" in request.query or problem is not None) and not is_fragment(request)
    counted = [item for item in QUEUES[person.role] if item not in UNCOUNTED]
    async with request.app[DATABASE].reading() as session:
        own = await own_choices(session, person.actor)
        if not request.query and own.default is not None and not is_fragment(request):
            raise web.HTTPSeeOther(address_of(own.default))
        wanted = only.wanted(queue, words, core.clock.now())
        rows, counts = await list_and_count(
            core, session, person.actor, wanted, newest=newest, limit=PAGE_SIZE + 1, after=after, counted=counted
        )
        calendar = await work_calendar(session)
        choices = await choices_of(session, only, in_unit=person.role.in_unit) if offers else {}
    if words and len(rows) == 1 and words in rows[0].ticket.number and len(words) >= 5 and not is_fragment(request):
        raise web.HTTPSeeOther(f"/console/tickets/{rows[0].ticket.number}")
    now = core.clock.now()
    shown = rows[:PAGE_SIZE]
    more = place_of(queue, shown[-1].ticket).written() if len(rows) > PAGE_SIZE else ""
    values: dict[str, Any] = {
        "lines": [(row, describe_short(row.clock, now, calendar) if row.clock else None) for row in shown],
        "queue": queue.value,
        "words": words,
        "counts": [(item.value, queue_label(item, person.role), counts.get(item)) for item in QUEUES[person.role]],
        "total": counts.get(queue),
        "most": MOST,
        "after": after.written() if after else "",
        "more": more,
        "in_unit": person.role.in_unit,
        "only": only.fields,
        "newest": newest,
        "address": f"/console/tickets?{urlencode({'queue': queue.value, **({'q': words} if words else {}), **only.fields})}",
        "bulk": offered(person),
        "filtering": offers,
        "problem": problem,
        **shown_choices(own, person, queue, only, words),
        **choices,
    }
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_ticket_table.html", **values)
    return page(request, "console/tickets.html", nav="tickets", status=problem.status if problem else 200, **values)


def asked_queue(request: web.Request, role: Role) -> Queue:
    """The queue that the address asks for, of those that the role has."""
    return _queue(request.query.get("queue", ""), role, searching=bool(request.query.get("q", "").strip()))


def queue_label(queue: Queue, role: Role) -> str:
    """What the queue is called for this role."""
    return _(MINE_WORDS.get(role, QUEUE_WORDS[queue]) if queue is Queue.MINE else QUEUE_WORDS[queue])


def _queue(wanted: str, role: Role, *, searching: bool) -> Queue:
    allowed = QUEUES[role]
    if wanted in {queue.value for queue in allowed}:
        return Queue(wanted)
    return Queue.ALL if searching else allowed[0]
