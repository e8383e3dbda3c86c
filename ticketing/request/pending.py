"""Pending requests of a ticket: finding them, and ending them when the ticket ends."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, RequestState
from ticketing.ticket.models import Ticket


async def pending(session: AsyncSession, ticket_id: int, *kinds: RequestKind, assignment_id: int | None = None) -> list[Request]:
    """The pending requests of a ticket, oldest first."""
    statement = select(Request).where(Request.ticket_id == ticket_id, Request.state == RequestState.PENDING.value)
    if kinds:
        statement = statement.where(Request.kind.in_([kind.value for kind in kinds]))
    if assignment_id is not None:
        statement = statement.where(Request.assignment_id == assignment_id)
    return list(await session.scalars(statement.order_by(Request.id)))


async def withdraw_pending(
    core: Core, session: AsyncSession, ticket: Ticket, *kinds: RequestKind, assignment_id: int | None = None
) -> None:
    """Nobody has to decide any more: the ticket, or the unit's part of it, is over. The event of that says why."""
    for request in await pending(session, ticket.id, *kinds, assignment_id=assignment_id):
        request.state = RequestState.WITHDRAWN.value
    await session.flush()
