"""群体预警: the same place and category many times within a window, and the sudden rise of a category.

A tick looks every minute at tickets that it has not placed yet: registering a ticket costs nothing more. One scheduler
looks at a time (advisory lock); what is found is a row of `burst`, told to supervisors, leaders and dispatchers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast, exists, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, array, insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import SYSTEM, record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import may, roles_with
from ticketing.supervision import rules
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.supervision.places import distance_m, place_keys
from ticketing.supervision.suspicions import Burst, BurstTicket, TicketPlace
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, TicketState

BATCH = 300
RISE_DAYS = 28
PAGE = 50
_DEGREE_M = 111_320
_LOCK = func.pg_advisory_xact_lock(func.hashtextextended("hotline-bursts", 0))


@dataclass(frozen=True)
class _Placed:
    """A ticket with its place."""

    ticket_id: int
    category_code: str
    keys: tuple[str, ...]
    point: tuple[float, float] | None
    received_at: datetime


async def run(core: Core, database: Database) -> int:
    """Place every new ticket and warn of bursts; returns how many bursts were found or grew."""
    found = 0
    while True:
        async with database.transaction() as session:
            await session.execute(select(_LOCK))
            placed = await _place_new(core, session)
            for one in placed:
                found += await _look_around(core, session, one)
        if len(placed) < BATCH:
            return found


async def _place_new(core: Core, session: AsyncSession) -> list[_Placed]:
    """Tickets of the window that have no place yet, or another category by now, get their row. Secret ones never have one."""
    since = core.clock.now() - timedelta(days=rules.load().bursts.within_days)
    statement = (
        select(Ticket)
        .outerjoin(TicketPlace, TicketPlace.ticket_id == Ticket.id)
        .where(
            Ticket.received_at >= since,
            Ticket.category_code.is_not(None),
            Ticket.confidentiality != Confidentiality.SECRET.value,
            Ticket.state != TicketState.INVALID.value,
            or_(TicketPlace.ticket_id.is_(None), TicketPlace.category_code != Ticket.category_code),
        )
        .order_by(Ticket.received_at, Ticket.id)
        .limit(BATCH)
    )
    placed = [_placed(ticket) for ticket in await session.scalars(statement)]
    for one in placed:
        longitude, latitude = one.point or (None, None)
        values = {
            "ticket_id": one.ticket_id, "category_code": one.category_code, "keys": [f"{one.category_code}|{key}" for key in one.keys],
            "longitude": longitude, "latitude": latitude, "received_at": one.received_at,
        }  # fmt: skip
        await session.execute(insert(TicketPlace).values(values).on_conflict_do_update(index_elements=["ticket_id"], set_=values))
    return placed


def _placed(ticket: Ticket) -> _Placed:
    keys = place_keys(ticket.address) or place_keys(ticket.title) or place_keys(ticket.content[:500])
    point = (ticket.longitude, ticket.latitude) if ticket.longitude is not None and ticket.latitude is not None else None
    return _Placed(ticket.id, str(ticket.category_code), keys, point, ticket.received_at)


async def _look_around(core: Core, session: AsyncSession, one: _Placed) -> int:
    """How many of the same place and category there are by now; 1 when that is a burst that is new or has grown."""
    law = rules.load().bursts
    others = await _neighbours(core, session, one)
    if len(others) + 1 < law.times:
        return 0
    ids = {one.ticket_id, *others}
    burst = await _open_burst(session, one, ids)
    if burst is None:
        place = (
            one.keys[0] if one.keys else _("坐标{point}附近").format(point=f"{one.point[0]:.4f},{one.point[1]:.4f}" if one.point else "")
        )
        burst = Burst(
            kind="place",
            category_code=one.category_code,
            place=place,
            count=0,
            told_count=0,
            first_at=one.received_at,
            last_at=one.received_at,
        )
        session.add(burst)
        await session.flush()
    rows = [{"burst_id": burst.id, "ticket_id": ticket_id} for ticket_id in sorted(ids)]
    await session.execute(insert(BurstTicket).on_conflict_do_nothing(), rows)
    in_it = select(func.count(), func.min(Ticket.received_at), func.max(Ticket.received_at)).join(
        BurstTicket, BurstTicket.ticket_id == Ticket.id
    )
    burst.count, burst.first_at, burst.last_at = (await session.execute(in_it.where(BurstTicket.burst_id == burst.id))).one()
    return await _warn(core, session, burst)


async def _neighbours(core: Core, session: AsyncSession, one: _Placed) -> list[int]:
    """Other tickets of the window, category and place, without those of a burst that somebody has decided on already."""
    law = rules.load().bursts
    near: list[Any] = []
    if one.keys:
        near.append(TicketPlace.keys.overlap(cast(array([f"{one.category_code}|{key}" for key in one.keys]), ARRAY(Text))))
    if one.point is not None:
        reach_lat = law.radius_m / _DEGREE_M
        reach_lon = reach_lat * 2  # enough up to 60 degrees of latitude; the exact distance is taken below
        near.append(
            TicketPlace.longitude.between(one.point[0] - reach_lon, one.point[0] + reach_lon)
            & TicketPlace.latitude.between(one.point[1] - reach_lat, one.point[1] + reach_lat)
        )
    if not near:
        return []
    decided = exists().where(BurstTicket.ticket_id == TicketPlace.ticket_id, BurstTicket.burst_id == Burst.id, Burst.state != "open")
    statement = select(TicketPlace.ticket_id, TicketPlace.keys, TicketPlace.longitude, TicketPlace.latitude).where(
        TicketPlace.category_code == one.category_code,
        TicketPlace.ticket_id != one.ticket_id,
        TicketPlace.received_at >= core.clock.now() - timedelta(days=law.within_days),
        or_(*near),
        ~decided,
    )
    own = {f"{one.category_code}|{key}" for key in one.keys}
    found = []
    for row in await session.execute(statement.limit(1000)):
        close = one.point is not None and row.longitude is not None
        if own & set(row.keys) or (close and distance_m(one.point, (row.longitude, row.latitude)) <= law.radius_m):  # type: ignore[arg-type]
            found.append(row.ticket_id)
    return found


async def _open_burst(session: AsyncSession, one: _Placed, ids: set[int]) -> Burst | None:
    """The open burst that one of these tickets belongs to."""
    statement = (
        select(Burst)
        .join(BurstTicket, BurstTicket.burst_id == Burst.id)
        .where(Burst.state == "open", Burst.kind == "place", Burst.category_code == one.category_code, BurstTicket.ticket_id.in_(ids))
    )
    return (await session.scalars(statement.order_by(Burst.id).limit(1).with_for_update(of=Burst))).first()


async def _warn(core: Core, session: AsyncSession, burst: Burst) -> int:
    """Tell people of a new burst, and again each time it has doubled."""
    if burst.told_count and burst.count < 2 * burst.told_count:
        return 0
    grown = burst.told_count > 0
    burst.told_count = burst.count
    await session.flush()
    category = await session.scalar(select(Category.name).where(Category.code == burst.category_code)) or burst.category_code
    data = {"burst": burst.id, "kind": burst.kind, "category": category, "place": burst.place, "count": burst.count}
    name = "burst.grew" if grown else "burst.found"
    await record(session, at=core.clock.now(), name=name, subject="burst", subject_id=burst.id, who=SYSTEM, data=data)
    people = (await Directory.load(session)).of_role(None, *roles_with("burst.see"))
    told = {"burst": burst.id, "rise": burst.kind == "rise", "category": category, "place": burst.place, "count": burst.count}
    await tell_people(core, session, people, NoticeKind.BURST, None, **told)
    return 1


async def look_for_rises(core: Core, session: AsyncSession) -> int:
    """Categories with many more appeals in the last 24 hours than on a usual day; returns how many are new or have doubled."""
    law, now = rules.load().bursts, core.clock.now()
    await session.execute(select(_LOCK))
    day = now - timedelta(days=1)
    fresh = func.count().filter(Ticket.received_at >= day)
    before = func.count().filter(Ticket.received_at < day)
    counts = (
        select(Ticket.category_code, fresh.label("fresh"), before.label("before"), func.max(Ticket.received_at).label("last"))
        .where(Ticket.received_at >= day - timedelta(days=RISE_DAYS), Ticket.received_at <= now, Ticket.category_code.is_not(None))
        .group_by(Ticket.category_code)
        .having(fresh >= law.rise_least)
    )
    found = 0
    for row in await session.execute(counts):
        usual = row.before / RISE_DAYS
        if row.fresh < law.rise_factor * usual:
            continue
        same = select(Burst).where(Burst.kind == "rise", Burst.category_code == row.category_code)
        burst = (
            await session.scalars(same.where(or_(Burst.state == "open", Burst.last_at >= day)).order_by(Burst.id.desc()).limit(1))
        ).first()
        if burst is None:
            burst = Burst(kind="rise", category_code=row.category_code, place="", count=0, told_count=0, first_at=day, last_at=row.last)
            session.add(burst)
        elif burst.state != "open":
            continue  # somebody has looked at it within the day
        burst.count, burst.usual, burst.last_at = row.fresh, round(usual, 2), row.last
        await session.flush()
        found += await _warn(core, session, burst)
    return found


@dataclass(frozen=True)
class BurstLine:
    """One line of the list."""

    burst: Burst
    category: str
    tickets: Sequence[tuple[str, str]]
    """Number and title of those that the person may see, at most ten."""


async def list_bursts(
    core: Core, session: AsyncSession, actor: Actor, *, open_only: bool = True, before: int | None = None, limit: int = PAGE
) -> list[BurstLine]:
    """Bursts, newest first. Two statements, however long the page."""
    _check(actor, "burst.see")
    statement = select(Burst, Category.name).join(Category, Category.code == Burst.category_code)
    if open_only:
        statement = statement.where(Burst.state == "open")
    if before is not None:
        statement = statement.where(Burst.id < before)
    rows = (await session.execute(statement.order_by(Burst.id.desc()).limit(limit))).all()
    rank = func.row_number().over(partition_by=BurstTicket.burst_id, order_by=Ticket.id.desc()).label("rank")
    inner = (
        select(BurstTicket.burst_id, Ticket.number, Ticket.title, rank)
        .join(Ticket, Ticket.id == BurstTicket.ticket_id)
        .where(BurstTicket.burst_id.in_([row.Burst.id for row in rows]), visible(core, actor))
        .subquery()
    )
    tickets: dict[int, list[tuple[str, str]]] = {}
    for row in await session.execute(select(inner).where(inner.c.rank <= 10).order_by(inner.c.burst_id, inner.c.rank)):
        tickets.setdefault(row.burst_id, []).append((row.number, row.title))
    return [BurstLine(row.Burst, row.name, tickets.get(row.Burst.id, ())) for row in rows]


async def decide(core: Core, session: AsyncSession, actor: Actor, burst_id: int, *, handled: bool, note: str) -> Burst:
    """What was done about it, or why it is none. Raises NotFound, NotAllowed, IllegalStep, InvalidInput."""
    _check(actor, "burst.decide")
    burst = (await session.scalars(select(Burst).where(Burst.id == burst_id).with_for_update())).first()
    if burst is None:
        raise NotFound(_("没有找到这条预警"))
    if burst.state != "open":
        raise IllegalStep(_("这条预警已经处理过了"))
    if len(note.strip()) < 5:
        raise InvalidInput(_("请写明怎么处理的，或为什么不是同一件事"), field="note")
    burst.state, burst.note = ("handled" if handled else "dismissed"), note.strip()[:1000]
    burst.decided_at, burst.decided_by_id = core.clock.now(), actor.user_id
    await session.flush()
    data = {"state": burst.state, "note": burst.note[:500]}
    await record(session, at=core.clock.now(), name=f"burst.{burst.state}", subject="burst", subject_id=burst.id, who=actor.who, data=data)
    return burst


def _check(actor: Actor, permission: str) -> None:
    if not may(actor, permission):
        raise NotAllowed(_("这个岗位没有权限打开本页或做这一步"))


async def of_period(session: AsyncSession, since: datetime, until: datetime, *, line: str = "", most: int = 30) -> list[dict[str, Any]]:
    """Bursts that began in [since, until), the biggest first, as plain values; for the brief. `line`: with a ticket of that line."""
    statement = (
        select(Burst.kind, Category.name, Burst.place, Burst.count, Burst.state)
        .join(Category, Category.code == Burst.category_code)
        .where(Burst.first_at >= since, Burst.first_at < until)
    )
    if line:
        of_line = exists().where(BurstTicket.burst_id == Burst.id, BurstTicket.ticket_id == Ticket.id, Ticket.line == line)
        statement = statement.where(of_line)
    rows = await session.execute(statement.order_by(Burst.count.desc(), Burst.id).limit(most))
    return [{"kind": row.kind, "category": row.name, "place": row.place, "count": row.count, "state": row.state} for row in rows]
