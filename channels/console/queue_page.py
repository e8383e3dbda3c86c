"""The list of tickets: a queue by time left, or what a search found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from channels.console.bulk import offered
from channels.console.due import describe_short
from channels.console.list_choices import address_of, shown_choices
from channels.console.pages import fragment, page
from channels.console.queue_filter import Chosen, choices_of, chosen
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.errors import HotlineError
from hotline.i18n import _, texts
from ticketing.calendar.service import work_calendar
from ticketing.list_view.service import choices_of as own_choices
from ticketing.people.models import Role
from ticketing.ticket.list_rows import ListRow
from ticketing.ticket.lists import MOST, Place, list_and_count, place_of
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter

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
    core, asked, whole = request.app[CORE], _asked(request, person.role), not is_fragment(request)
    offers = whole and (bool(asked.only) or "filter" in request.query or problem is not None)
    async with request.app[DATABASE].reading() as session:
        own = await own_choices(session, person.actor)
        if whole and not request.query and own.default is not None:
            raise web.HTTPSeeOther(address_of(own.default))
        rows, counts = await list_and_count(
            core, session, person.actor, asked.wanted(core.clock.now()), newest=asked.newest, limit=PAGE_SIZE + 1, after=asked.after,
            counted=[item for item in QUEUES[person.role] if item not in UNCOUNTED],
        )  # fmt: skip
        calendar = await work_calendar(session)
        choices = await choices_of(session, asked.only, in_unit=person.role.in_unit) if offers else {}
    if whole and asked.is_number_of(rows):
        raise web.HTTPSeeOther(f"/console/tickets/{rows[0].ticket.number}")
    now = core.clock.now()
    values: dict[str, Any] = {
        **asked.values(rows, counts, person.role),
        "lines": [(row, describe_short(row.clock, now, calendar) if row.clock else None) for row in rows[:PAGE_SIZE]],
        "in_unit": person.role.in_unit,
        "bulk": offered(person),
        "filtering": offers,
        "problem": problem,
        **shown_choices(own, person, asked.queue, asked.only, asked.words),
        **choices,
    }
    if not whole and request.query.get("part"):
        return fragment(request, "console/_ticket_table.html", **values)
    return page(request, "console/tickets.html", nav="tickets", status=problem.status if problem else 200, **values)


@dataclass(frozen=True)
class _Asked:
    """What the address asks for."""

    queue: Queue
    words: str
    after: Place | None
    only: Chosen

    @property
    def newest(self) -> bool:
        """Whether the newest come first: always of what was searched."""
        return bool(self.words) or self.only.newest

    def wanted(self, now: datetime) -> TicketFilter:
        """For the list."""
        return self.only.wanted(self.queue, self.words, now)

    def is_number_of(self, rows: list[ListRow]) -> bool:
        """Whether a number was searched, or the end of one, and found one ticket: that one is meant."""
        return len(self.words) >= 5 and len(rows) == 1 and self.words in rows[0].ticket.number

    def values(self, rows: list[ListRow], counts: dict[Queue, int], role: Role) -> dict[str, Any]:
        """What the page says about the list; `rows` has one more than are shown when there are further ones."""
        searched = {"q": self.words} if self.words else {}
        return {
            "queue": self.queue.value,
            "words": self.words,
            "counts": [(item.value, queue_label(item, role), counts.get(item)) for item in QUEUES[role]],
            "total": counts.get(self.queue),
            "most": MOST,
            "after": self.after.written() if self.after else "",
            "more": place_of(self.queue, rows[PAGE_SIZE - 1].ticket).written() if len(rows) > PAGE_SIZE else "",
            "only": self.only.fields,
            "newest": self.newest,
            "address": f"/console/tickets?{urlencode({'queue': self.queue.value, **searched, **self.only.fields})}",
        }


def _asked(request: web.Request, role: Role) -> _Asked:
    after = Place.read(request.query.get("after", "")[:200])
    return _Asked(asked_queue(request, role), request.query.get("q", "").strip()[:100], after, chosen(request))


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
