"""The queues: which tickets each holds. Who may see a ticket is another question: `access.visible` stands beside every condition."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, bindparam, false, func, literal_column, or_, select, text, true
from sqlalchemy.orm import InstrumentedAttribute

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask
from ticketing.deadline.models import ClockState, Deadline, Stage
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request.models import Request
from ticketing.request.states import RequestState, decided_by
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import FINAL_STATES, TicketState


class Queue(StrEnum):
    """The named filters of the queue page."""

    MINE = "mine"
    """What waits for this person's role."""
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


GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
"""An assignment in one of these states is none any more."""
OPEN = tuple(state.value for state in TicketState if state not in FINAL_STATES)
PRESSING = frozenset({Queue.DUE_SOON, Queue.OVERDUE})
"""Queues of tickets on which a clock runs."""
_STATES = {
    Queue.TO_DISPATCH: (TicketState.REGISTERED, TicketState.TO_DISPATCH),
    Queue.IN_PROGRESS: (TicketState.IN_PROGRESS,),
    Queue.REVIEW: (TicketState.REPLY_REVIEW,),
    Queue.CALLBACK: (TicketState.CALLBACK,),
    Queue.CLOSED: (TicketState.CLOSED, TicketState.ARCHIVED),
}


def among(column: InstrumentedAttribute[str], *values: str) -> ColumnElement[bool]:
    """`column` is one of our own constants: written into the statement, so that the planner sees which partial index fits."""
    return column.in_([literal_column(f"'{value}'") for value in values]) if values else false()


def states_of(queue: Queue) -> tuple[str, ...] | None:
    """The states that a ticket of the queue can be in; None: any."""
    states = _STATES.get(queue)
    return None if states is None else tuple(state.value for state in states)


def condition(actor: Actor, queue: Queue, now: datetime | None = None) -> ColumnElement[bool]:
    """The tickets of a queue. `access.visible` has to stand beside it.

    `now`: the moment of the core's clock; without it the statement has a parameter `now` that whoever runs it has to give.
    """
    match queue:
        case Queue.TO_DISPATCH | Queue.IN_PROGRESS | Queue.REVIEW | Queue.CLOSED:
            return among(Ticket.state, *_STATES[queue])
        case Queue.CALLBACK:
            task = select(CallbackTask.ticket_id).where(CallbackTask.ticket_id == Ticket.id, among(CallbackTask.state, "open"))
            return among(Ticket.state, *_STATES[queue]) & one_by_one(task)
        case Queue.DUE_SOON:
            return _runs(Stage.WHITE, Stage.AMBER) & ~_runs(Stage.YELLOW, Stage.RED) & within(queue, Ticket.next_due_at, now)
        case Queue.OVERDUE:
            return _runs(Stage.YELLOW, Stage.RED) & within(queue, Ticket.next_due_at, now)
        case Queue.RETURNS:
            kinds = [kind.value for kind in decided_by(actor.role)]
            asked = select(Request.ticket_id).where(among(Request.state, RequestState.PENDING), among(Request.kind, *kinds))
            return Ticket.id.in_(asked)
        case Queue.MINE:
            return _mine(actor, now)
        case _:
            return Ticket.id > 0


def within(queue: Queue, next_due_at: Any, now: datetime | None = None) -> ColumnElement[bool]:
    """Between which due times the queue lies: where a walk by time left begins and ends. It follows from `condition`."""
    match queue:
        case Queue.OVERDUE:
            return next_due_at <= _latest_over()  # type: ignore[no-any-return]
        case Queue.DUE_SOON:
            return next_due_at >= _earliest_soon(now)  # type: ignore[no-any-return]
        case _:
            return true()


def one_by_one(found: Select[int]) -> ColumnElement[bool]:
    """Whether the selection finds a row for the ticket at hand. Unlike EXISTS it is never turned into a join with all it could find.

    For statements that go along an index and stop when the page is full.
    """
    return found.correlate(Ticket).limit(literal_column("1")).scalar_subquery().is_not(None)  # the export joins assignments itself


def waiting_parts(actor: Actor) -> tuple[str, ...]:
    """In a unit: the states of its assignments that wait for this person; elsewhere none."""
    if actor.role is Role.CHIEF:
        return (AssignmentState.UNIT_REVIEW.value,)
    if actor.role is not Role.CLERK:
        return ()
    own = (AssignmentState.ASSIGNED, AssignmentState.SIGNED, AssignmentState.WORKING, AssignmentState.REDO)
    deputy = (AssignmentState.UNIT_REVIEW,) if Role.CHIEF in actor.roles else ()  # as the chief's deputy
    return tuple(state.value for state in (*own, *deputy))


def _mine(actor: Actor, now: datetime | None) -> ColumnElement[bool]:
    match actor.role:
        case Role.DISPATCHER:
            return or_(*(condition(actor, queue, now) for queue in (Queue.TO_DISPATCH, Queue.REVIEW, Queue.RETURNS)))
        case Role.CLERK | Role.CHIEF:
            parts = among(Assignment.state, *waiting_parts(actor))
            own = (Assignment.ticket_id == Ticket.id) & (Assignment.unit_id == actor.unit_id)
            return one_by_one(select(Assignment.ticket_id).where(own, parts))
        case Role.CALLBACK:
            return condition(actor, Queue.CALLBACK, now)
        case Role.SUPERVISOR | Role.LEADER:
            return condition(actor, Queue.OVERDUE, now)
        case _:
            return among(Ticket.state, *OPEN)


def _runs(*stages: Stage) -> ColumnElement[bool]:
    """Looked up by the ticket: added nothing to the columns, the planner would take the index of all clocks of these stages."""
    running = (Deadline.state + literal_column("''") == literal_column(f"'{ClockState.RUNNING}'")) & or_(
        *(Deadline.stage + literal_column("''") == literal_column(f"'{stage}'") for stage in stages)
    )
    return one_by_one(select(Deadline.ticket_id).where(Deadline.ticket_id == Ticket.id, running))


def _latest_over() -> ColumnElement[object]:
    """No ticket with a clock over due has its next due time after this: where a walk by time left may stop."""
    return _due(func.greatest, func.max, Stage.YELLOW, Stage.RED)


def _earliest_soon(now: datetime | None) -> ColumnElement[object]:
    """No ticket whose clocks are all still in time has its next due time before this: where a walk may begin.

    A clock is calm until the sweep has looked at it, hence the hour.
    """
    soon = _due(func.least, func.min, Stage.WHITE, Stage.AMBER)
    return func.least(soon, bindparam("now", now, type_=DateTime(timezone=True)) - text("interval '1 hour'"))


def _due(pick, of, *stages: Stage) -> ColumnElement[object]:  # type: ignore[no-untyped-def]
    each = [
        select(of(Deadline.due_at)).where(among(Deadline.state, ClockState.RUNNING), among(Deadline.stage, stage)).scalar_subquery()
        for stage in stages
    ]
    return pick(*each)  # type: ignore[no-any-return]
