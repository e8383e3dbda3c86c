"""Earlier tickets of who calls: an agent sees them «by caller number» while the call is theirs (domain.md 4b).

One number is one citizen (`citizen.service.by_caller` finds the row by the number's keyed hash), so all calls of a number and the
forms that left this verified number meet here. Secret tickets are not among them unless the agent may see them anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.queue.own_call import OwnCall
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

MOST = 8


@dataclass(frozen=True)
class Earlier:
    """One earlier ticket of the caller."""

    ticket: Ticket
    opens: bool
    """Whether the agent may open its page; of the others only number, title, state and day are told."""


async def earlier_tickets(core: Core, session: AsyncSession, actor: Actor, own: OwnCall) -> list[Earlier]:
    """The caller's tickets before this call, newest first, for the agent whose call it is; none for a withheld number."""
    if own.call.citizen_id is None:
        return []
    ordinary = (Ticket.confidentiality != Confidentiality.SECRET.value) & (Ticket.line == actor.line if actor.line else true())
    opens = visible(core, actor)
    before = Ticket.conversation_id.is_distinct_from(own.call.conversation_id)
    statement = select(Ticket, opens.label("opens")).where(Ticket.citizen_id == own.call.citizen_id, before, or_(ordinary, opens))
    rows = await session.execute(statement.order_by(Ticket.received_at.desc(), Ticket.id.desc()).limit(MOST))
    return [Earlier(row.Ticket, row.opens) for row in rows]
