"""Following the link from a merged ticket to its master."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState


async def master_of(session: AsyncSession, ticket: Ticket) -> Ticket:
    """The ticket under which the matter is handled: the master of a merged one, else the ticket itself. The row is locked."""
    if ticket.state != TicketState.MERGED.value or ticket.master_id is None:
        return ticket
    return (await session.scalars(select(Ticket).where(Ticket.id == ticket.master_id).with_for_update())).one()
