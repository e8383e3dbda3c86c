"""The statements behind the pages of queues: the ids of one page, in its order, along an index.

Who sees every ticket gets them from `ticket` itself. A unit gets them from `unit_queue`, one short walk for each unit of its
tree and each state. What a person registered or is named on comes beside it. Whatever the way, `access.visible_to` is asked of
every ticket found: these statements are quick ways to the same tickets, they decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    and_,
    bindparam,
    false,
    func,
    lateral,
    literal_column,
    select,
    true,
    tuple_,
    union,
    union_all,
)
from sqlalchemy.orm import aliased

from ticketing.people.actor import Actor
from ticketing.people.permissions import Scope, scope_of
from ticketing.people.units import below
from ticketing.ticket import queues
from ticketing.ticket.access import on_list, role_sets, visible_to
from ticketing.ticket.models import Ticket, UnitQueue
from ticketing.ticket.queues import PRESSING, Queue, among
from ticketing.ticket.states import TicketState

AFTER_AT = bindparam("after_at", type_=DateTime(timezone=True))
AFTER_ID = bindparam("after_id", type_=BigInteger)
"""Where the page before ended; given when the statement is run."""


class Start(StrEnum):
    """Where a page begins."""

    FIRST = "first"
    TIMED = "timed"
    """After a ticket that a clock runs on, or that was closed."""
    TIMELESS = "timeless"
    """After a ticket without a running clock."""


@dataclass(frozen=True)
class Asked:
    """What shapes the statement of a page; the values of the place it starts from do not."""

    actor: Actor
    midnight: datetime
    """When the city's day began: some roles see what is of today."""
    queue: Queue
    start: Start
    limit: int

    @property
    def most(self) -> ColumnElement[int]:
        """The limit as a constant: a plan for an unknown number of rows would read whole sets."""
        return literal_column(str(int(self.limit)))


def page_ids(asked: Asked) -> Select[Any]:
    """The ids of a page: by time left, then what no clock runs on, newest first; closed ones by when they were closed."""
    if asked.queue is Queue.CLOSED:
        return _merged(asked, Order.CLOSED)
    timed = None if asked.start is Start.TIMELESS else _merged(asked, Order.TIMED)
    timeless = None if asked.queue in PRESSING else _merged(asked, Order.TIMELESS)
    if timed is None or timeless is None:
        only = timed if timed is not None else timeless
        return only if only is not None else select(Ticket.id).where(false())
    first, second = timed.subquery(), timeless.subquery()
    both = union_all(select(first.c.id), select(second.c.id)).subquery()
    return select(both.c.id).limit(asked.most)  # an append stops as soon as the page is full


class Order(StrEnum):
    """One of the three orders; each has its index."""

    TIMED = "timed"
    """What a clock runs on: the most pressing first."""
    TIMELESS = "timeless"
    """What none runs on: the newest first."""
    CLOSED = "closed"
    """The last closed first."""

    def of(self, table: Any, ticket_id: Any) -> tuple[Any, ...]:
        """The columns of a table in this order."""
        match self:
            case Order.TIMED:
                return (table.next_due_at, ticket_id)
            case Order.TIMELESS:
                return (ticket_id.desc(),)
            case _:
                return (table.closed_at.desc(), ticket_id.desc())

    def part_of(self, table: Any, ticket_id: Any, start: Start) -> ColumnElement[bool]:
        """The rows that have this order, after the place where the page before ended."""
        match self:
            case Order.TIMED:
                goes_on = tuple_(table.next_due_at, ticket_id) > tuple_(AFTER_AT, AFTER_ID)
                return and_(table.next_due_at.is_not(None), goes_on if start is Start.TIMED else true())
            case Order.TIMELESS:
                return and_(table.next_due_at.is_(None), ticket_id < AFTER_ID if start is Start.TIMELESS else true())
            case _:
                goes_on = tuple_(table.closed_at, ticket_id) < tuple_(AFTER_AT, AFTER_ID)
                return and_(table.closed_at.is_not(None), goes_on if start is Start.TIMED else true())


def _merged(asked: Asked, order: Order) -> Select[Any]:
    """Each source is a part of the page in the page's order, as long as the page: together they have it."""
    each = [source.subquery() for source in _sources(asked, order)]
    parts = [select(one.c.next_due_at, one.c.closed_at, one.c.id) for one in each]
    found = union(*parts).subquery() if len(each) > 1 else each[0]
    return select(found.c.id).order_by(*order.of(found.c, found.c.id)).limit(asked.most)


def _sources(asked: Asked, order: Order) -> list[Select[Any]]:
    """Where the tickets come from: by the role, and those that the person registered or is named on."""
    actor = asked.actor
    reach = scope_of(actor, "ticket.see") if actor.role else None
    if reach is Scope.ALL:
        return [_by_state(asked, order)]
    sets = role_sets(actor, asked.midnight) or []
    if reach is Scope.TREE and actor.unit_id is not None:
        own = [_lying(asked, order)]
    elif reach is Scope.QUEUE:
        task, *others = sets
        called = among(Ticket.state, TicketState.CALLBACK) & queues.one_by_one(task.where(task.selected_columns[0] == Ticket.id))
        own = [_part(asked, order, called), _part(asked, order, Ticket.id.in_(union_all(*others)))]
    elif reach is Scope.TODAY:
        own = [_part(asked, order, Ticket.id.in_(union_all(*sets)))]
    else:
        return [_part(asked, order, visible_to(actor, asked.midnight))]
    if actor.user_id is None:
        return own
    registered, named = Ticket.created_by_id == actor.user_id, on_list(actor.user_id, Ticket)
    return [*own, _part(asked, order, registered), _part(asked, order, named)]


def _allowed(asked: Asked) -> ColumnElement[bool]:
    return visible_to(asked.actor, asked.midnight, one_by_one=True)


def _part(asked: Asked, order: Order, *where: ColumnElement[bool]) -> Select[Any]:
    """The part of the page that fulfils `where`."""
    found = (*where, order.part_of(Ticket, Ticket.id, asked.start), queues.condition(asked.actor, asked.queue), _allowed(asked))
    columns: tuple[Any, ...] = (Ticket.next_due_at, Ticket.closed_at, Ticket.id)
    chosen = select(*columns).where(*found)
    return chosen.order_by(*order.of(Ticket, Ticket.id)).limit(asked.most)


def _by_state(asked: Asked, order: Order) -> Select[Any]:
    """All tickets. Several states are several ranges of the index."""
    states = queues.states_of(asked.queue) or ()
    if len(states) < 2 or order is not Order.TIMED:
        return _part(asked, order)
    state = _constants("state", states)
    one = lateral(_part(asked, order, Ticket.state == state.c.value))
    return select(one.c.next_due_at, one.c.closed_at, one.c.id).select_from(state.join(one, true()))


def _lying(asked: Asked, order: Order) -> Select[Any]:
    """What lies at the units of the tree: a walk for each unit and each state, or for each state of the own unit's part."""
    parts = queues.waiting_parts(asked.actor) if asked.queue is Queue.MINE else ()
    unit = below(asked.actor.unit_id or 0).subquery("tree")
    tree_id: ColumnElement[int] = literal_column("tree.id", BigInteger)  # by name: deep inside these are no sources
    if parts:
        origin: FromClause = _constants("part", parts)
        ranges: ColumnElement[bool] = (UnitQueue.unit_id == asked.actor.unit_id) & (UnitQueue.part == literal_column("of_part.value"))
    elif order is Order.CLOSED:
        origin, ranges = unit, UnitQueue.unit_id == tree_id
    else:
        state = _constants("state", queues.states_of(asked.queue) or tuple(state.value for state in TicketState))
        origin, ranges = unit.join(state, true()), (UnitQueue.unit_id == tree_id) & (UnitQueue.state == literal_column("of_state.value"))
    lies = order.part_of(UnitQueue, UnitQueue.ticket_id, asked.start) & queues.within(asked.queue, UnitQueue.next_due_at)
    wanted = true() if parts else queues.condition(asked.actor, asked.queue)
    if order is Order.CLOSED:
        return _ended(asked, origin, ranges & lies & wanted)
    # the fence of OFFSET: first in order, from the index alone, then looked at until the page is full
    columns: tuple[Any, ...] = (UnitQueue.next_due_at, UnitQueue.ticket_id.label("id"), UnitQueue.assignment_id, UnitQueue.unit_id)
    along = select(*columns).where(ranges, lies).order_by(*order.of(UnitQueue, UnitQueue.ticket_id)).offset(literal_column("0"))
    walk, earlier = along.subquery("walk"), aliased(UnitQueue)
    same = (earlier.ticket_id == walk.c.id) & (earlier.unit_id == walk.c.unit_id) & (earlier.assignment_id < walk.c.assignment_id)
    if parts:  # the other part may not be waiting
        same &= earlier.part == literal_column("of_part.value")
    once = ~queues.one_by_one(select(earlier.ticket_id).where(same).correlate(walk))
    found = select(walk.c.next_due_at, Ticket.closed_at, walk.c.id).join(Ticket, Ticket.id == walk.c.id)
    one = lateral(found.where(wanted, _allowed(asked), once).order_by(*order.of(walk.c, walk.c.id)).limit(asked.most))
    return select(one.c.next_due_at, one.c.closed_at, one.c.id).select_from(origin.join(one, true()))


def _ended(asked: Asked, origin: FromClause, where: ColumnElement[bool]) -> Select[Any]:
    """What ended at the units: far too much to be put in order first. Two parts of one ticket are one line, hence twice the page."""
    columns: tuple[Any, ...] = (UnitQueue.next_due_at, UnitQueue.closed_at, UnitQueue.ticket_id.label("id"))
    found = select(*columns).join(Ticket, Ticket.id == UnitQueue.ticket_id).where(where, _allowed(asked))
    twice: ColumnElement[int] = literal_column(str(2 * int(asked.limit)))
    one = lateral(found.order_by(*Order.CLOSED.of(UnitQueue, UnitQueue.ticket_id)).limit(twice))
    return select(one.c.next_due_at, one.c.closed_at, one.c.id).select_from(origin.join(one, true()))


def _constants(name: str, values: tuple[str, ...]) -> Any:
    """The values as rows, with the column `value`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return func.unnest(literal_column(f"ARRAY[{listed}]")).table_valued("value").render_derived(name=f"of_{name}")
