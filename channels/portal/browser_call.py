"""Call the hotline from this page: for those who have a browser and no telephone at hand. Off unless HOTLINE_BROWSER_CALLS is set."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from channels.api.limits import Limiter
from channels.portal.preferences import page
from channels.web.address import address_of
from channels.web.keys import CORE, SETTINGS
from channels.web.middleware import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from hotline import passes
from hotline.errors import NotFound
from hotline.i18n import _

PURPOSE = "guest"
CALLS: web.AppKey[Limiter] = web.AppKey("browser_calls", Limiter)
"""Passes by address: each lets one call in."""


def _gateway(request: web.Request) -> str:
    """Where the page calls; raises NotFound when it is switched off."""
    settings = request.app[SETTINGS]
    if not settings.browser_calls:
        raise NotFound(_("没有找到这个页面"))
    return settings.phone_url.removesuffix("/phone") + "/call"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /call."""
    url = _gateway(request)
    response = page(request, "portal/call.html", call_url=url)
    parts = urlsplit(url)
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; connect-src 'self' {parts.scheme}://{parts.netloc}"
    response.headers["Permissions-Policy"] = SECURITY_HEADERS["Permissions-Policy"].replace("microphone=()", "microphone=(self)")
    return response


async def let_in(request: web.Request) -> web.StreamResponse:
    """POST /call/pass: a pass for one call, good for a minute."""
    _gateway(request)
    wait = request.app[CALLS].wait_seconds(address_of(request))
    if wait:
        return web.json_response({"wait_s": wait}, status=429, headers={"Retry-After": str(wait)})
    core = request.app[CORE]
    issued = passes.issue(core.secret, PURPOSE, passes.Pass(0, 0, passes.new_name()), core.clock.now())
    return web.json_response({"pass": issued}, headers={"Cache-Control": "no-store"})
