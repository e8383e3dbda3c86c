"""Lists of tickets for the queues. Every list passes `access.visible_to`; open lists are sorted by time left.

A page is read by an index and goes on after the last ticket seen (keyset), so that it costs the same among a thousand
tickets and among a million (lesson 16). Counts stop at `MOST`. Searches by text stand in `ticketing.ticket.search`.
The statements are kept for each person, queue and day: building them costs more than answering them (docs/decisions/0125).
"""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from hotline.prepared import Prepared, keeping_plans
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.people.permissions import Scope, scope_of
from ticketing.taxonomy.models import Category
from ticketing.ticket import list_rows
from ticketing.ticket.access import midnight, visible_to
from ticketing.ticket.list_rows import ListedTicket, ListRow
from ticketing.ticket.models import Ticket
from ticketing.ticket.queue_pages import Asked, Start, page_ids
from ticketing.ticket.queues import GONE, Queue, among
from ticketing.ticket.search import TicketFilter, conditions, search_tickets

MOST = 100
"""Counts go up to here («99+»): who has a hundred waiting needs no exact number, and counting all would cost more than the page."""
_KEPT = 2000
"""Statements in memory, some 5 kB each: a few queues of several hundred people."""


@dataclass(frozen=True)
class TicketRow:
    """One ticket as a list shows it, with its rows themselves."""

    ticket: Ticket
    clock: Deadline | None
    """The most pressing running clock."""
    assignment: Assignment | None
    """The lead assignment."""
    unit: Unit | None
    suggested: str = ""
    """Nobody has it yet: the unit that normally handles its category."""


@dataclass(frozen=True)
class Place:
    """Where a page of a list ended: its order and the last ticket."""

    moment: datetime | None
    """When that one is due, or was closed; None: no clock runs on it, or the order is by registration."""
    ticket_id: int

    def written(self) -> str:
        """For a link. It tells nothing that the page did not show, and opens nothing: every list asks who may see."""
        body = json.dumps([self.moment.isoformat() if self.moment else "", self.ticket_id], separators=(",", ":"))
        return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Place | None:
        """None for the first page, and for what no page of ours wrote."""
        try:
            moment, ticket_id = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
            at = datetime.fromisoformat(moment) if moment else None
            if not 0 <= int(ticket_id) < 2**62 or (at is not None and at.tzinfo is None):
                return None
            return cls(at.astimezone(UTC) if at is not None else None, int(ticket_id))
        except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError):
            return None


async def filter_tickets(
    core: Core, session: AsyncSession, actor: Actor, wanted: TicketFilter, *, limit: int = 50, after: Place | None = None
) -> list[ListRow]:
    """`list_tickets` of `wanted.queue`, only those that its other fields ask for; its words are not looked at (`search_tickets`)."""
    return await _list(core, session, actor, wanted.queue, limit, after, replace(wanted, words=""))


async def list_tickets(
    core: Core, session: AsyncSession, actor: Actor, queue: Queue, *, limit: int = 50, after: Place | None = None
) -> list[ListRow]:
    """One page of a queue: by time left, then what has no clock, newest first; closed ones by when they were closed.

    One statement, however long the page.
    """
    async with keeping_plans(session):
        return await _list(core, session, actor, queue, limit, after)


async def list_and_count(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    wanted: TicketFilter,
    *,
    newest: bool = False,
    limit: int = 50,
    after: Place | None = None,
    counted: list[Queue],
) -> tuple[list[ListRow], dict[Queue, int]]:
    """One page of a queue, filtered or not, and `count_tickets` of its role's queues.

    Args:
        wanted: the queue, what else the tickets must hold to, and words.
        newest: the newest first, as `search_tickets` has them; words are looked at only then.
    """
    if _steady(wanted, newest):
        async with keeping_plans(session):
            return await _found(core, session, actor, wanted, newest, limit, after), await _count(core, session, actor, counted)
    rows = await _found(core, session, actor, wanted, newest, limit, after)
    async with keeping_plans(session):
        return rows, await _count(core, session, actor, counted)


def _steady(wanted: TicketFilter, newest: bool) -> bool:
    """Whether the way to the page is the same for all values: not for a unit, nor for a filter that alone must find a few among all."""
    return wanted.unit_id is None and (not newest or bool(wanted.words))


async def _found(
    core: Core, session: AsyncSession, actor: Actor, wanted: TicketFilter, newest: bool, limit: int, after: Place | None
) -> list[ListRow]:
    if newest:
        return await search_tickets(core, session, actor, wanted, limit=limit, before=after.ticket_id if after else None)
    if wanted == TicketFilter(queue=wanted.queue):
        return await _list(core, session, actor, wanted.queue, limit, after)
    return await filter_tickets(core, session, actor, wanted, limit=limit, after=after)


def _planned(session: AsyncSession, actor: Actor) -> AbstractAsyncContextManager[None]:
    """For counts alone: a few of the centre soon keep their plan by themselves."""
    central = actor.role is not None and scope_of(actor, "ticket.see") is Scope.ALL
    return nullcontext() if central else keeping_plans(session)


async def _list(
    core: Core, session: AsyncSession, actor: Actor, queue: Queue, limit: int, after: Place | None, wanted: TicketFilter | None = None
) -> list[ListRow]:
    start = Start.FIRST if after is None else Start.TIMELESS if after.moment is None else Start.TIMED
    if queue is Queue.CLOSED and start is Start.TIMELESS:
        start, after = Start.FIRST, None
    asked = Asked(actor, midnight(core), queue, start, min(limit, 200))
    place = {"after_at": after.moment, "after_id": after.ticket_id} if after else {}
    rows = list_rows.read(await _page(asked, wanted).rows(session, now=core.clock.now(), **place))
    rows.sort(key=_latest_closed if queue is Queue.CLOSED else _least_time)
    return rows


@lru_cache(maxsize=_KEPT)
def _page(asked: Asked, wanted: TicketFilter | None) -> Prepared:
    """The lines of a page. The walks are quick ways to its tickets; the door is asked of each here."""
    seen = visible_to(asked.actor, asked.midnight, one_by_one=True)
    only = tuple(conditions(asked.actor, wanted)) if wanted else ()
    return Prepared(list_rows.of_ids(page_ids(replace(asked, only=only)).subquery("chosen"), asked.actor, seen))


def place_of(queue: Queue, ticket: ListedTicket) -> Place:
    """Where a page ends whose last line is `ticket`."""
    return Place(ticket.closed_at if queue is Queue.CLOSED else ticket.next_due_at, ticket.id)


def _least_time(row: ListRow) -> tuple[bool, float, int]:
    due = row.ticket.next_due_at
    return (due is None, due.timestamp() if due else 0.0, row.ticket.id if due else -row.ticket.id)


def _latest_closed(row: ListRow) -> tuple[float, int]:
    return (-row.ticket.closed_at.timestamp() if row.ticket.closed_at else 0.0, -row.ticket.id)


async def rows_of(session: AsyncSession, actor: Actor, tickets: list[Ticket]) -> list[TicketRow]:
    """Tickets that are at hand as lines of a list, in the same order: one more statement, however many there are."""
    if not tickets:
        return []
    usual = aliased(Unit)
    ours = Assignment.unit_id == actor.unit_id if actor.role and actor.role.in_unit else Assignment.lead
    part = (Assignment.ticket_id == Ticket.id) & ~among(Assignment.state, *GONE) & ours
    statement = (
        select(Ticket.id, Deadline, Assignment, Unit, usual.name.label("suggested"))
        .select_from(Ticket)
        .outerjoin(Deadline, (Deadline.ticket_id == Ticket.id) & among(Deadline.state, ClockState.RUNNING))
        .outerjoin(Assignment, part)
        .outerjoin(Unit, Unit.id == Assignment.unit_id)
        .outerjoin(Category, Category.code == Ticket.category_code)
        .outerjoin(usual, usual.id == Category.unit_id)
        .where(Ticket.id.in_([ticket.id for ticket in tickets]))
        .order_by(Deadline.due_at.desc(), Assignment.id)
    )
    found = {row.id: row for row in await session.execute(statement)}  # the last one of a ticket: the most pressing clock
    return [
        TicketRow(ticket, row.Deadline, row.Assignment, row.Unit, "" if row.Assignment else row.suggested or "")
        for ticket in tickets
        for row in (found[ticket.id],)
    ]


async def count_tickets(core: Core, session: AsyncSession, actor: Actor, queues: list[Queue]) -> dict[Queue, int]:
    """How many tickets each queue holds for this person, at most `MOST`, in one statement."""
    async with _planned(session, actor):
        return await _count(core, session, actor, queues)


async def _count(core: Core, session: AsyncSession, actor: Actor, queues: list[Queue]) -> dict[Queue, int]:
    if not queues:
        return {}
    [row] = await _counts(actor, midnight(core), tuple(queues)).rows(session, now=core.clock.now())
    return dict(zip(queues, (int(count) for count in row), strict=True))


@lru_cache(maxsize=_KEPT)
def _counts(actor: Actor, today: datetime, queues: tuple[Queue, ...]) -> Prepared:
    """Each count is that of a page of `MOST`: in the same order along the same index."""
    pages = [page_ids(Asked(actor, today, queue, Start.FIRST, MOST)).subquery() for queue in queues]
    counted = [select(func.count()).select_from(page).scalar_subquery() for page in pages]
    return Prepared(select(*(count.label(f"c{number}") for number, count in enumerate(counted))))
