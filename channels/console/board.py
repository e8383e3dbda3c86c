"""Supervision: what is reminded, nearly due, yellow and red, in four lanes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, Select, and_, func, literal, literal_column, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, load_only

from channels.console import deciding
from channels.console.due import Due, describe
from channels.console.pages import fragment, page
from channels.console.session import Staff, require_may
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.clock import to_city
from hotline.i18n import texts
from ticketing.assignment.models import Assignment
from ticketing.calendar.service import work_calendar
from ticketing.deadline.models import Deadline, Stage
from ticketing.people.models import Unit
from ticketing.supervision.models import Card
from ticketing.ticket.access import visible
from ticketing.ticket.lists import MOST
from ticketing.ticket.models import Ticket

LANES = texts((("white", "时限过半"), ("amber", "即将到期"), ("yellow", "黄牌"), ("red", "红牌")))
PER_LANE = 30
CARD_UNITS = 5


@dataclass(frozen=True)
class Pressing:
    """One clock that presses."""

    ticket: Ticket
    """Number, title and urgency; nothing else is read."""
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
            "lanes": lanes, "most": MOST, "words": LANES, "month": month, "card_units": units,
            "asks": await deciding.requests(core, session, person.actor), "heaps": await deciding.heaps(core, session, person.actor),
            "load": await deciding.load(core, session, person.actor),
        }  # fmt: skip
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_board.html", **values)
    return page(request, "console/board.html", nav="board", **values)


async def _lanes(request: web.Request, session: AsyncSession, person: Staff) -> dict[str, Lane]:
    """Each lane is walked by itself in the order of its due times, so that a flood in one hides nothing of another; one statement.

    A lane is counted up to `MOST` («99+»), as the queues are.
    """
    core = request.app[CORE]
    now, calendar = core.clock.now(), await work_calendar(session)
    seen = visible(core, person.actor)
    walks = [_walk(seen, stage, now).subquery() for stage, _words in LANES]
    walked = union_all(*(select(walk) for walk in walks)).subquery()
    statement = (
        select(Deadline, Ticket, Unit.name, walked.c.stage, walked.c.of_stage)
        .join(walked, walked.c.id == Deadline.id)
        .join(Ticket, Ticket.id == Deadline.ticket_id)
        .outerjoin(Unit, Unit.id == walked.c.unit_id)
        .options(load_only(Ticket.number, Ticket.title, Ticket.urgency))
        .where(walked.c.place <= PER_LANE)
        .order_by(walked.c.place)
    )
    lanes = {key: Lane() for key, _words in LANES}
    for row in await session.execute(statement):
        lane = lanes[row.stage]
        lane.count = row.of_stage
        lane.items.append(Pressing(row.Ticket, describe(row.Deadline, now, calendar), row.name or ""))
    return lanes


def _walk(seen: ColumnElement[bool], stage: str, now: datetime) -> Select[Any]:
    """The first `MOST` clocks of a lane, numbered and counted: for each ticket and unit the most pressing one only."""
    other, other_part = aliased(Deadline), aliased(Assignment)
    runs: ColumnElement[str] = literal_column("'running'")  # written out: the partial index is seen to fit
    more_pressing = (
        select(other.id)
        .outerjoin(other_part, other_part.id == other.assignment_id)
        .where(
            other.ticket_id == Deadline.ticket_id,
            other.state == runs,
            other.white_at <= now,
            tuple_(other.due_at, other.id) < tuple_(Deadline.due_at, Deadline.id),
            other_part.unit_id.is_not_distinct_from(Assignment.unit_id),
        )
    )
    found = (
        select(Deadline.id, Deadline.due_at, Assignment.unit_id)
        .join(Ticket, Ticket.id == Deadline.ticket_id)
        .outerjoin(Assignment, Assignment.id == Deadline.assignment_id)
        .where(Deadline.state == runs, _reached(stage, now), ~more_pressing.exists(), seen)
        .order_by(Deadline.due_at, Deadline.id)
        .limit(MOST)
        .subquery()
    )
    place = func.row_number().over(order_by=(found.c.due_at, found.c.id)).label("place")
    return select(found.c.id, found.c.unit_id, literal(stage).label("stage"), place, func.count().over().label("of_stage"))


def _reached(stage: str, now: datetime) -> ColumnElement[bool]:
    """The clocks of a lane, by their own moments as `due.stage_of`: right between two sweeps."""
    yellow_at = func.coalesce(Deadline.yellow_at, Deadline.due_at)
    match stage:
        case Stage.RED:
            return and_(Deadline.red_at <= now, Deadline.due_at <= now)  # the second is so anyway, and ends the walk
        case Stage.YELLOW:
            return and_(yellow_at <= now, Deadline.red_at > now)
        case Stage.AMBER:
            return and_(Deadline.amber_at <= now, yellow_at > now, Deadline.due_at > now)
        case _:
            return and_(Deadline.white_at <= now, Deadline.amber_at > now, Deadline.due_at > now)


async def _cards(request: web.Request, session: AsyncSession, person: Staff) -> tuple[dict[str, int], list[tuple[str, int, int]]]:
    """Cards of this month: how many of each colour, and the units that have most."""
    core = request.app[CORE]
    first = to_city(core.clock.now()).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = await session.execute(
        select(Unit.name, Card.colour, func.count().label("n"))
        .select_from(Card)
        .join(Ticket, Ticket.id == Card.ticket_id)
        .outerjoin(Unit, Unit.id == Card.unit_id)
        .where(Card.at >= first, visible(core, person.actor))
        .group_by(Unit.id, Unit.name, Card.colour)
    )
    totals: Counter[str] = Counter()
    of_units: dict[str, Counter[str]] = {}
    for name, colour, count in rows:
        totals[colour] += count
        if name is not None:
            of_units.setdefault(name, Counter())[colour] += count
    units = [(name, counts["yellow"], counts["red"]) for name, counts in of_units.items()]
    return dict(totals), sorted(units, key=lambda unit: (-unit[2], -unit[1], unit[0]))[:CARD_UNITS]
