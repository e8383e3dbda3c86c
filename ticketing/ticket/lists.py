"""Lists of tickets for the queues. Every list passes `access.visible`; open lists are sorted by time left.

A page is read by an index and goes on after the last ticket seen (keyset), so that it costs the same among a thousand
tickets and among a million (lesson 16). Counts stop at `MOST`. Searches by text stand in `ticketing.ticket.search`.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask
from ticketing.context import Core
from ticketing.deadline.models import ClockState, Deadline, Stage
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import Scope, scope_of
from ticketing.request.models import Request
from ticketing.request.states import RequestState, decided_by
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import FINAL_STATES, TicketState


class Queue(StrEnum):
    """The named filters of the queue page."""

    MINE = "mine"
    """What waits for this person's role."""
    TO_DISPATCH = "to_dispatch"
    IN_PROGRESS = "in_progress"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    RETURNS = "returns"
    REVIEW = "review"
    CALLBACK = "callback"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True)
class TicketRow:
    """One line of a list."""

    ticket: Ticket
    clock: Deadline | None
    """The most pressing running clock."""
    assignment: Assignment | None
    """The lead assignment."""
    unit: Unit | None
    suggested: str = ""
    """Nobody has it yet: the unit that normally handles its category."""


MOST = 100
"""Counts go up to here («99+»): who has a hundred waiting needs no exact number, and counting all would cost more than the page."""
_SETS = frozenset({Queue.DUE_SOON, Queue.OVERDUE, Queue.RETURNS, Queue.CALLBACK})
"""Queues that begin with a short index of their own."""


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
            return cls(at, int(ticket_id)) if 0 <= int(ticket_id) < 2**62 and (at is None or at.tzinfo is not None) else None
        except (ValueError, TypeError, binascii.Error, RecursionError, OverflowError):
            return None


_OPEN = [state.value for state in TicketState if state not in FINAL_STATES]


def among(column: InstrumentedAttribute[str], *values: str) -> ColumnElement[bool]:
    """`column` is one of our own constants: written into the statement, so that the planner sees which partial index fits."""
    return column.in_([literal_column(f"'{value}'") for value in values])


def queue_condition(actor: Actor, queue: Queue) -> ColumnElement[bool]:
    """The tickets of a queue. `access.visible` has to stand beside it."""
    match queue:
        case Queue.TO_DISPATCH:
            return among(Ticket.state, TicketState.REGISTERED, TicketState.TO_DISPATCH)
        case Queue.IN_PROGRESS:
            return among(Ticket.state, TicketState.IN_PROGRESS)
        case Queue.DUE_SOON:
            return _clock_in(Stage.WHITE, Stage.AMBER)
        case Queue.OVERDUE:
            return _clock_in(Stage.YELLOW, Stage.RED)
        case Queue.RETURNS:
            kinds = [kind.value for kind in decided_by(actor.role)]
            asked = select(Request.ticket_id).where(among(Request.state, RequestState.PENDING), Request.kind.in_(kinds))
            return Ticket.id.in_(asked)
        case Queue.REVIEW:
            return among(Ticket.state, TicketState.REPLY_REVIEW)
        case Queue.CALLBACK:
            return Ticket.id.in_(select(CallbackTask.ticket_id).where(among(CallbackTask.state, "open")))
        case Queue.CLOSED:
            return among(Ticket.state, TicketState.CLOSED, TicketState.ARCHIVED)
        case Queue.MINE:
            return _mine(actor)
        case _:
            return Ticket.id > 0


def _clock_in(*stages: Stage) -> ColumnElement[bool]:
    running = select(Deadline.ticket_id).where(among(Deadline.state, ClockState.RUNNING), among(Deadline.stage, *stages))
    return Ticket.id.in_(running)


def _mine(actor: Actor) -> ColumnElement[bool]:
    waiting: tuple[str, ...]
    match actor.role:
        case Role.DISPATCHER:
            return or_(
                queue_condition(actor, Queue.TO_DISPATCH), queue_condition(actor, Queue.REVIEW), queue_condition(actor, Queue.RETURNS)
            )
        case Role.CLERK:
            waiting = (
                AssignmentState.ASSIGNED.value,
                AssignmentState.SIGNED.value,
                AssignmentState.WORKING.value,
                AssignmentState.REDO.value,
                *([AssignmentState.UNIT_REVIEW.value] if Role.CHIEF in actor.roles else []),  # as the chief's deputy
            )
        case Role.CHIEF:
            waiting = (AssignmentState.UNIT_REVIEW.value,)
        case Role.CALLBACK:
            return queue_condition(actor, Queue.CALLBACK)
        case Role.SUPERVISOR | Role.LEADER:
            return queue_condition(actor, Queue.OVERDUE)
        case _:
            return among(Ticket.state, *_OPEN)
    return Ticket.id.in_(select(Assignment.ticket_id).where(Assignment.unit_id == actor.unit_id, among(Assignment.state, *waiting)))


def words_condition(words: str) -> ColumnElement[bool]:
    """Every word is a part of the number, the title, the address or the content. Wildcards of the person are taken literally.

    For statements that read a bounded part of the table anyway; `ticketing.ticket.search` finds by an index.
    """
    columns = (Ticket.number, Ticket.title, Ticket.address, Ticket.content)
    return and_(*(or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words.split()))


async def list_tickets(
    core: Core, session: AsyncSession, actor: Actor, queue: Queue, *, limit: int = 50, after: Place | None = None
) -> list[TicketRow]:
    """One page of a queue: by time left, then what has no clock, newest first; closed ones by when they were closed.

    Two statements, however long the page.
    """
    condition = and_(visible(core, actor), queue_condition(actor, queue))
    chosen = (_closed if queue is Queue.CLOSED else _by_time_left)(condition, min(limit, 200), after).subquery()
    tickets = list(await session.scalars(select(Ticket).join(chosen, chosen.c.id == Ticket.id)))
    tickets.sort(key=_latest_closed if queue is Queue.CLOSED else _least_time)
    return await rows_of(session, actor, tickets)


def place_of(queue: Queue, ticket: Ticket) -> Place:
    """Where a page ends whose last line is `ticket`."""
    return Place(ticket.closed_at if queue is Queue.CLOSED else ticket.next_due_at, ticket.id)


def _least_time(ticket: Ticket) -> tuple[bool, float, int]:
    due = ticket.next_due_at
    return (due is None, due.timestamp() if due else 0.0, ticket.id if due else -ticket.id)


def _latest_closed(ticket: Ticket) -> tuple[float, int]:
    return (-ticket.closed_at.timestamp() if ticket.closed_at else 0.0, -ticket.id)


def _closed(condition: ColumnElement[bool], limit: int, after: Place | None) -> Select[int]:
    statement = select(Ticket.id).where(condition, Ticket.closed_at.is_not(None))
    if after is not None and after.moment is not None:
        statement = statement.where(tuple_(Ticket.closed_at, Ticket.id) < tuple_(after.moment, after.ticket_id))
    return statement.order_by(Ticket.closed_at.desc(), Ticket.id.desc()).limit(limit)


def _by_time_left(condition: ColumnElement[bool], limit: int, after: Place | None) -> Select[int]:
    """What a clock runs on, along its index; only when that is not enough for a page, what none runs on, newest first."""
    timed = select(Ticket.id).where(condition, Ticket.next_due_at.is_not(None))
    timeless = select(Ticket.id).where(condition, Ticket.next_due_at.is_(None))
    if after is not None and after.moment is None:
        return timeless.where(Ticket.id < after.ticket_id).order_by(Ticket.id.desc()).limit(limit)
    if after is not None:
        timed = timed.where(tuple_(Ticket.next_due_at, Ticket.id) > tuple_(after.moment, after.ticket_id))
    first = timed.order_by(Ticket.next_due_at, Ticket.id).limit(limit).subquery()
    second = timeless.order_by(Ticket.id.desc()).limit(limit).subquery()
    both = union_all(select(first.c.id), select(second.c.id)).subquery()
    return select(both.c.id).limit(limit)  # an append stops as soon as the page is full


async def rows_of(session: AsyncSession, actor: Actor, tickets: list[Ticket]) -> list[TicketRow]:
    """Tickets as lines of a list, in the same order: one more statement, however many there are."""
    if not tickets:
        return []
    usual = aliased(Unit)
    gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    ours = Assignment.unit_id == actor.unit_id if actor.role and actor.role.in_unit else Assignment.lead
    part = (Assignment.ticket_id == Ticket.id) & ~among(Assignment.state, *gone) & ours
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
    if not queues:
        return {}
    seen = visible(core, actor)
    own: ColumnElement[bool] = seen
    working = [queue for queue in queues if queue not in (Queue.CLOSED, Queue.ALL)]
    if working and scope_of(actor, "ticket.see") is not Scope.ALL:
        # what a unit sees is read once for all its queues
        alive = among(Ticket.state, *_OPEN) | Ticket.next_due_at.is_not(None)
        mine = select(Ticket.id).where(seen, alive).cte("mine").prefix_with("MATERIALIZED")
        own = Ticket.id.in_(select(mine.c.id))
    columns = []
    for queue in queues:
        condition = and_(own if queue in working else seen, queue_condition(actor, queue))
        some = _some(condition, queue).subquery()
        columns.append(select(func.count()).select_from(some).scalar_subquery().label(queue.value))
    row = (await session.execute(select(*columns))).one()
    return {queue: int(getattr(row, queue.value)) for queue in queues}


def _some(condition: ColumnElement[bool], queue: Queue) -> Select[int]:
    """At most `MOST` tickets. In the order of the page: without one the planner might look for the youngest from the oldest on."""
    if queue in _SETS:
        return select(Ticket.id).where(condition).limit(MOST)
    if queue is Queue.TO_DISPATCH:  # two states: by due time all of both would be sorted
        return select(Ticket.id).where(condition).order_by(Ticket.state).limit(MOST)
    return (_closed if queue is Queue.CLOSED else _by_time_left)(condition, MOST, None)
