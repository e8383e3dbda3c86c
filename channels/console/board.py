"""Supervision: what is reminded, nearly due, yellow and red, in four lanes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import distinct_on
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
from ticketing.deadline.models import ClockState, Deadline, Stage
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


@dataclass
class Lane:
    """One stage: how many press, and the first `PER_LANE` of them."""

    count: int = 0
    items: list[Pressing] = field(default_factory=list)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/board."""
    person, core = require_may(request, "board.see"), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        lanes = await _lanes(request, session, person)
        month, units = await _cards(request, session, person)
        values: dict[str, Any] = {
            "lanes": lanes, "words": LANES, "month": month, "card_units": units,
            "asks": await deciding.requests(core, session, person.actor), "heaps": await deciding.heaps(core, session, person.actor),
            "load": await deciding.load(core, session, person.actor),
        }  # fmt: skip
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_board.html", **values)
    return page(request, "console/board.html", nav="board", **values)


async def _lanes(request: web.Request, session: AsyncSession, person: Staff) -> dict[str, Lane]:
    """Counted over everything that presses, so that a flood in one lane hides nothing of another; one statement."""
    core = request.app[CORE]
    now, calendar = core.clock.now(), await work_calendar(session)
    stage = case(  # by the clock's own moments, as `due.stage_of`: right between two sweeps
        (Deadline.red_at <= now, Stage.RED.value),
        (func.coalesce(Deadline.yellow_at, Deadline.due_at) <= now, Stage.YELLOW.value),
        (Deadline.amber_at <= now, Stage.AMBER.value),
        else_=Stage.WHITE.value,
    )
    pressing = (
        select(Deadline.id, Deadline.due_at, Assignment.unit_id, stage.label("stage"))
        .join(Ticket, Ticket.id == Deadline.ticket_id)
        .outerjoin(Assignment, Assignment.id == Deadline.assignment_id)
        .where(Deadline.state == ClockState.RUNNING.value, Deadline.white_at <= now, visible(core, person.actor))
        .ext(distinct_on(Deadline.ticket_id, Assignment.unit_id))  # one card per ticket and unit, by its most pressing clock
        .order_by(Deadline.ticket_id, Assignment.unit_id, Deadline.due_at, Deadline.id)
        .subquery()
    )
    place = func.row_number().over(partition_by=pressing.c.stage, order_by=(pressing.c.due_at, pressing.c.id)).label("place")
    of_stage = func.count().over(partition_by=pressing.c.stage).label("of_stage")
    placed = select(pressing, place, of_stage).subquery()
    statement = (
        select(Deadline, Ticket, Unit.name, placed.c.stage, placed.c.of_stage)
        .join(placed, placed.c.id == Deadline.id)
        .join(Ticket, Ticket.id == Deadline.ticket_id)
        .outerjoin(Unit, Unit.id == placed.c.unit_id)
        .where(placed.c.place <= PER_LANE)
        .order_by(placed.c.place)
    )
    lanes = {key: Lane() for key, _words in LANES}
    for row in await session.execute(statement):
        lane = lanes[row.stage]
        lane.count = row.of_stage
        lane.items.append(Pressing(row.Ticket, describe(row.Deadline, now, calendar), row.name or ""))
    return lanes


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
