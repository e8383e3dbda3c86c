"""Supervision: what is reminded, nearly due, yellow and red, in four lanes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import deciding
from channels.console.due import Due, describe
from channels.console.pages import fragment, page
from channels.console.session import Staff, require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.clock import to_city
from ticketing.assignment.models import Assignment
from ticketing.calendar.service import work_calendar
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.models import Unit
from ticketing.supervision.models import Card
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

LANES = (("white", "时限过半"), ("amber", "即将到期"), ("yellow", "黄牌"), ("red", "红牌"))
PER_LANE = 30


@dataclass(frozen=True)
class Pressing:
    """One clock that presses."""

    ticket: Ticket
    due: Due
    unit: str


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/board."""
    person, core = require_may(request, "board.see"), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        lanes = await _lanes(request, session, person)
        month, units = await _cards(request, session, person)
        values: dict[str, Any] = {
            "lanes": lanes, "words": LANES, "month": month, "card_units": units, "per_lane": PER_LANE,
            "asks": await deciding.requests(core, session, person.actor), "heaps": await deciding.heaps(core, session, person.actor),
            "load": await deciding.load(core, session, person.actor),
        }  # fmt: skip
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_board.html", **values)
    return page(request, "console/board.html", nav="board", **values)


async def _lanes(request: web.Request, session: AsyncSession, person: Staff) -> dict[str, list[Pressing]]:
    core = request.app[CORE]
    now, calendar = core.clock.now(), await work_calendar(session)
    statement = (
        select(Deadline, Ticket, Unit.name)
        .join(Ticket, Ticket.id == Deadline.ticket_id)
        .outerjoin(Assignment, Assignment.id == Deadline.assignment_id)
        .outerjoin(Unit, Unit.id == Assignment.unit_id)
        .where(Deadline.state == ClockState.RUNNING.value, Deadline.white_at <= now, visible(core, person.actor))
        .order_by(Deadline.due_at)
        .limit(400)
    )
    found: dict[str, list[Pressing]] = defaultdict(list)
    told: set[tuple[int, str]] = set()
    for row in await session.execute(statement):
        key = (row.Ticket.id, row.name or "")
        if key in told:
            continue  # one card per ticket and unit, by its most pressing clock
        told.add(key)
        due = describe(row.Deadline, now, calendar)
        found[due.stage].append(Pressing(row.Ticket, due, row.name or ""))
    return dict(found)


async def _cards(request: web.Request, session: AsyncSession, person: Staff) -> tuple[dict[str, int], list[tuple[str, int, int]]]:
    """Cards of this month: how many of each colour, and the units that have most."""
    core = request.app[CORE]
    first = to_city(core.clock.now()).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    seen = select(Ticket.id).where(visible(core, person.actor))
    of_month = (Card.at >= first) & Card.ticket_id.in_(seen)
    totals = {row[0]: row[1] for row in await session.execute(select(Card.colour, func.count()).where(of_month).group_by(Card.colour))}
    yellow = func.count().filter(Card.colour == "yellow").label("yellow")
    red = func.count().filter(Card.colour == "red").label("red")
    rows = await session.execute(
        select(Unit.name, yellow, red)
        .join(Card, Card.unit_id == Unit.id)
        .where(of_month)
        .group_by(Unit.id, Unit.name)
        .order_by(red.desc(), yellow.desc())
        .limit(5)
    )
    return totals, [(row.name, row.yellow, row.red) for row in rows]
