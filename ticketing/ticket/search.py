"""Tickets by many filters at once, newest first, page by page after the last one seen (keyset): for programs and exports.

Pages of the console list a queue by time left (`lists`); here the order never changes while somebody pages through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket import lists
from ticketing.ticket.access import visible
from ticketing.ticket.lists import Queue, TicketRow
from ticketing.ticket.models import Ticket

MAX_ROWS = 200
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


@dataclass(frozen=True)
class TicketFilter:
    """What to list; what is empty does not filter. Times are [from, until)."""

    queue: Queue = Queue.ALL
    states: tuple[str, ...] = ()
    unit_id: int | None = None
    """Tickets on which this unit has, or had to the end, a part."""
    category_code: str = ""
    district: str = ""
    channel: str = ""
    urgency: str = ""
    kind: str = ""
    line: str = ""
    received_from: datetime | None = None
    received_until: datetime | None = None
    words: str = ""
    """A part of the number, the title or the address."""


async def search_tickets(
    core: Core, session: AsyncSession, actor: Actor, wanted: TicketFilter, *, limit: int = 50, before: int | None = None
) -> list[TicketRow]:
    """At most `limit` tickets that the actor may see, newest first, those registered before the ticket with id `before`."""
    statement = select(Ticket).where(visible(core, actor), *_conditions(actor, wanted))
    if before is not None:
        statement = statement.where(Ticket.id < before)
    tickets = list(await session.scalars(statement.order_by(Ticket.id.desc()).limit(min(limit, MAX_ROWS))))
    return await lists.rows_of(session, actor, tickets)


def _conditions(actor: Actor, wanted: TicketFilter) -> list[ColumnElement[bool]]:
    found = [lists.queue_condition(actor, wanted.queue)] if wanted.queue is not Queue.ALL else []
    if wanted.states:
        found.append(Ticket.state.in_(wanted.states))
    for column, value in (
        (Ticket.category_code, wanted.category_code),
        (Ticket.district, wanted.district),
        (Ticket.channel, wanted.channel),
        (Ticket.urgency, wanted.urgency),
        (Ticket.kind, wanted.kind),
        (Ticket.line, wanted.line),
    ):
        if value:
            found.append(column == value)
    if wanted.unit_id is not None:
        theirs = select(Assignment.ticket_id).where(Assignment.unit_id == wanted.unit_id, Assignment.state.not_in(_GONE))
        found.append(Ticket.id.in_(theirs))
    if wanted.received_from is not None:
        found.append(Ticket.received_at >= wanted.received_from)
    if wanted.received_until is not None:
        found.append(Ticket.received_at < wanted.received_until)
    if wanted.words.strip():
        found.append(lists.words_condition(wanted.words.strip()))
    return found
