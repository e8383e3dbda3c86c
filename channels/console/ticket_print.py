"""A ticket on paper (A4): what the person may see on its page, masked in the same way, with who printed it over every sheet."""

from __future__ import annotations

from aiohttp import web

from channels.console.callback_view import callback_words
from channels.console.pages import page
from channels.console.session import require_may
from channels.console.ticket_view import load_page
from channels.web.keys import CORE, DATABASE
from ticketing.ticket.access import access_ticket


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/print. Clear names and numbers are never printed: they open for a moment, with a reason."""
    person, core = require_may(request, "ticket.see"), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_ticket(core, session, person.actor, request.match_info["number"])
        view = await load_page(core, session, person.actor, ticket)
    return page(request, "console/ticket_print.html", nav="tickets", view=view, ticket=ticket, **callback_words())


__all__ = ["show"]
