"""The form of a callback whose call the robot put through: who took it records the citizen's answers, during the call or after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels.console.callback_view import callback_words
from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput
from ticketing.callback import taken
from ticketing.ticket.states import TicketState

ADDRESS = "/console/callbacks/taken"
DESK = "/console/desk"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/callbacks/taken: the form of what this person has in hand, else that there is nothing."""
    require_may(request, taken.PERMISSION)
    return await _page(request)


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/callbacks/taken: the answers of the ticket `number`."""
    person, data = require_may(request, taken.PERMISSION), await request.post()
    form = {name: value for name, value in data.items() if isinstance(value, str)}
    number = form.get("number", "")
    try:
        async with request.app[DATABASE].transaction() as session:
            ticket = await taken.record(request.app[CORE], session, person.actor, number, form)
    except HotlineError as problem:
        return await _page(request, form, problem)
    return see_other(request, DESK, "visit_opened" if ticket.state == TicketState.CALLBACK.value else "visited")


async def leave(request: web.Request) -> web.StreamResponse:
    """POST /console/callbacks/taken/leave: the clerks go on with it."""
    person, data = require_may(request, taken.PERMISSION), await request.post()
    try:
        async with request.app[DATABASE].transaction() as session:
            await taken.leave(request.app[CORE], session, person.actor, str(data.get("number", "")))
    except HotlineError as problem:
        return await _page(request, {}, problem)
    return see_other(request, DESK, "put_back")


async def _page(request: web.Request, entered: Mapping[str, str] | None = None, problem: HotlineError | None = None) -> web.Response:
    person, core = require_may(request, taken.PERMISSION), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        ticket = await taken.in_hand(core, session, person.actor)
        draft = await taken.draft(session, ticket) if ticket is not None else {}
    same = entered is not None and ticket is not None and entered.get("number") == ticket.number
    errors = problem.errors if isinstance(problem, InvalidInput) and same else {}
    values: dict[str, Any] = {
        "ticket": ticket,
        "draft": draft,
        "values": entered if same else draft,
        "errors": errors,
        "problem": "" if errors or problem is None else str(problem),
        "status": problem.status if problem is not None else 200,
    }
    return page(request, "console/taken_callback.html", nav="desk", **callback_words(), **values)
