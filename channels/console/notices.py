"""The inbox of a person: what supervision has to say to them."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from ticketing.people.permissions import may
from ticketing.supervision import notices


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/notices?all=1&before=…: newest first, unread unless all are asked for."""
    person = staff(request)
    everything = request.query.get("all") == "1"
    before = whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        lines = await notices.inbox(request.app[CORE], session, person.actor, unread=not everything, before=before, limit=notices.PAGE + 1)
    return page(
        request,
        "console/notices.html",
        nav="notices",
        lines=lines[: notices.PAGE],
        more=len(lines) > notices.PAGE,
        all=everything,
        may_cards=may(person.actor, "card.see"),
    )


async def read(request: web.Request) -> web.StreamResponse:
    """POST /console/notices/read: one (`id`) or all."""
    person = staff(request)
    form = await request.post()
    chosen = form.get("id")
    notice_id = whole_number(chosen) if isinstance(chosen, str) and chosen else None
    async with request.app[DATABASE].transaction() as session:
        await notices.mark_read(request.app[CORE], session, person.actor, notice_id)
    return see_other(request, "/console/notices", "notices_read")
