"""`/sms/{provider}/messages?key=…` and `/sms/{provider}/receipts?key=…`: entered at the provider as the addresses of its pushes.

Providers do not sign what they push. The key stands in the query, which no log of ours shows.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from channels.sms import pushes
from channels.sms.inbox import Inbox
from channels.web.keys import CORE, DATABASE, SERVICES
from hotline import logs
from ticketing.notice import deliveries

log = logs.get(__name__)
MAX_BODY = 256 << 10
_READ_S = 5.0
T = TypeVar("T")
INBOX: web.AppKey[Inbox] = web.AppKey("sms_inbox")


def setup(app: web.Application) -> None:
    """Add the addresses. Without a key in the settings they answer 404."""
    services = app[SERVICES]
    if not services.settings.sms_inbound_key.get_secret_value():
        return
    app[INBOX] = Inbox(services)  # type: ignore[arg-type]
    provider = f"{{provider:{'|'.join(pushes.PROVIDERS)}}}"
    app.router.add_post(f"/sms/{provider}/messages", receive)
    app.router.add_post(f"/sms/{provider}/receipts", take_receipts)


async def receive(request: web.Request) -> web.Response:
    """Citizens' messages: stored before the provider is answered; a repeat changes nothing. 403, 413, 400, else 200."""
    received = await _pushed(request, pushes.messages)
    if isinstance(received, web.Response):
        return received
    async with request.app[DATABASE].transaction() as session:
        new = [await request.app[INBOX].store(session, one) for one in received]
    log.info("text messages received", count=len(new), repeated=new.count(False))
    return web.json_response(pushes.answer(request.match_info["provider"]))


async def take_receipts(request: web.Request) -> web.Response:
    """Delivery receipts; about messages that are none of ours nothing is done."""
    found = await _pushed(request, pushes.receipts)
    if isinstance(found, web.Response):
        return found
    async with request.app[DATABASE].transaction() as session:
        for one in sorted(found, key=lambda item: item.gateway_id):
            await deliveries.receipt(request.app[CORE], session, gateway_id=one.gateway_id, key=one.key, arrived=one.arrived, code=one.code)
    return web.json_response(pushes.answer(request.match_info["provider"]))


async def _pushed(request: web.Request, read: Callable[[str, bytes], T]) -> T | web.Response:
    """What the provider says, or the refusal."""
    raw = await _body(request)
    if isinstance(raw, web.Response):
        return raw
    try:
        return read(request.match_info["provider"], raw)
    except pushes.UnreadablePush as error:
        log.warning("text message push unreadable", reason=str(error))
        return web.Response(status=400, text="unreadable\n")


async def _body(request: web.Request) -> bytes | web.Response:
    """The body, or the refusal."""
    expected = request.app[SERVICES].settings.sms_inbound_key.get_secret_value()
    if not hmac.compare_digest(request.query.get("key", "").encode("utf-8", "replace"), expected.encode()):
        log.warning("text message push refused", reason="key")
        return web.Response(status=403, text="forbidden\n")
    if (request.content_length or 0) > MAX_BODY:
        return web.Response(status=413, text="too large\n")
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_S):
            async for chunk in request.content.iter_chunked(1 << 14):
                body += chunk
                if len(body) > MAX_BODY:
                    return web.Response(status=413, text="too large\n")
    except TimeoutError:
        return web.Response(status=408, text="too slow\n")
    return bytes(body)
