"""What is done to an article on its page: each button is a step of `knowledge.article.steps`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from aiohttp import web

from channels.console.articles import id_of, redirect, respond
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import CITY_ZONE
from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _
from knowledge.article.life import permissions_of
from knowledge.article.steps import Wish, take


def _wish(form: Any) -> Wish:
    """What the form says. Raises InvalidInput for a day or a moment that is none."""

    def text(name: str) -> str:
        return str(form.get(name, "")).strip()[:500]

    try:
        until = date.fromisoformat(text("valid_until")) if text("valid_until") else None
    except ValueError:
        raise InvalidInput(_("请填日期，例如2027-01-01"), field="valid_until") from None
    try:
        at = datetime.fromisoformat(text("at")).replace(tzinfo=CITY_ZONE) if text("at") else None
    except ValueError:
        raise InvalidInput(_("请填时间，例如2026-11-18 09:30"), field="at") from None
    seen, version = (whole_number(text(name), most=10**6) or 0 for name in ("seen", "version"))
    return Wish(seen, text("reason"), text("unit_note"), version, at, until)


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/{id}/{step}."""
    key = request.match_info["step"]
    person = require_may(request, *permissions_of(key))
    form = await request.post()
    try:
        async with request.app[DATABASE].transaction() as session:
            await take(request.app[CORE], session, person.actor, id_of(request), key, _wish(form))
    except HotlineError as problem:
        return await respond(request, problem, opened=key)
    return redirect(request, f"article_{key}")
