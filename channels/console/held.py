"""待核对: appeals that came without a proof while the portal was flooded. An agent reads them and registers or discards each."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, NotFound
from hotline.i18n import _
from ticketing.held import service
from ticketing.held.service import PERMISSION


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/held."""
    return await _page(request)


async def _page(request: web.Request, problem: HotlineError | None = None) -> web.Response:
    person = require_may(request, PERMISSION)
    async with request.app[DATABASE].transaction() as session:
        found = await service.waiting(request.app[CORE], session, person.actor)
        count = await service.count_waiting(session)
    status, words = (problem.status, str(problem)) if problem else (200, "")
    return page(request, "console/held.html", nav="held", found=found, count=count, problem=words, status=status)


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/held/{id}/{step}: release or discard."""
    person, core, data = require_may(request, PERMISSION), request.app[CORE], await request.post()
    try:
        held_id = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这件待核对的反映")) from None
    step = request.match_info["step"]
    try:
        async with request.app[DATABASE].transaction() as session:
            if step == "release":
                await service.release(core, session, person.actor, held_id)
            else:
                await service.discard(core, session, person.actor, held_id, str(data.get("reason", "")))
    except NotFound:
        raise
    except HotlineError as problem:
        return await _page(request, problem)
    return see_other(request, "/console/held", f"held_{step}")
