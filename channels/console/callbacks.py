"""The callback desk: the next citizen to call, second visits that wait, return calls that are owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.due import Due, describe
from channels.console.missed import load_missed
from channels.console.pages import fragment, page, see_other
from channels.console.session import Staff, require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.clock import to_city
from hotline.i18n import _
from ticketing.calendar.service import work_calendar
from ticketing.callback import rules
from ticketing.callback.models import CallbackAttempt, CallbackTask, Plan, SecondVisit, TaskState
from ticketing.callback.tasks import pull_next
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.actor import Actor
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

SHOWN = 50


@dataclass(frozen=True)
class Task:
    """One citizen to call."""

    task: CallbackTask
    ticket: Ticket
    due: Due | None
    tried_today: bool
    group: str
    """mine, ready, taken, later or machine"""
    window: str
    """When the citizen likes to be called, in words."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/callbacks: what is in hand, what is due now by its deadline, and what comes later."""
    person = require_may(request, "callback.visit")
    async with request.app[DATABASE].transaction() as session:
        tasks = await _tasks(request, session, person)
        values: dict[str, Any] = {
            "tasks": tasks,
            "ready": sum(item.group == "ready" for item in tasks),
            "visits": await _visits(request, session, person),
            **await load_missed(request.app[CORE], session, person.actor),
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


async def _tasks(request: web.Request, session: AsyncSession, person: Staff) -> list[Task]:
    """The next tasks by the time of the next attempt; within those that are due, by deadline."""
    core = request.app[CORE]
    now, calendar = core.clock.now(), await work_calendar(session)
    statement = (
        select(CallbackTask, Ticket)
        .join(Ticket, Ticket.id == CallbackTask.ticket_id)
        .where(CallbackTask.state == TaskState.OPEN.value, visible(core, person.actor))
        .order_by(CallbackTask.next_attempt_at, CallbackTask.id)
        .limit(SHOWN)
    )
    rows = [(row.CallbackTask, row.Ticket) for row in await session.execute(statement)]
    clocks = select(Deadline).where(
        Deadline.ticket_id.in_([ticket.id for _task, ticket in rows]),
        Deadline.kind == ClockKind.CALLBACK.value,
        Deadline.state == ClockState.RUNNING.value,
    )
    due = {clock.ticket_id: clock for clock in await session.scalars(clocks)}
    last = select(CallbackAttempt.task_id, func.max(CallbackAttempt.at).label("at")).group_by(CallbackAttempt.task_id)
    tried = await session.execute(last.where(CallbackAttempt.task_id.in_([task.id for task, _ticket in rows])))
    today = {row.task_id for row in tried if to_city(row.at).date() == to_city(now).date()}
    found = []
    for task, ticket in rows:
        clock = due.get(ticket.id)
        window = rules.load().window(ticket.preferred_time)
        item = Task(
            task,
            ticket,
            describe(clock, now, calendar) if clock else None,
            task.id in today,
            _group(task, person.actor, now),
            _(window.label) if window else "",
        )
        found.append((clock.due_at if clock else now, item))
    order = {"mine": 0, "ready": 1, "taken": 2, "later": 3, "machine": 4}
    return [item for _due, item in sorted(found, key=lambda pair: (order[pair[1].group], pair[0], pair[1].task.id))]


def _group(task: CallbackTask, actor: Actor, now: datetime) -> str:
    if task.claimed_until is not None and task.claimed_until > now:
        return "mine" if task.claimed_by_id == actor.user_id else "taken"
    if task.plan != Plan.CLERK.value:
        return "machine"
    return "ready" if task.next_attempt_at is not None and task.next_attempt_at <= now else "later"


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
