"""Time-driven closing of what the citizen did not rate: an answer on the spot, three days after it was given (T30)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from hotline.database import Database
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import take_step

EVALUATION_WINDOW = timedelta(days=3)
BATCH = 100


async def run(core: Core, database: Database) -> int:
    """Close answered tickets whose evaluation window is over; returns how many."""
    closed = 0
    while True:
        async with database.transaction() as session:
            due = select(Ticket).where(
                Ticket.state == TicketState.ANSWERED.value, Ticket.updated_at <= core.clock.now() - EVALUATION_WINDOW
            )
            tickets = list(await session.scalars(due.order_by(Ticket.updated_at).limit(BATCH).with_for_update(skip_locked=True)))
            for ticket in tickets:
                await take_step(core, session, SYSTEM, ticket, "answer_window_over", no_callback_reason="evaluation_window_over")
        closed += len(tickets)
        if len(tickets) < BATCH:
            return closed
