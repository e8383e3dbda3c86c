"""漏接来电: callers whom nobody served and who are called back within the hour."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

MOST = 50


def owed(core: Core, actor: Actor) -> Select[ReturnCall, Ticket]:
    """Return calls that are owed to citizens whose tickets the actor may see, the most pressing first."""
    statement = select(ReturnCall, Ticket).join(Ticket, Ticket.id == ReturnCall.ticket_id)
    return statement.where(ReturnCall.state == "open", visible(core, actor)).order_by(ReturnCall.due_at, ReturnCall.id)


async def missed_calls(core: Core, session: AsyncSession, actor: Actor, *, limit: int = MOST) -> Sequence[tuple[ReturnCall, Ticket]]:
    """The first of them."""
    return [(row.ReturnCall, row.Ticket) for row in await session.execute(owed(core, actor).limit(limit))]
