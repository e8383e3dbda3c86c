"""Lists of tickets for the queues. Every list passes `access.visible`; open lists are sorted by time left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask
from ticketing.context import Core
from ticketing.deadline.models import ClockState, Deadline, Stage
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.request.models import Request
from ticketing.request.states import RequestState, decided_by
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


_OPEN = [state.value for state in TicketState if state not in FINAL_STATES]


def queue_condition(actor: Actor, queue: Queue) -> ColumnElement[bool]:
    """The tickets of a queue. `access.visible` has to stand beside it."""
    match queue:
        case Queue.TO_DISPATCH:
            return Ticket.state.in_([TicketState.REGISTERED.value, TicketState.TO_DISPATCH.value])
        case Queue.IN_PROGRESS:
            return Ticket.state == TicketState.IN_PROGRESS.value
        case Queue.DUE_SOON:
            return _clock_in(Stage.WHITE, Stage.AMBER)
        case Queue.OVERDUE:
            return _clock_in(Stage.YELLOW, Stage.RED)
        case Queue.RETURNS:
            kinds = [kind.value for kind in decided_by(actor.role)]
            asked = select(Request.ticket_id).where(Request.state == RequestState.PENDING.value, Request.kind.in_(kinds))
            return Ticket.id.in_(asked)
        case Queue.REVIEW:
            return Ticket.state == TicketState.REPLY_REVIEW.value
        case Queue.CALLBACK:
            return Ticket.id.in_(select(CallbackTask.ticket_id).where(CallbackTask.state == "open"))
        case Queue.CLOSED:
            return Ticket.state.in_([TicketState.CLOSED.value, TicketState.ARCHIVED.value])
        case Queue.MINE:
            return _mine(actor)
        case _:
            return Ticket.id > 0


def _clock_in(*stages: Stage) -> ColumnElement[bool]:
    running = select(Deadline.ticket_id).where(
        Deadline.state == ClockState.RUNNING.value, Deadline.stage.in_([stage.value for stage in stages])
    )
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
            return Ticket.state.in_(_OPEN)
    return Ticket.id.in_(select(Assignment.ticket_id).where(Assignment.unit_id == actor.unit_id, Assignment.state.in_(waiting)))


def words_condition(words: str) -> ColumnElement[bool]:
    """A part of the number, the title or the address. Wildcards of the person are taken literally."""
    return or_(*(column.icontains(words, autoescape=True) for column in (Ticket.number, Ticket.title, Ticket.address)))


def _statement(core: Core, actor: Actor, queue: Queue, words: str) -> Select[Ticket]:
    statement = select(Ticket).where(visible(core, actor), queue_condition(actor, queue))
    return statement.where(words_condition(words.strip())) if words.strip() else statement


async def list_tickets(
    core: Core, session: AsyncSession, actor: Actor, queue: Queue, *, words: str = "", limit: int = 50, offset: int = 0
) -> list[TicketRow]:
    """One page of a queue: by time left; closed ones newest first. Three statements, however long the page."""
    pressing = (
        select(func.min(Deadline.due_at))
        .where(Deadline.ticket_id == Ticket.id, Deadline.state == ClockState.RUNNING.value)
        .correlate(Ticket)
        .scalar_subquery()
    )
    order = (Ticket.closed_at.desc(), Ticket.id.desc()) if queue is Queue.CLOSED else (pressing.asc().nulls_last(), Ticket.id.desc())
    statement = _statement(core, actor, queue, words).order_by(*order).limit(min(limit, 200)).offset(offset)
    tickets = list(await session.scalars(statement))
    return await rows_of(session, actor, tickets)


async def rows_of(session: AsyncSession, actor: Actor, tickets: list[Ticket]) -> list[TicketRow]:
    """Tickets as lines of a list, in the same order: two more statements, however many there are."""
    ids = [ticket.id for ticket in tickets]
    clocks: dict[int, Deadline] = {}
    running = select(Deadline).where(Deadline.ticket_id.in_(ids), Deadline.state == ClockState.RUNNING.value).order_by(Deadline.due_at)
    for clock in await session.scalars(running):
        clocks.setdefault(clock.ticket_id, clock)
    gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    leads = (
        select(Assignment, Unit)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(Assignment.ticket_id.in_(ids), Assignment.state.not_in(gone))
    )
    leads = leads.where(Assignment.unit_id == actor.unit_id) if actor.role and actor.role.in_unit else leads.where(Assignment.lead)
    assigned = {row.Assignment.ticket_id: row for row in await session.execute(leads)}
    rows = []
    for ticket in tickets:
        found = assigned.get(ticket.id)
        rows.append(TicketRow(ticket, clocks.get(ticket.id), found.Assignment if found else None, found.Unit if found else None))
    return rows


async def count_tickets(core: Core, session: AsyncSession, actor: Actor, queues: list[Queue]) -> dict[Queue, int]:
    """How many tickets each queue holds for this person, in one statement."""
    columns = [func.count().filter(and_(queue_condition(actor, queue))).label(queue.value) for queue in queues]
    row = (await session.execute(select(*columns).select_from(Ticket).where(visible(core, actor)))).one()
    return {queue: int(getattr(row, queue.value)) for queue in queues}
