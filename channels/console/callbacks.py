"""The callback desk: the next citizen to call, second visits that wait, return calls that are owed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.due import Due, describe
from channels.console.missed import load_missed
from channels.console.pages import fragment, page, see_other
from channels.console.session import Staff, require_may
from channels.web.keys import CORE, DATABASE
from channels.web.keyset import read_number, written
from channels.web.templating import is_fragment
from hotline.clock import to_city
from hotline.i18n import _, texts
from ticketing.calendar.service import work_calendar
from ticketing.callback import rules
from ticketing.callback.desk import MOST, Group, Waiting, count_groups, list_group
from ticketing.callback.models import CallbackAttempt, CallbackTask, SecondVisit
from ticketing.callback.tasks import pull_next
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

SHOWN = 50
GROUP_WORDS = texts({Group.READY: "现在可以打", Group.TAKEN: "别人在打", Group.LATER: "以后再打", Group.MACHINE: "自动回访"})
"""The lists of the desk; what is in the person's own hands stands above each of them."""


@dataclass(frozen=True)
class Task:
    """One citizen to call."""

    task: CallbackTask
    ticket: Ticket
    due: Due | None
    tried_today: bool
    group: str
    window: str
    """When the citizen likes to be called, in words."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/callbacks?group=…&after=…: what is in hand, and one list: what is due now by its deadline, what comes later."""
    person = require_may(request, "callback.visit")
    core, wanted = request.app[CORE], request.query.get("group", "")
    group = Group(wanted) if wanted in set(GROUP_WORDS) else Group.READY
    after = read_number(request.query.get("after"))
    async with request.app[DATABASE].transaction() as session:
        counts = await count_groups(core, session, person.actor)
        rows = await list_group(core, session, person.actor, group, limit=SHOWN + 1, after=after)
        mine = await list_group(core, session, person.actor, Group.MINE, limit=SHOWN) if counts[Group.MINE] else []
        held = await _lines(core, session, mine, Group.MINE)
        values: dict[str, Any] = {
            "tasks": held + await _lines(core, session, rows[:SHOWN], group),
            "group": group.value,
            "groups": [(item.value, _(label), counts[item]) for item, label in GROUP_WORDS.items()],
            "ready": counts[Group.READY],
            "in_hand": len(mine),
            "most": MOST,
            "shown": SHOWN,
            "address": f"/console/callbacks?group={group.value}",
            "after": request.query.get("after", "") if after else "",
            "more": written(*rows[SHOWN - 1].place) if len(rows) > SHOWN else "",
            "visits": await _visits(request, session, person),
            **await load_missed(core, session, person.actor),
            "today": await _done_today(request, session, person),
        }
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_callbacks.html", **values)
    return page(request, "console/callbacks.html", nav="callbacks", **values)


async def take_next(request: web.Request) -> web.StreamResponse:
    """POST /console/callbacks/next: the most pressing task comes into this person's hands, and its ticket opens."""
    person = require_may(request, "callback.visit")
    await request.post()
    async with request.app[DATABASE].transaction() as session:
        ticket = await pull_next(request.app[CORE], session, person.actor)
    if ticket is None:
        return see_other(request, "/console/callbacks", "nothing_to_call")
    return see_other(request, f"/console/tickets/{ticket.number}", "pulled")


async def _lines(core: Core, session: AsyncSession, rows: list[Waiting], group: Group) -> list[Task]:
    if not rows:
        return []
    now, calendar = core.clock.now(), await work_calendar(session)
    last = select(CallbackAttempt.task_id, func.max(CallbackAttempt.at).label("at")).group_by(CallbackAttempt.task_id)
    tried = await session.execute(last.where(CallbackAttempt.task_id.in_([row.task.id for row in rows])))
    today = {row.task_id for row in tried if to_city(row.at).date() == to_city(now).date()}
    windows = rules.load()
    return [
        Task(
            row.task,
            row.ticket,
            describe(row.clock, now, calendar) if row.clock else None,
            row.task.id in today,
            group.value,
            _(window.label) if (window := windows.window(row.ticket.preferred_time)) else "",
        )
        for row in rows
    ]


async def _visits(request: web.Request, session: AsyncSession, person: Staff) -> list[tuple[SecondVisit, Ticket, Due | None]]:
    """不满意 that waits for its second visit, most pressing first."""
    core = request.app[CORE]
    now, calendar = core.clock.now(), await work_calendar(session)
    running = (Deadline.ticket_id == Ticket.id) & (Deadline.kind == ClockKind.CALLBACK.value) & (Deadline.state == ClockState.RUNNING.value)
    statement = (
        select(SecondVisit, Ticket, Deadline)
        .join(Ticket, Ticket.id == SecondVisit.ticket_id)
        .outerjoin(Deadline, running)
        .where(SecondVisit.state == "open", visible(core, person.actor))
        .order_by(Deadline.due_at, SecondVisit.id)
        .limit(SHOWN)
    )
    return [
        (row.SecondVisit, row.Ticket, describe(row.Deadline, now, calendar) if row.Deadline else None)
        for row in await session.execute(statement)
    ]


async def _done_today(request: web.Request, session: AsyncSession, person: Staff) -> dict[str, int]:
    midnight = to_city(request.app[CORE].clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    statement = (
        select(CallbackTask.satisfaction, func.count())
        .where(CallbackTask.user_id == person.user.id, CallbackTask.finished_at >= midnight, CallbackTask.state == "reached")
        .group_by(CallbackTask.satisfaction)
    )
    return {row[0] or "": row[1] for row in await session.execute(statement)}
