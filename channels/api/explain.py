"""What a refusal adds: what changed since the version that the caller saw, and what is allowed now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.call import Call
from channels.api.ticket_answers import event_outs
from channels.console.actions import HANDLERS
from channels.console.next_step import next_step
from channels.console.ticket_view import TicketPage, load_page
from hotline.errors import Conflict, HotlineError, IllegalStep, NotFound
from hotline.events import Event
from ticketing.people.actor import Actor
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket

QUIET = ("view.", "export.", "notice.")
"""Events that change nothing of what the caller saw; a message that went out to the citizen tells of a change, and is none."""


async def explain(call: Call, error: HotlineError) -> dict[str, Any]:
    """Extension members of the problem. The refused transaction is over, so this reads in one of its own."""
    if not call.number or not isinstance(error, (IllegalStep, Conflict)):
        return {}
    async with call.database.transaction() as session:
        try:
            ticket = await access_ticket(call.core, session, call.actor, call.number)
        except NotFound:
            return {"allowed": [], "changed": []}
        found: dict[str, Any] = {"version": ticket.version, "allowed": await allowed(call, session, ticket)}
        if call.seen is not None:
            events = await news(session, ticket, call.seen)
            found["changed"] = [item.model_dump(mode="json") for item in await event_outs(session, call.actor, events)]
        return found


async def allowed(call: Call, session: AsyncSession, ticket: Ticket) -> list[str]:
    """Names of the actions that this person can take on the ticket now, as the console offers them."""
    return actions_of(await load_page(call.core, session, call.actor, ticket), call.actor)


def actions_of(page: TicketPage, actor: Actor) -> list[str]:
    """The names of what the page would offer."""
    step = next_step(page, actor)
    keys = [action.key for action in ([step.primary] if step.primary else []) + step.others]
    return [key for key in keys if key in HANDLERS]


async def news(session: AsyncSession, ticket: Ticket, seen: int) -> list[Event]:
    """Events of the ticket after number `seen`, oldest first, without those that change nothing."""
    statement = select(Event).where(Event.subject == "ticket", Event.subject_id == str(ticket.id), Event.seq > seen).order_by(Event.seq)
    return [event for event in await session.scalars(statement) if not event.name.startswith(QUIET)]
