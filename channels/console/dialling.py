"""点击外呼: the button that calls the citizen of a ticket, and how the call stands. The number is shown to nobody here."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import fragment, see_other
from channels.console.session import require_may, staff
from channels.console.tickets import ticket_response
from channels.web.keys import CORE, DATABASE
from hotline.errors import IllegalStep, NotAllowed
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.dialling.models import Dial, DialState
from ticketing.dialling.service import hindrance, of_ticket, place
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket


async def call_citizen(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/dial: one's own telephone rings, then the citizen is dialled."""
    person, core, number = require_may(request, "call.dial"), request.app[CORE], request.match_info["number"]
    await request.post()
    try:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number, lock=True)
            await place(core, session, person.actor, ticket)
    except (IllegalStep, NotAllowed) as problem:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number)
            return await ticket_response(request, session, ticket, problem=problem)
    return see_other(request, f"/console/tickets/{number}#t-dial", "dialled")


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/dial: the panel, fetched anew when something of the ticket or its calls changes."""
    person, core = staff(request), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_ticket(core, session, person.actor, request.match_info["number"])
        values = await panel(core, session, person.actor, ticket)
    return fragment(request, "console/_dial_panel.html", ticket=ticket, **values)


async def panel(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """What the panel shows: the call that goes on, the last ones, and whether this person may dial."""
    dials = await of_ticket(session, ticket, limit=5)
    live = next((dial for dial in dials if dial.state != DialState.OVER.value), None)
    call = await session.get(Call, live.call_id) if live is not None else None
    may_dial = may(actor, "call.dial") and ticket.citizen_id is not None
    return {
        "may_dial": may_dial,
        "hindrance": await hindrance(core, session, actor, ticket) if may_dial and live is None else "",
        "may_listen": may(actor, "recording.list"),
        "live_dial": live,
        "live_call": call,
        "mine": live is not None and live.user_id == actor.user_id,
        "dials": [dial for dial in dials if dial is not live],
        "seconds": seconds_of(core, live),
    }


def seconds_of(core: Core, dial: Dial | None) -> int:
    """How long the citizen has been on the line, else since the click."""
    if dial is None:
        return 0
    return max(0, round((core.clock.now() - (dial.answered_at or dial.created_at)).total_seconds()))
