"""The lines: numbers that citizens dial, with name, greeting and aliases (A01)."""

from __future__ import annotations

import re

from aiohttp import web
from sqlalchemy import select

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, InvalidInput
from ticketing.people import lines
from ticketing.people.models import Line

NEW = "new"
_FIELDS = ("number", "name", "greeting", "aliases")


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/lines."""
    require_may(request, "lines.manage")
    return await _respond(request)


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/lines/{number|new}: add a line, or change one."""
    person, key = require_may(request, "lines.manage"), request.match_info["number"]
    form = await request.post()
    entered = {name: str(form.get(name, "")).strip()[:400] for name in _FIELDS}
    number = entered["number"] if key == NEW else key
    others = [part for part in re.split(r"[\s,，、;；]+", entered["aliases"]) if part]
    try:
        async with request.app[DATABASE].transaction() as session:
            await lines.save_line(
                request.app[CORE], session, person.actor, number,
                name=entered["name"], greeting=entered["greeting"], aliases=others, new=key == NEW,
            )  # fmt: skip
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem=problem, opened=key, entered=entered)
    return see_other(request, "/console/lines", "line_saved")


async def switch(request: web.Request) -> web.StreamResponse:
    """POST /console/lines/{number}/{off|on}."""
    person, number = require_may(request, "lines.manage"), request.match_info["number"]
    try:
        async with request.app[DATABASE].transaction() as session:
            await lines.switch_line(request.app[CORE], session, person.actor, number, active=request.match_info["step"] == "on")
    except InvalidInput as problem:
        return await _respond(request, problem=problem)
    return see_other(request, "/console/lines", "line_saved")


async def _respond(
    request: web.Request, *, problem: HotlineError | None = None, opened: str = "", entered: dict[str, str] | None = None
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        rows = list(await session.scalars(select(Line).order_by(Line.number)))
        others = await lines.aliases(session)
    return page(
        request, "console/lines.html", nav="accounts", status=problem.status if problem else 200,
        rows=rows, others=others, own=request.app[CORE].line, problem=str(problem) if problem else "",
        opened=opened, entered=entered or {}, max_greeting=lines.MAX_GREETING,
    )  # fmt: skip
