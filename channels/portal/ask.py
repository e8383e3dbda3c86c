"""问一问: the web chat. Without JavaScript a plain form; with it, answers come in place and an agent's words by themselves."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from sqlalchemy import select

from channels.api import chat
from channels.api.limits import Limiter
from channels.portal import ask_files, cookies
from channels.portal.ask_files import TooManyFiles
from channels.portal.ask_view import Talk, load_talk
from channels.portal.guide import district_of
from channels.portal.preferences import fragment, page
from channels.web.address import address_of
from channels.web.files import ACCEPT
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, HUB, SERVICES
from channels.web.live import Notice
from channels.web.templating import is_fragment
from chatbot import districts, gaps
from chatbot.reply import Turn
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import DEFAULT_LANGUAGE, _, speaking
from knowledge.article.access import live_articles
from knowledge.article.models import Article
from ticketing.conversation.models import Conversation, Owner
from ticketing.conversation.service import close_conversation, open_conversation

TURNS: web.AppKey[Limiter] = web.AppKey("portal_turns")
STREAMS: web.AppKey[Counter[str]] = web.AppKey("portal_streams")
MAX_STREAMS = 30
"""Open pages of one address that hear of news at once."""
_LEFT_THE_QUEUE = frozenset({"conversation.taken", "conversation.closed", "conversation.given_to_bot", "conversation.given_to_queue"})
QUIET = timedelta(minutes=30)
"""After this the time is printed between two messages."""


def _values(talk: Talk, **more: Any) -> dict[str, Any]:
    return {"talk": talk, "accept": ACCEPT, "message_id": secrets.token_urlsafe(12), "quiet": QUIET, "error": "", "typed": "", **more}


async def show(request: web.Request) -> web.StreamResponse:
    """GET /ask. `?q=` only fills the field in: reading a page never says anything for the citizen."""
    known = cookies.chat_of(request) or uuid4()
    response = page(
        request, "portal/ask.html", **_values(await load_talk(request, known), typed=request.query.get("q", "")[: chat.MAX_TEXT])
    )
    cookies.remember_chat(request, response, known)
    return response


async def say(request: web.Request) -> web.StreamResponse:
    """POST /ask: one utterance, typed or chosen, and files with it or alone."""
    data = await request.post()
    typed = str(data.get("choice") or data.get("text") or "")
    if request.app[TURNS].wait_seconds(address_of(request)):
        return await _refused(request, typed, _("消息太频繁，请过几秒再发"), 429)
    try:
        uploads = await ask_files.read(request)
        text = "" if uploads and not typed.strip() else chat.clean_text(typed)
    except InvalidInput as error:
        return await _refused(request, typed, next(iter(error.errors.values()), str(error)), 422)
    except TooManyFiles as error:
        return await _refused(request, typed, str(error), error.status)
    known = await _open(request)
    message_id = str(data.get("message_id", ""))[:64] or None
    turn: Turn | None = None
    with speaking(DEFAULT_LANGUAGE):  # what the bot says is stored, and agents read it
        if uploads:
            await ask_files.keep(request, known, uploads, external_id=f"{message_id}-f" if message_id else None, alone=not text)
        if text:
            turn = await request.app[SERVICES].dialogue.turn(known, text, external_id=message_id)
            await _not_in_the_guide(request, known, str(data.get("about", "")))
    response = await _parts(request, known) if is_fragment(request) else web.HTTPSeeOther("/ask#last")
    cookies.remember_chat(request, response, known)
    if turn is not None and turn.ticket is not None:
        cookies.remember_ticket(request, response, turn.ticket.number)
        cookies.give_receipt(request, response, turn.ticket.number, turn.ticket.query_code)
    if isinstance(response, web.HTTPException):
        raise response
    return response


async def _open(request: web.Request) -> UUID:
    """The live conversation of this browser; a new one when there is none or the last one is over."""
    known = cookies.chat_of(request) or uuid4()
    async with request.app[DATABASE].transaction() as session:
        conversation = await open_conversation(request.app[CORE], session, channel=chat.CHANNEL, conversation_id=known)
        if conversation.owner == Owner.CLOSED.value:
            conversation = await open_conversation(request.app[CORE], session, channel=chat.CHANNEL)
        if chosen := district_of(request):
            districts.settle(conversation, chosen)
        return conversation.id


async def _not_in_the_guide(request: web.Request, known: UUID, slug: str) -> None:
    """The question was asked under an article that did not answer it: editors see both together on the gap list."""
    if not slug:
        return
    async with request.app[DATABASE].transaction() as session:
        article = (await session.scalars(live_articles(request.app[CORE]).where(Article.slug == slug[:80]))).first()
        if article is not None:
            await gaps.not_in_article(request.app[CORE], session, known, article)


async def _refused(request: web.Request, typed: str, error: str, status: int) -> web.Response:
    """What was typed comes back with the reason."""
    known = cookies.chat_of(request) or uuid4()
    if is_fragment(request):
        return await _parts(request, known, typed=typed[: chat.MAX_TEXT], error=error, status=status)
    values = _values(await load_talk(request, known), typed=typed[: chat.MAX_TEXT], error=error)
    return page(request, "portal/ask.html", status=status, **values)


async def _parts(request: web.Request, known: UUID, *, composer: bool = True, status: int = 200, **more: Any) -> web.Response:
    """The parts of the page that changed, for htmx. The composer is left alone when the citizen may be typing."""
    values = _values(await load_talk(request, known), composer=composer, **more)
    text = fragment(request, "portal/ask_parts.html", **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-store"})


async def talk(request: web.Request) -> web.StreamResponse:
    """GET /ask/talk: what was said, for a page that heard of something new."""
    return await _parts(request, cookies.chat_of(request) or uuid4(), composer=False)


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /ask/stream: `talk` when something was said here or it changed hands, `queue` when another one left the queue."""
    known = cookies.chat_of(request)
    if known is None:
        return web.Response(status=204)

    address, open_streams = address_of(request), request.app[STREAMS]
    if open_streams[address] >= MAX_STREAMS:
        raise Unavailable(_("打开的对话太多，请关掉几个页面再试"))

    def select_events(notice: Notice) -> Iterable[str]:
        if notice.subject != "conversation":
            return ()
        if notice.subject_id == str(known):
            return ("talk",)
        return ("queue",) if notice.name in _LEFT_THE_QUEUE else ()

    open_streams[address] += 1
    try:
        return await request.app[HUB].stream(request, select_events)
    finally:
        open_streams[address] -= 1
        if not open_streams[address]:
            del open_streams[address]


async def rate(request: web.Request) -> web.StreamResponse:
    """POST /ask/rate: whether an answer helped. Said once per answer; «no» goes to the gap list."""
    data, known = await request.post(), cookies.chat_of(request)
    message_id = whole_number(str(data.get("message", "")))
    if known is not None and message_id and data.get("useful") in ("yes", "no"):
        async with request.app[DATABASE].transaction() as session:
            await gaps.rate_answer(request.app[CORE], session, known, message_id, useful=data["useful"] == "yes")
    if is_fragment(request):
        return await _parts(request, known or uuid4(), composer=False)
    raise web.HTTPSeeOther("/ask#last")


async def restart(request: web.Request) -> web.StreamResponse:
    """POST /ask/new: end this conversation and begin another one."""
    known = cookies.chat_of(request)
    if known is not None:
        async with request.app[DATABASE].transaction() as session:
            conversation = (await session.scalars(select(Conversation).where(Conversation.id == known).with_for_update())).first()
            if conversation is not None and conversation.channel == chat.CHANNEL:
                await close_conversation(request.app[CORE], session, conversation)
    response = web.HTTPSeeOther("/ask")
    cookies.forget(response, cookies.CHAT)
    raise response
