"""The queues: which tickets each holds. Who may see a ticket is another question: `access.visible` stands beside every condition."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, bindparam, false, func, literal_column, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request.models import Request
from ticketing.request.states import RequestState, decided_by
from ticketing.ticket.models import Ticket, UnitQueue
from ticketing.ticket.states import FINAL_STATES, TicketState, Urgency


class Queue(StrEnum):
    """The named filters of the queue page."""

    MINE = "mine"
    """What waits for this person's role."""
    EMERGENCY = "emergency"
    """特急, and what was handed to an emergency line and not followed up yet: until it is over."""
    TO_DISPATCH = "to_dispatch"
    IN_PROGRESS = "in_progress"
    DUE_SOON = "due_soon"
    """A clock has run half its time or more, and none is over due."""
    OVERDUE = "overdue"
    RETURNS = "returns"
    REVIEW = "review"
    CALLBACK = "callback"
    CLOSED = "closed"
    ALL = "all"
    TO_SIGN = "to_sign"
    """In a unit: what it has not signed for yet; as the other lanes of the department desk by the own unit's part."""
    WORKING = "working"
    """In a unit: signed for, the reply is owed."""
    REDO = "redo"
    """In a unit: the reply was sent back, or the citizen is not satisfied."""
    UNIT_REVIEW = "unit_review"
    """In a unit: the draft waits for the chief's signature."""


GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
"""An assignment in one of these states is none any more."""
OPEN = tuple(state.value for state in TicketState if state not in FINAL_STATES)
PRESSING = frozenset({Queue.DUE_SOON, Queue.OVERDUE})
"""Queues of tickets on which a clock runs."""
LANES = {
    Queue.TO_SIGN: (AssignmentState.ASSIGNED.value,),
    Queue.WORKING: (AssignmentState.SIGNED.value, AssignmentState.WORKING.value),
    Queue.REDO: (AssignmentState.REDO.value,),
    Queue.UNIT_REVIEW: (AssignmentState.UNIT_REVIEW.value,),
}
"""The lanes of the department desk: the states of the own unit's part."""
_STATES = {
    Queue.TO_DISPATCH: (TicketState.REGISTERED, TicketState.TO_DISPATCH),
    Queue.IN_PROGRESS: (TicketState.IN_PROGRESS,),
    Queue.REVIEW: (TicketState.REPLY_REVIEW,),
    Queue.CALLBACK: (TicketState.CALLBACK,),
    Queue.CLOSED: (TicketState.CLOSED, TicketState.ARCHIVED),
}


def among(column: ColumnElement[str] | InstrumentedAttribute[str], *values: str) -> ColumnElement[bool]:
    """`column` is one of our own constants: written into the statement, so that the planner sees which partial index fits."""
    return column.in_([literal_column(f"'{value}'") for value in values]) if values else false()


def states_of(queue: Queue) -> tuple[str, ...] | None:
    """The states that a ticket of the queue can be in; None: any."""
    states = _STATES.get(queue)
    return None if states is None else tuple(state.value for state in states)


def condition(actor: Actor, queue: Queue, now: datetime | None = None, *, of: Any = Ticket) -> ColumnElement[bool]:
    """The tickets of a queue. `access.visible` has to stand beside it.

    Args:
        now: the moment of the core's clock; without it the statement has a parameter `now` that whoever runs it has to give.
        of: what has the ticket's columns: `UnitQueue` for rows that lie at units, or a selection; not for what the centre decides.
    """
    ticket_id: Any = UnitQueue.ticket_id if of is UnitQueue else of.id
    match queue:
        case Queue.TO_DISPATCH | Queue.IN_PROGRESS | Queue.REVIEW | Queue.CLOSED:
            return among(of.state, *_STATES[queue])
        case Queue.CALLBACK:
            task = select(CallbackTask.ticket_id).where(CallbackTask.ticket_id == ticket_id, among(CallbackTask.state, "open"))
            return among(of.state, *_STATES[queue]) & one_by_one(task, of if isinstance(of, type) else None)
        case Queue.EMERGENCY:
            return _urgent(Ticket) if of is Ticket else ticket_id.in_(_all_urgent())
        case Queue.DUE_SOON:
            at = _now(now)
            return (of.next_due_at > at) & (of.next_white_at <= at) & (of.next_yellow_at > at) & _theirs(actor, of)  # type: ignore[no-any-return]
        case Queue.OVERDUE:
            at = _now(now)
            return (of.next_due_at <= _latest_over(at)) & (of.next_yellow_at <= at) & _theirs(actor, of)  # type: ignore[no-any-return]
        case Queue.RETURNS:
            kinds = [kind.value for kind in decided_by(actor.role)]
            asked = select(Request.ticket_id).where(among(Request.state, RequestState.PENDING), among(Request.kind, *kinds))
            return Ticket.id.in_(asked)
        case Queue.MINE:
            return _mine(actor, now, of)
        case Queue.TO_SIGN | Queue.WORKING | Queue.REDO | Queue.UNIT_REVIEW:
            return _own_part(actor, queue, of)
        case _:
            return ticket_id > 0  # type: ignore[no-any-return]


def _urgent(of: Any) -> ColumnElement[bool]:
    """As the index `ix_ticket_emergency` has it, word for word: a few dozen among all tickets that ever were."""
    danger = among(of.urgency, Urgency.EMERGENCY.value) | among(of.state, TicketState.EMERGENCY_OUT.value)
    return danger & among(of.state, *OPEN)


def _all_urgent() -> Select[int]:
    urgent = aliased(Ticket)
    return select(urgent.id).where(_urgent(urgent))


def _theirs(actor: Actor, of: Any) -> ColumnElement[bool]:
    """Whose clock presses: while the centre has the ticket in hand, a unit has nothing to hurry with."""
    centre = (TicketState.REGISTERED, TicketState.TO_DISPATCH, TicketState.NEED_INFO, TicketState.EMERGENCY_OUT)
    after = (TicketState.REPLY_REVIEW, TicketState.CALLBACK)
    return ~among(of.state, *centre, *after) if actor.role and actor.role.in_unit else true()


def _now(now: datetime | None) -> ColumnElement[datetime]:
    return bindparam("now", now, type_=DateTime(timezone=True))


def _latest_over(now: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """No ticket with a clock over due is due after this: where a walk by time left stops. Few clocks are over due before their time."""
    early = select(Ticket.next_due_at).where(Ticket.next_yellow_at < Ticket.next_due_at, Ticket.next_yellow_at <= now)
    found = early.correlate(None).offset(literal_column("0")).subquery("early")  # fenced: or it looks for the greatest among all
    return func.greatest(now, select(func.max(found.c.next_due_at)).scalar_subquery())


def one_by_one(found: Select[int], at_hand: type[Ticket | UnitQueue] | None = Ticket) -> ColumnElement[bool]:
    """Whether the selection finds a row for the ticket at hand. Unlike EXISTS it is never turned into a join with all it could find.

    For statements that go along an index and stop when the page is full.
    """
    found = found.correlate(at_hand) if at_hand is not None else found
    return found.limit(literal_column("1")).scalar_subquery().is_not(None)  # the export joins assignments itself


def parts_of(actor: Actor, queue: Queue) -> tuple[str, ...]:
    """The states of the own unit's part that make up the queue: a lane, or what waits for a person of a unit; elsewhere none."""
    if queue is not Queue.MINE:
        return LANES.get(queue, ())
    if actor.role is Role.CHIEF:
        return LANES[Queue.UNIT_REVIEW]
    if actor.role is not Role.CLERK:
        return ()
    deputy = LANES[Queue.UNIT_REVIEW] if Role.CHIEF in actor.roles else ()  # as the chief's deputy
    return (*LANES[Queue.TO_SIGN], *LANES[Queue.WORKING], *LANES[Queue.REDO], *deputy)


def _own_part(actor: Actor, queue: Queue, of: Any = Ticket) -> ColumnElement[bool]:
    ticket_id: Any = UnitQueue.ticket_id if of is UnitQueue else of.id
    own = (Assignment.ticket_id == ticket_id) & (Assignment.unit_id == actor.unit_id)
    part = select(Assignment.ticket_id).where(own, among(Assignment.state, *parts_of(actor, queue)))
    return one_by_one(part, of if isinstance(of, type) else None)


def _mine(actor: Actor, now: datetime | None, of: Any) -> ColumnElement[bool]:
    match actor.role:
        case Role.DISPATCHER:
            return or_(*(condition(actor, queue, now) for queue in (Queue.TO_DISPATCH, Queue.REVIEW, Queue.RETURNS)))
        case Role.CLERK | Role.CHIEF:
            return _own_part(actor, Queue.MINE)
        case Role.CALLBACK:
            return condition(actor, Queue.CALLBACK, now)
        case Role.SUPERVISOR | Role.LEADER:
            return condition(actor, Queue.OVERDUE, now)
        case _:
            # added nothing, and said by what they are not: so the planner takes nearly all tickets for open ones, and goes along an
            # index by time left until the page is full, where one by state would find them all and sort them
            return ~among(of.state + literal_column("''"), *sorted(FINAL_STATES))
