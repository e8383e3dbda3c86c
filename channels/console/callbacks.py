"""The callback desk: whom to call, and return calls that are owed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.due import Due, describe, describe_moment
from channels.console.pages import fragment, page
from channels.console.session import Staff, require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.clock import to_city
from ticketing.calendar.service import work_calendar
from ticketing.callback.models import CallbackAttempt, CallbackTask, ReturnCall
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket


@dataclass(frozen=True)
class Task:
    """One citizen to call."""

    task: CallbackTask
    ticket: Ticket
    due: Due | None
    attempts: int
    tried_today: bool


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/callbacks: open tasks, most pressing first; those tried today come last."""
    person = require_may(request, "callback.visit")
    async with request.app[DATABASE].transaction() as session:
        tasks = await _tasks(request, session, person)
        owed = await _owed(request, session, person)
        done = await _done_today(request, session, person)
    values: dict[str, Any] = {"tasks": tasks, "owed": owed, "today": done}
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_callbacks.html", **values)
    return page(request, "console/callbacks.html", nav="callbacks", **values)


async def _tasks(request: web.Request, session: AsyncSession, person: Staff) -> list[Task]:
    core = request.app[CORE]
    now, calendar = core.clock.now(), await work_calendar(session)
    statement = (
        select(CallbackTask, Ticket)
        .join(Ticket, Ticket.id == CallbackTask.ticket_id)
        .where(CallbackTask.state == "open", visible(core, person.actor))
        .limit(200)
    )
    rows = [(row.CallbackTask, row.Ticket) for row in await session.execute(statement)]
    clocks = select(Deadline).where(
        Deadline.ticket_id.in_([ticket.id for _task, ticket in rows]),
        Deadline.kind == ClockKind.CALLBACK.value,
        Deadline.state == ClockState.RUNNING.value,
    )
    due = {clock.ticket_id: clock for clock in await session.scalars(clocks)}
    tries = await session.execute(
        select(CallbackAttempt.task_id, func.count().label("n"), func.max(CallbackAttempt.at).label("last"))
        .where(CallbackAttempt.task_id.in_([task.id for task, _ticket in rows]))
        .group_by(CallbackAttempt.task_id)
    )
    tried = {row.task_id: (row.n, to_city(row.last).date() == to_city(now).date()) for row in tries}
    found = []
    for task, ticket in rows:
        clock = due.get(ticket.id)
        attempts, today = tried.get(task.id, (0, False))
        found.append(
            (clock.due_at if clock else now, Task(task, ticket, describe(clock, now, calendar) if clock else None, attempts, today))
        )
    return [item for _due, item in sorted(found, key=lambda pair: (pair[1].tried_today, pair[0], pair[1].task.id))]


async def _owed(request: web.Request, session: AsyncSession, person: Staff) -> list[tuple[Ticket, ReturnCall, Due]]:
    core = request.app[CORE]
    statement = (
        select(ReturnCall, Ticket)
        .join(Ticket, Ticket.id == ReturnCall.ticket_id)
        .where(ReturnCall.state == "open", visible(core, person.actor))
        .order_by(ReturnCall.due_at)
        .limit(50)
    )
    now = core.clock.now()
    return [
        (row.Ticket, row.ReturnCall, describe_moment(row.ReturnCall.created_at, row.ReturnCall.due_at, now))
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
