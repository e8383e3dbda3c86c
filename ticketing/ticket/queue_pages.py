"""The statements behind the pages of queues: the ids of one page, in its order, along an index.

Who sees every ticket gets them from `ticket` itself. A unit gets them from `unit_queue`, one short walk for each unit of its
tree and each state. What a person registered or is named on comes beside it. Tickets are asked for by `access.visible_to`, rows
of `unit_queue` by `access.lying_visible_to`, which says the same of them; whoever shows tickets by these ids asks `visible_to` of
each once more (`lists`), so these statements are quick ways to the same tickets and decide nothing.
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
    null,
    select,
    true,
    tuple_,
    union,
    union_all,
)

from ticketing.people.actor import Actor
from ticketing.people.permissions import Scope, scope_of
from ticketing.people.units import below
from ticketing.ticket import queues
from ticketing.ticket.access import lying_visible_to, on_list, registered_on, role_sets, visible_to
from ticketing.ticket.models import Ticket, UnitQueue
from ticketing.ticket.queues import OPEN, PRESSING, Queue, among
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
    only: tuple[ColumnElement[bool], ...] = ()
    """What else the tickets must fulfil (`search.conditions`); a page that is kept is kept without it."""

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
        single = timed if timed is not None else timeless
        return single if single is not None else select(Ticket.id).where(false())
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

    def moment(self, table: Any) -> ColumnElement[Any]:
        """What the order goes by before the ticket's number; nothing for what has no time."""
        match self:
            case Order.TIMED:
                return table.next_due_at  # type: ignore[no-any-return]
            case Order.TIMELESS:
                return null().cast(DateTime(timezone=True))
            case _:
                return table.closed_at  # type: ignore[no-any-return]

    def by(self, moment: Any, ticket_id: Any) -> tuple[Any, ...]:
        """In this order. What has no time is named by its empty due time too, as the indexes have it."""
        return (moment, ticket_id) if self is Order.TIMED else (moment.desc(), ticket_id.desc())

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
    found = union(*(select(one.c.at, one.c.id) for one in each)).subquery() if len(each) > 1 else each[0]
    return select(found.c.id).order_by(*order.by(found.c.at, found.c.id)).limit(asked.most)


def _filtered(asked: Asked, order: Order) -> Select[Any]:
    """For who sees all, with a filter: no index has an order for each, so it goes along those of the queues.

    What a clock runs on are the open tickets, however many there ever were; for what has no clock a filter that finds little reads
    as far back as the same list by registration.
    """
    found = (*asked.only, order.part_of(Ticket, Ticket.id, asked.start), visible_to(asked.actor, asked.midnight))
    ordered = (Ticket.id.desc(),) if order is Order.TIMELESS else order.by(order.moment(Ticket), Ticket.id)
    return select(order.moment(Ticket).label("at"), Ticket.id.label("id")).where(*found).order_by(*ordered).limit(asked.most)


def _sources(asked: Asked, order: Order) -> list[Select[Any]]:
    """Where the tickets come from: by the role, and those that the person registered or is named on."""
    actor = asked.actor
    reach = scope_of(actor, "ticket.see") if actor.role else None
    if reach is Scope.ALL:
        return [_filtered(asked, order) if asked.only else _by_state(asked, order)]
    sets = role_sets(actor, asked.midnight) or []
    if reach is Scope.TREE and actor.unit_id is not None:
        own = [_lying(asked, order)] if asked.queue is not Queue.RETURNS else [_part(asked, order)]
    elif reach is Scope.QUEUE:
        own = _called(asked, order, sets)
    elif reach is Scope.TODAY:
        _today, *others = sets
        own = [
            _part(asked, order, registered_on(asked.midnight.date(), Ticket)) if asked.queue is Queue.RETURNS else _of_today(asked, order)
        ]
        own += [*(_part(asked, order, Ticket.id.in_(other)) for other in others)]
    else:
        return [_part(asked, order, visible_to(actor, asked.midnight))]
    if actor.user_id is None:
        return own
    return [*own, _registered(asked, order), _part(asked, order, on_list(actor.user_id, Ticket))]


def _allowed(asked: Asked) -> ColumnElement[bool]:
    return visible_to(asked.actor, asked.midnight, one_by_one=True)


def _part(asked: Asked, order: Order, *where: ColumnElement[bool], along: bool = False) -> Select[Any]:
    """The part of the page that fulfils `where`; `along`: an index has what no clock runs on in its order, too."""
    part = order.part_of(Ticket, Ticket.id, asked.start)
    found = (*where, *asked.only, part, queues.condition(asked.actor, asked.queue), _allowed(asked))
    ordered: tuple[Any, ...] = order.by(order.moment(Ticket), Ticket.id)
    if order is Order.TIMELESS:
        ordered = (Ticket.next_due_at.desc(), Ticket.id.desc()) if along else (Ticket.id.desc(),)
    return select(order.moment(Ticket).label("at"), Ticket.id.label("id")).where(*found).order_by(*ordered).limit(asked.most)


def _by_state(asked: Asked, order: Order) -> Select[Any]:
    """All tickets. Several states are several ranges of the index."""
    states = queues.states_of(asked.queue) or ()
    if len(states) < 2 or order is not Order.TIMED:
        return _part(asked, order)
    return _each(_constants("state", states), _part(asked, order, Ticket.state == literal_column("of_state.value")))


def _registered(asked: Asked, order: Order) -> Select[Any]:
    """What the person registered."""
    return _along(asked, order, Ticket.created_by_id == asked.actor.user_id)


def _of_today(asked: Asked, order: Order) -> Select[Any]:
    """What was registered today. What of it was closed is read whole and sorted. Secret ones come by who registered them."""
    return _along(asked, order, registered_on(asked.midnight.date(), Ticket))


def _along(asked: Asked, order: Order, which: ColumnElement[bool]) -> Select[Any]:
    """Along an index that has `which`, then the order: the day's ten thousand tickets cost what its first hundred did.

    Its states stand apart in an index of their own, for a walk each. What a clock runs on is nearly always open, so that the open
    ones need no walk for each state.
    """
    if order is Order.CLOSED or (order is Order.TIMED and asked.queue is Queue.MINE):
        return _part(asked, order, which)
    usual = OPEN if asked.queue is Queue.MINE else tuple(state.value for state in TicketState)
    walk = _part(asked, order, which, Ticket.state == literal_column("of_state.value"), along=True)
    return _each(_constants("state", queues.states_of(asked.queue) or usual), walk)


def _called(asked: Asked, order: Order, sets: list[Select[int]]) -> list[Select[Any]]:
    """For the callback team: what waits to be called, and what a person of it had to do with; the latter waits for nobody."""
    task, *others = sets
    waits = queues.one_by_one(task.where(task.selected_columns[0] == Ticket.id))
    waiting = _part(asked, order, among(Ticket.state, TicketState.CALLBACK), waits)
    if asked.queue in (Queue.MINE, Queue.CALLBACK):
        return [waiting]
    return [waiting, _part(asked, order, Ticket.id.in_(union_all(*others)))]


def _lying(asked: Asked, order: Order) -> Select[Any]:
    """What lies at the units of the tree: a walk for each unit and each state, or for each state of the own unit's part.

    Two parts of one ticket follow each other in a walk and are one line.
    """
    parts = queues.parts_of(asked.actor, asked.queue)
    unit = below(asked.actor.unit_id or 0).subquery("tree")
    ranges: ColumnElement[bool] = UnitQueue.unit_id == literal_column("tree.id", BigInteger)  # by name: deep inside it is no source
    origin: FromClause = unit
    if parts:
        origin = _constants("part", parts)
        ranges = (UnitQueue.unit_id == asked.actor.unit_id) & (UnitQueue.part == literal_column("of_part.value"))
    elif (states := _states_to_walk(asked, order)) and len(states) > 1:
        origin, ranges = unit.join(_constants("state", states), true()), ranges & (UnitQueue.state == literal_column("of_state.value"))
    wanted = true() if parts else queues.condition(asked.actor, asked.queue, of=UnitQueue)
    lies = (ranges, order.part_of(UnitQueue, UnitQueue.ticket_id, asked.start), wanted, lying_visible_to(asked.actor))
    moment = UnitQueue.next_due_at if order is Order.TIMELESS else order.moment(UnitQueue)  # always empty there, but in the index
    walk = select(moment.label("at"), UnitQueue.ticket_id.label("id")).where(*lies).distinct()
    if asked.only:  # in the walk's order, a ticket looked at by itself, until the page is full
        walk = walk.where(queues.one_by_one(select(Ticket.id).where(Ticket.id == UnitQueue.ticket_id, *asked.only), UnitQueue))
    return _each(origin, walk.order_by(*order.by(moment, UnitQueue.ticket_id)).limit(asked.most))


def _states_to_walk(asked: Asked, order: Order) -> tuple[str, ...]:
    """The states whose rows stand apart in the index that the walk goes along; none: it has all of them in one order."""
    found = queues.states_of(asked.queue)
    if order is Order.CLOSED or (order is Order.TIMED and found is None):
        return ()
    return found or tuple(state.value for state in TicketState)


def _each(origin: FromClause, walk: Select[Any]) -> Select[Any]:
    """The walk from each row of `origin`, whose columns it names."""
    one = lateral(walk)
    return select(one.c.at, one.c.id).select_from(origin.join(one, true()))


def _constants(name: str, values: tuple[str, ...]) -> Any:
    """The values as rows, with the column `value`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return func.unnest(literal_column(f"ARRAY[{listed}]")).table_valued("value").render_derived(name=f"of_{name}")
