"""Saving, renaming, deleting a named filter; which one opens first; which columns a queue shows. Each returns to the list."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.list_choices import COLUMNS, USUAL, address_of, fields_of
from channels.console.pages import see_other
from channels.console.queue_filter import chosen
from channels.console.queue_page import asked_queue, list_response
from channels.console.session import Staff, require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput
from ticketing.list_view import service as lists
from ticketing.list_view.service import View

STEPS = "rename|delete|default|usual"


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/views?queue=…: the list of the address gets a name."""
    person, form = require_may(request, "ticket.see"), await request.post()
    queue, words = asked_queue(request, person.role), request.query.get("q", "").strip()[:100]
    try:
        async with request.app[DATABASE].transaction() as session:
            fields = fields_of(chosen(request), words)
            view = await lists.save_view(request.app[CORE], session, person.actor, str(form.get("name", ""))[:60], queue, fields)
    except InvalidInput as problem:
        return await list_response(request, problem=problem)
    return see_other(request, address_of(view), "view_saved")


async def step(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/views/{id}/{step}: another name, no more, opens first, opens first no more."""
    person, form = require_may(request, "ticket.see"), await request.post()
    view_id, what = whole_number(request.match_info["id"]) or 0, request.match_info["step"]
    try:
        async with request.app[DATABASE].transaction() as session:
            view = await _done(request, session, person, view_id, what, str(form.get("name", ""))[:60])
    except InvalidInput as problem:
        return await list_response(request, problem=problem)
    return see_other(request, address_of(view) if view else f"/console/tickets?{urlencode(dict(request.query))}", f"view_{what}")


async def _done(request: web.Request, session: AsyncSession, person: Staff, view_id: int, what: str, name: str) -> View | None:
    core, actor = request.app[CORE], person.actor
    if what == "rename":
        return await lists.rename_view(core, session, actor, view_id, name)
    if what == "delete":
        await lists.delete_view(core, session, actor, view_id)
    else:
        await lists.set_default(core, session, actor, view_id if what == "default" else None)
    return None


async def set_columns(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/columns?queue=…: what the queue shows beside time left and title."""
    person, form = require_may(request, "ticket.see"), await request.post()
    queue = asked_queue(request, person.role)
    wanted = [str(name) for name in form.getall("columns", [])]
    names = [name for name in COLUMNS if name in wanted]
    async with request.app[DATABASE].transaction() as session:
        await lists.choose_columns(request.app[CORE], session, person.actor, queue, () if tuple(names) == USUAL else names)
    return see_other(request, f"/console/tickets?{urlencode(dict(request.query))}", "columns_saved")


__all__ = ["STEPS", "save", "set_columns", "step"]
