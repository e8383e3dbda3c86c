"""`POST /api/v1/chat` and `GET /api/v1/chat/{id}/messages`: the bot for other programs, as JSON; the staff API is `staff`."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from channels.api import chat, staff
from channels.api.limits import Limiter
from channels.web.address import address_of
from channels.web.keys import CORE, DATABASE, SERVICES
from hotline.errors import Conflict, HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.conversation.models import Owner
from ticketing.conversation.service import messages, open_conversation

MAX_BODY = 32 * 1024
PAGE = 200
_FIELDS = frozenset({"conversation", "text", "message_id"})
TURNS: web.AppKey[Limiter] = web.AppKey("api_turns")
READS: web.AppKey[Limiter] = web.AppKey("api_reads")


class TooManyRequests(HotlineError):
    """This address asks too often."""

    status, code = 429, "too_many_requests"

    def __init__(self, seconds: int) -> None:
        """`seconds` to wait."""
        super().__init__(_("请求太频繁，请{seconds}秒后再试"), seconds=seconds)


class Unreadable(HotlineError):
    """The body is not what was agreed."""

    status, code = 400, "unreadable"


class TooLarge(HotlineError):
    """The body is too large."""

    status, code = 413, "too_large"


class WrongType(HotlineError):
    """The body is of another kind."""

    status, code = 415, "unsupported_media_type"


def setup(app: web.Application) -> None:
    """Add the addresses."""
    app[TURNS] = Limiter(app[CORE].clock, per_minute=120, burst=120)
    app[READS] = Limiter(app[CORE].clock, per_minute=300, burst=300)
    app.router.add_post("/api/v1/chat", post_turn)
    app.router.add_get("/api/v1/chat/{conversation}/messages", get_messages)
    staff.setup(app)


async def post_turn(request: web.Request) -> web.Response:
    """One utterance of a citizen; the bot's answers, or what became of the conversation."""
    _take(request, request.app[TURNS])
    name, text, message_id = _read_turn(await _json(request))
    name = name or chat.new_name()
    known = chat.conversation_id(request.app[CORE], name)
    async with request.app[DATABASE].transaction() as session:
        await chat.refuse_internal_id(session, name)
        conversation = await open_conversation(request.app[CORE], session, channel=chat.CHANNEL, conversation_id=known)
        if conversation.owner == Owner.CLOSED.value:
            raise Conflict(_("这个会话已经结束。请把conversation设为null，开始新的会话"))
    turn = await request.app[SERVICES].dialogue.turn(known, text, external_id=message_id)
    return _answer(chat.turn_body(name, turn))


async def get_messages(request: web.Request) -> web.Response:
    """What was said after the message with id `after`; the way to an agent's answers. Its name is the right to read it."""
    _take(request, request.app[READS])
    after = request.query.get("after", "0")
    if not re.fullmatch(r"\d{1,18}", after, re.ASCII):
        raise InvalidInput(_("after应是上一次收到的最后一条消息的编号，例如0"), field="after")
    name = request.match_info["conversation"]
    if len(name) > chat.MAX_NAME or not chat.is_storable(name):
        raise NotFound(_("没有找到这个会话"))
    async with request.app[DATABASE].transaction() as session:
        conversation = await chat.web_conversation(session, chat.conversation_id(request.app[CORE], name))
        said = await messages(session, conversation.id, after=int(after), limit=PAGE)
    return _answer({"conversation": name, "owner": conversation.owner, "messages": [chat.message_body(message) for message in said]})


def _answer(body: dict[str, Any]) -> web.Response:
    """Chinese stays readable; nothing is kept by caches."""
    return web.json_response(text=json.dumps(body, ensure_ascii=False), headers={"Cache-Control": "no-store"})


def _take(request: web.Request, limiter: Limiter) -> None:
    wait = limiter.wait_seconds(address_of(request))
    if wait:
        raise TooManyRequests(wait)


async def _json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise WrongType(_("请用Content-Type: application/json提交"))
    body = bytearray()
    async for chunk in request.content.iter_chunked(8 * 1024):
        body += chunk
        if len(body) > MAX_BODY:
            raise TooLarge(_("请求内容太大，最多{limit}KB"), limit=MAX_BODY // 1024)
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable(_("请求内容不是有效的UTF-8，请用UTF-8编码后再提交")) from None
    except (ValueError, RecursionError):
        raise Unreadable(_('请求内容不是有效的JSON，例如{"conversation": null, "text": "身份证怎么换"}')) from None
    if not isinstance(value, dict):
        raise Unreadable(_("请求内容应是一个JSON对象，含conversation和text"))
    return value


def _read_turn(value: dict[str, Any]) -> tuple[str | None, str, str | None]:
    errors: dict[str, str] = {}
    name, text, message_id = value.get("conversation"), value.get("text"), value.get("message_id")
    for field, given in (("conversation", name), ("message_id", message_id)):
        if given is not None and not (isinstance(given, str) and len(given) <= chat.MAX_NAME and chat.is_storable(given)):
            errors[field] = _("{field}应是最多{limit}个字的文字，或者null").format(field=field, limit=chat.MAX_NAME)
    for field in sorted(set(value) - _FIELDS):
        errors[field[:40]] = _("没有这个字段，可用的字段是conversation、text、message_id")
    if not isinstance(text, str):
        errors["text"] = _("缺少text，它应是市民说的话")
    else:
        try:
            text = chat.clean_text(text)
        except InvalidInput as error:
            errors.update(error.errors)
    if errors or not isinstance(text, str):
        raise InvalidInput(errors=errors)
    return name or None, text, message_id or None
