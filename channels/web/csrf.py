"""Protection against forged form posts.

A browser gets a random token in a signed cookie (HttpOnly, SameSite=Lax); each form sends it back in the hidden field
`csrf` or the header `X-CSRF-Token`. After log-in the token of the staff session takes its place. Machine addresses
(WeChat, API, Open311) carry no cookies that give rights, so they are not asked for one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from channels.web.inputs import FORM_TYPES, read_form
from channels.web.keys import CORE, CSRF, SETTINGS
from hotline.errors import NotAllowed
from hotline.i18n import _

COOKIE = "hotline_csrf"
HEADER = "X-CSRF-Token"
FIELD = "csrf"
SESSION_CSRF: web.RequestKey[str] = web.RequestKey("session_csrf", str)
"""request[SESSION_CSRF]: set by the console's session middleware; then this token counts instead of the cookie's."""
MACHINE_PREFIXES = ("/wechat", "/sms/", "/api/", "/open311/")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _sign(nonce: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"csrf\0{nonce}".encode(), hashlib.sha256).hexdigest()[:32]


def _from_cookie(value: str, secret: str) -> str | None:
    nonce, _dot, signature = value.partition(".")
    return value if value.isascii() and nonce and hmac.compare_digest(signature, _sign(nonce, secret)) else None


async def _sent_token(request: web.Request) -> str:
    header = request.headers.get(HEADER, "")
    if header:
        return header
    if request.content_type in FORM_TYPES:
        value = (await request.post()).get(FIELD, "")
        return value if isinstance(value, str) else ""
    return ""


def _expired() -> NotAllowed:
    return NotAllowed(_("页面已过期，没有保存。请返回上一页，刷新后再提交"))


@web.middleware
async def csrf_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the browser a token and refuse changing requests that do not send it back.

    The form is read here, after whatever can be refused without it, and checked for every handler (`inputs.read_form`).
    """
    if request.path.startswith(MACHINE_PREFIXES):
        return await handler(request)
    secret = request.app[CORE].secret
    known = _from_cookie(request.cookies.get(COOKIE, ""), secret)
    nonce = secrets.token_urlsafe(18)
    token = request.get(SESSION_CSRF) or known or f"{nonce}.{_sign(nonce, secret)}"
    request[CSRF] = token
    if request.method not in _SAFE:
        if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
            raise NotAllowed(_("这个请求不是从本站页面发出的，没有执行"))
        expected = request.get(SESSION_CSRF) or known
        if not expected:  # no token that was sent could be right: the body is not even read
            raise _expired()
        await read_form(request)
        if not hmac.compare_digest((await _sent_token(request)).encode(errors="replace"), expected.encode()):
            raise _expired()
    response = await handler(request)
    if known is None and SESSION_CSRF not in request and not response.prepared:
        response.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=request.app[SETTINGS].cookie_secure, path="/")
    return response
