"""The administrator's page of the call flow: the document in force, a new version, the versions before."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS, seed_text


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/call-flow."""
    require_may(request, "call_flow.manage")
    return await _respond(request)


async def publish(request: web.Request) -> web.StreamResponse:
    """POST /console/call-flow: check, and put in force from the next call on."""
    person, form = require_may(request, "call_flow.manage"), await request.post()
    text, note = str(form.get("document", ""))[: MOST_CHARACTERS + 1], str(form.get("note", ""))[:500]
    try:
        async with request.app[DATABASE].transaction() as session:
            await versions.publish(request.app[CORE], session, person.actor, text, note=note)
    except InvalidInput as problem:
        return await _respond(request, problem, text, note)
    return see_other(request, "/console/call-flow", "call_flow_published")


async def _respond(request: web.Request, problem: HotlineError | None = None, text: str = "", note: str = "") -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        history = await versions.history(session)
        document = await versions.current(session)
    return page(
        request, "console/call_flow.html", nav="call_flow", status=problem.status if problem else 200,
        history=history, document=document, text=text or (history[0].document if history else seed_text()), note=note,
        problem=str(problem) if problem else "", field=problem.field if isinstance(problem, InvalidInput) else "",
    )  # fmt: skip
