"""Figures with the list behind each number: for the leader, the supervisor, the dispatcher and a unit's own people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page
from channels.console.session import Staff, require_may
from channels.web.keys import CORE, DATABASE
from hotline.clock import to_city
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState

DAYS = 30
_CLOSED = (TicketState.CLOSED.value, TicketState.ARCHIVED.value)


@dataclass(frozen=True)
class Totals:
    """Numbers of the period."""

    received: int
    closed: int
    open: int
    overdue: int
    rated: int
    satisfied: int
    very_satisfied: int
    solved: int
    replied: int
    on_time: int
    redo: int


@dataclass(frozen=True)
class UnitLine:
    """One unit's numbers of the period; shown without a rate when there are fewer than ten."""

    name: str
    assigned: int
    open: int
    replied: int
    on_time: int


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/figures: the last 30 days."""
    person = require_may(request, "statistics.board")
    core = request.app[CORE]
    since = to_city(core.clock.now()).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    seen = visible(core, person.actor)
    async with request.app[DATABASE].transaction() as session:
        totals = await _totals(session, seen, since, core.clock.now(), person)
        days = await _days(session, seen, since)
        categories = await _categories(session, seen, since)
        units = await _units(session, since, person)
    return page(
        request,
        "console/figures.html",
        nav="figures",
        totals=totals,
        days=days,
        top_day=max((count for _day, count in days), default=0),
        categories=categories,
        top_category=max((count for _code, _name, count in categories), default=0),
        unit_lines=units,
        period=DAYS,
    )


async def _totals(session: AsyncSession, seen: ColumnElement[bool], since: datetime, now: datetime, person: Staff) -> Totals:
    recent = Ticket.received_at >= since
    closed = Ticket.state.in_(_CLOSED)
    finished = (*_CLOSED, "rejected", "merged", "withdrawn", "invalid")
    running = select(Deadline.ticket_id).where(Deadline.state == ClockState.RUNNING.value, Deadline.due_at <= now)
    row = (
        await session.execute(
            select(
                func.count().filter(recent).label("received"),
                func.count().filter(recent & closed).label("closed"),
                func.count().filter(Ticket.state.not_in(finished)).label("open"),
                func.count().filter(Ticket.id.in_(running)).label("overdue"),
                func.count().filter(recent & (Ticket.round > 1)).label("redo"),
            ).where(seen)
        )
    ).one()
    rated, satisfied, very, solved = await _ratings(session, seen, since)
    replied, on_time = await _on_time(session, since, person)
    return Totals(row.received, row.closed, row.open, row.overdue, rated, satisfied, very, solved, replied, on_time, row.redo)


async def _ratings(session: AsyncSession, seen: ColumnElement[bool], since: datetime) -> tuple[int, int, int, int]:
    """Of the citizens reached in the period: all, satisfied, very satisfied, solved. Each round counts; silence never does."""
    said = CallbackTask.satisfaction
    row = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(said != Satisfaction.DISSATISFIED.value),
                func.count().filter(said == Satisfaction.VERY_SATISFIED.value),
                func.count().filter(CallbackTask.solved.is_(True)),
            )
            .join(Ticket, Ticket.id == CallbackTask.ticket_id)
            .where(seen, said.is_not(None), CallbackTask.finished_at >= since)
        )
    ).one()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


def _own_unit(person: Staff) -> ColumnElement[bool]:
    return Assignment.unit_id == person.user.unit_id if person.role.in_unit else true()


async def _on_time(session: AsyncSession, since: datetime, person: Staff) -> tuple[int, int]:
    """Handling clocks that ended in the period: how many, and how many in time (按时办结)."""
    ended = Deadline.state.in_([ClockState.MET.value, ClockState.LATE.value])
    row = (
        await session.execute(
            select(func.count().label("all"), func.count().filter(Deadline.state == ClockState.MET.value).label("met"))
            .join(Assignment, Assignment.id == Deadline.assignment_id)
            .where(Deadline.kind == ClockKind.HANDLE.value, ended, Deadline.stopped_at >= since, _own_unit(person))
        )
    ).one()
    return int(row[0]), int(row[1])


async def _days(session: AsyncSession, seen: ColumnElement[bool], since: datetime) -> list[tuple[datetime, int]]:
    """Tickets received by city day; days without any are there with 0."""
    day = func.date_trunc("day", func.timezone("Asia/Shanghai", Ticket.received_at)).label("day")
    rows = await session.execute(select(day, func.count()).where(seen, Ticket.received_at >= since).group_by(day))
    counts = {row[0].date(): row[1] for row in rows}
    return [(since + timedelta(days=offset), counts.get((since + timedelta(days=offset)).date(), 0)) for offset in range(DAYS)]


async def _categories(session: AsyncSession, seen: ColumnElement[bool], since: datetime) -> list[tuple[str, str, int]]:
    count = func.count().label("n")
    rows = await session.execute(
        select(Category.code, Category.name, count)
        .join(Ticket, Ticket.category_code == Category.code)
        .where(seen, Ticket.received_at >= since)
        .group_by(Category.code, Category.name)
        .order_by(count.desc(), Category.code)
        .limit(10)
    )
    return [(row.code, row.name, row.n) for row in rows]


async def _units(session: AsyncSession, since: datetime, person: Staff) -> list[UnitLine]:
    open_states = [state.value for state in AssignmentState if state.is_open]
    assigned = func.count().label("assigned")
    rows = await session.execute(
        select(Unit.id, Unit.name, assigned, func.count().filter(Assignment.state.in_(open_states)).label("open"))
        .join(Assignment, Assignment.unit_id == Unit.id)
        .where(Assignment.assigned_at >= since, _own_unit(person))
        .group_by(Unit.id, Unit.name)
        .order_by(assigned.desc(), Unit.id)
        .limit(30)
    )
    clocks = await session.execute(
        select(Assignment.unit_id, func.count().label("all"), func.count().filter(Deadline.state == ClockState.MET.value).label("met"))
        .join(Deadline, Deadline.assignment_id == Assignment.id)
        .where(Deadline.kind == ClockKind.HANDLE.value, Deadline.stopped_at >= since, Deadline.state.in_(["met", "late"]))
        .group_by(Assignment.unit_id)
    )
    ended = {row[0]: (int(row[1]), int(row[2])) for row in clocks}
    return [UnitLine(row.name, row.assigned, row.open, *ended.get(row.id, (0, 0))) for row in rows]
