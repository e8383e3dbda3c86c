"""The agent's telephone in the browser: a page of its own, kept open for the whole shift, so that the others may come and go.

The call itself runs between the page and the WebRTC gateway; this process only says who may come in.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from channels.console.pages import page
from channels.console.session import require_may
from channels.web.keys import CORE, SETTINGS
from channels.web.middleware import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from hotline import passes

PURPOSE = "phone"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/phone: for who answers callers, and for who calls citizens."""
    require_may(request, "desk.answer", "call.dial")
    url = request.app[SETTINGS].phone_url
    response = page(request, "console/phone.html", nav="phone", phone_url=url)
    parts = urlsplit(url)
    # Only this page may use the microphone, and only it may speak with the gateway.
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; connect-src 'self' {parts.scheme}://{parts.netloc}"
    response.headers["Permissions-Policy"] = SECURITY_HEADERS["Permissions-Policy"].replace("microphone=()", "microphone=(self)")
    return response


async def let_in(request: web.Request) -> web.StreamResponse:
    """POST /console/phone/pass: a pass for the gateway, good for a minute."""
    person, core = require_may(request, "desk.answer", "call.dial"), request.app[CORE]
    holder = passes.Pass(person.user.id, person.session_id, person.user.name)
    return web.json_response({"pass": passes.issue(core.secret, PURPOSE, holder, core.clock.now())}, headers={"Cache-Control": "no-store"})
