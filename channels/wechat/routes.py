"""`/wechat`: the address that is entered in the official account's server settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from channels.web.keys import SERVICES
from channels.wechat import h5
from channels.wechat.channel import Channel
from channels.wechat.envelope import Forged
from channels.wechat.incoming import UnreadableMessage
from channels.wechat.signature import Signed, is_fresh
from hotline import logs
from hotline.i18n import _

log = logs.get(__name__)
PATH = "/wechat"
MAX_BODY = 64 << 10
"""Bytes. A message has some 2 kB; deep nesting in a large body would hold up the event loop."""
_READ_S = 3.0
NOT_KEPT = frozenset({"location"})
"""Events that are dropped at once: a phone that reports its place whenever the chat is opened is none of our business."""
CHANNEL: web.AppKey[Channel] = web.AppKey("wechat")


def setup(app: web.Application) -> None:
    """Add the address. Without a token in the settings the channel is off and the address answers 404."""
    services = app[SERVICES]
    h5.setup(app)
    if not services.settings.wechat_token.get_secret_value():
        return
    app[CHANNEL] = Channel(services)  # type: ignore[arg-type]
    app.router.add_get(PATH, check_address)
    app.router.add_post(PATH, receive)
    app.cleanup_ctx.append(_closing)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[CHANNEL].close()


async def check_address(request: web.Request) -> web.Response:
    """GET: the platform asks whether the address is ours; `echostr` goes back as it is, as plain text."""
    channel, signed, echo = request.app[CHANNEL], Signed.of(request.query), request.query.get("echostr", "")[:1024]
    refusal = _refuse(channel, signed)
    if refusal is not None:
        return refusal
    try:
        await channel.journal.remember(signed, f"GET\0{echo}")  # it signs this question, not a message of a citizen
    except Forged as error:
        return _forbidden(str(error))
    return web.Response(text=echo)


async def receive(request: web.Request) -> web.Response:
    """POST: one message or event. 403 not from the platform, 413 too large, 400 unreadable, else 200."""
    channel, loop = request.app[CHANNEL], asyncio.get_running_loop()
    deadline = loop.time() + channel.settings.wechat_budget_s
    signed = Signed.of(request.query)
    refusal = _refuse(channel, signed)
    if refusal is not None:
        return refusal
    try:
        body = await _read(request)
    except TimeoutError:
        return web.Response(status=408, text="too slow\n")
    if body is None:
        return web.Response(status=413, text="too large\n")
    try:
        push = channel.envelope.open(request.query, body)
        if push.message.event in NOT_KEPT:
            await channel.journal.remember(signed, push.xml)  # nothing else of it is kept
            return web.Response(text="success")
        answer = await channel.desk.ask(signed, push, deadline)
    except Forged as error:
        return _forbidden(str(error))
    except UnreadableMessage as error:
        try:
            await channel.journal.remember(signed, body.decode(errors="replace"))
        except Forged as forged:
            return _forbidden(str(forged))
        log.warning("wechat push unreadable", reason=str(error))
        return web.Response(status=400, text="unreadable\n")
    if answer is None:
        answer = _("已收到，正在为您处理，请稍候。")
    if not answer:
        return web.Response(text="success")
    return web.Response(text=push.reply(answer), content_type="application/xml")


def _refuse(channel: Channel, signed: Signed) -> web.Response | None:
    if not channel.envelope.is_signed(signed):
        return _forbidden("signature")
    if not is_fresh(signed.timestamp, channel.core.clock.now()):
        return _forbidden("timestamp")
    return None


def _forbidden(reason: str) -> web.Response:
    log.warning("wechat push refused", reason=reason)
    return web.Response(status=403, text="forbidden\n")


async def _read(request: web.Request) -> bytes | None:
    """The body; None when it is larger than allowed. Never holds more than the limit in memory."""
    if request.content_length is not None and request.content_length > MAX_BODY:
        return None
    body = bytearray()
    async with asyncio.timeout(_READ_S):
        async for chunk in request.content.iter_chunked(1 << 14):
            body += chunk
            if len(body) > MAX_BODY:
                return None
    return bytes(body)
