"""Who else has the ticket open: asked by the page every twenty seconds."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import fragment
from channels.console.session import require_may, staff
from channels.web.keys import CORE, DATABASE
from ticketing.ticket.access import access_ticket
from ticketing.ticket.presence import here


async def who_else(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/presence: a line with the names of the others, empty when there is nobody."""
    require_may(request, "ticket.see")
    async with request.app[DATABASE].transaction() as session:
        actor = staff(request).actor
        ticket = await access_ticket(request.app[CORE], session, actor, request.match_info["number"])
        others = await here(request.app[CORE], session, actor, ticket)
    return fragment(request, "console/_presence.html", others=others)
