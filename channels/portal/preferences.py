"""Language and 长辈版 (large type) of a browser: plain cookies, chosen by plain links, so that they work without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from channels.portal import in_wechat
from channels.portal.cookies import keep
from channels.web.templating import render, render_text
from hotline.i18n import set_language

LANGUAGE, MODE = "hotline_lang", "hotline_mode"
LANGUAGES = ("zh", "en")
_YEAR = timedelta(days=365)
_LOCAL_PATH = re.compile(r"/(?:[A-Za-z0-9_.~%-][A-Za-z0-9_.~/%-]*)?(?:\?[A-Za-z0-9_.~/%&=+-]*)?")


def language_of(request: web.Request) -> str:
    """The language that this browser chose; Chinese by default."""
    chosen = request.cookies.get(LANGUAGE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


@web.middleware
async def language_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Sets the language of each request anew: one connection, and so one task, may serve several people."""
    public = not request.path.startswith(("/console", "/wechat", "/sms/", "/api/", "/open311/"))
    set_language(language_of(request) if public else LANGUAGES[0])
    return await handler(request)


async def choose(request: web.Request) -> web.StreamResponse:
    """GET /prefs?mode=elder&lang=en&to=/track: remember and go back to the page (of this site only)."""
    target = request.query.get("to", "/")
    response = web.HTTPSeeOther(target if _LOCAL_PATH.fullmatch(target) else "/")
    wanted = {LANGUAGE: (request.query.get("lang"), LANGUAGES), MODE: (request.query.get("mode"), ("elder", "standard"))}
    for cookie, (value, allowed) in wanted.items():
        if value in allowed:
            keep(request, response, cookie, str(value), _YEAR)
    raise response


def remember_language(request: web.Request, response: web.StreamResponse, language: str) -> None:
    """The pages follow the language that a citizen chose for notices."""
    keep(request, response, LANGUAGE, language, _YEAR)


def _face(request: web.Request) -> dict[str, Any]:
    here = request.path_qs if request.method == "GET" and _LOCAL_PATH.fullmatch(request.path_qs) else request.path
    return {
        "elder": request.cookies.get(MODE) == "elder",
        "lang": language_of(request),
        "here": here if _LOCAL_PATH.fullmatch(here) else "/",
        "wechat_script": in_wechat.script_of(request),
    }


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page of the portal, in this browser's face and language."""
    response = render(request, template, status=status, **_face(request), **values)
    in_wechat.allow(request, response)
    return response


def fragment(request: web.Request, template: str, **values: Any) -> str:
    """A part of a page as text."""
    return render_text(request, template, **_face(request), **values)
