"""The dispatch dialog's look-up in the catalogue: asked again whenever category or area is chosen."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import fragment
from channels.console.session import require_may, staff
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput
from ticketing.suggestion.lookup import look_up
from ticketing.ticket.access import access_ticket


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/catalogue?category_code=…&district=…: unit, co-units and why; 204 as long as no category is chosen."""
    require_may(request, "ticket.dispatch", "dispute.rule")
    core, category, district = request.app[CORE], request.query.get("category_code", "")[:10], request.query.get("district", "")[:50]
    try:
        async with request.app[DATABASE].transaction() as session:
            ticket = await access_ticket(core, session, staff(request).actor, request.match_info["number"])
            found = await look_up(core, session, ticket, category, district)
    except InvalidInput:
        return web.Response(status=204)
    return fragment(request, "console/_catalogue_panel.html", found=found)


__all__ = ["show"]
