"""The query code of a ticket that was just registered: shown once, to who registered it.

It exists in clear only at registration. Between the post and the page after the redirect it travels sealed in a cookie
of the console, for two minutes.
"""

from __future__ import annotations

from aiohttp import web

from channels.web.keys import CORE, SETTINGS
from hotline.security import InvalidToken

COOKIE = "hotline_receipt"


def write(request: web.Request, response: web.Response, number: str, query_code: str) -> None:
    """Hand the code to the next page."""
    sealed = request.app[CORE].vault.seal(f"{number} {query_code}").decode()
    secure = request.app[SETTINGS].cookie_secure
    response.set_cookie(COOKIE, sealed, max_age=120, path="/console", httponly=True, samesite="Lax", secure=secure)


def read(request: web.Request, number: str) -> str:
    """The query code if the cookie is about this ticket, else an empty text."""
    try:
        about, _blank, code = request.app[CORE].vault.open(request.cookies.get(COOKIE, "").encode()).partition(" ")
    except InvalidToken:
        return ""
    return code if about == number else ""
