"""问一问: the web chat. Without JavaScript a plain form; with it, answers come in place and an agent's words by themselves."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api import chat
from channels.api.limits import Limiter
from channels.portal import cookies
from channels.portal.preferences import fragment, page
from channels.web.address import address_of
from channels.web.keys import CORE, DATABASE, HUB, SERVICES
from channels.web.live import Notice
from channels.web.templating import is_fragment
from hotline.clock import to_city
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import DEFAULT_LANGUAGE, _, speaking
from knowledge.article.access import is_told
from knowledge.article.models import Article
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import close_conversation, open_conversation
from ticketing.ticket.models import Ticket

TURNS: web.AppKey[Limiter] = web.AppKey("portal_turns")
STREAMS: web.AppKey[Counter[str]] = web.AppKey("portal_streams")
MAX_STREAMS = 30
"""Open pages of one address that hear of news at once."""
SHOWN = 100
"""Messages on the page; older ones are left out."""
DOTS = "••••••••"
"""Stands in a stored message where a query code was told (`chatbot.reply`)."""
QUIET = timedelta(minutes=30)
"""After this the time is printed between two messages."""


@dataclass(frozen=True)
class Talk:
    """The conversation as the page shows it."""

    owner: str
    messages: tuple[Message, ...]
    texts: dict[int, str]
    """What each message says, with a query code that was told just now."""
    slugs: dict[int, str]
    """Address of the article behind an answer, while it is published."""
    choices: tuple[str, ...]
    ticket_number: str

    @property
    def waiting(self) -> bool:
        """Whether a person was asked for and has not come yet."""
        return self.owner == Owner.QUEUE.value

    @property
    def human(self) -> bool:
        """Whether an agent is there."""
        return self.owner == Owner.HUMAN.value

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.owner == Owner.CLOSED.value


_NEW = Talk(Owner.BOT.value, (), {}, {}, (), "")


async def _talk(request: web.Request, known: UUID) -> Talk:
    async with request.app[DATABASE].transaction() as session:
        conversation = (await session.scalars(select(Conversation).where(Conversation.id == known))).first()
        if conversation is None or conversation.channel != chat.CHANNEL:
            return _NEW
        newest = select(Message).where(Message.conversation_id == known).order_by(Message.id.desc()).limit(SHOWN)
        said = list(await session.scalars(newest))[::-1]
        number = await session.scalar(select(Ticket.number).where(Ticket.id == conversation.ticket_id)) if conversation.ticket_id else ""
        last = said[-1] if said else None
        choices = last.data.get("choices", []) if last is not None and last.author == Author.BOT.value else []
        return Talk(
            owner=conversation.owner,
            messages=tuple(said),
            texts={message.id: _text(request, message) for message in said},
            slugs=await _slugs(session, request, {message.article_id for message in said if message.article_id}),
            choices=tuple(str(choice) for choice in choices),
            ticket_number=number or "",
        )


def _text(request: web.Request, message: Message) -> str:
    """The words, with the sealed query code in its place while the receipt is valid; afterwards dots stay."""
    sealed, core = message.data.get("sealed"), request.app[CORE]
    if not sealed or core.clock.now() > message.at + cookies.RECEIPT_AGE:
        return message.text
    return message.text.replace(DOTS, core.vault.open(str(sealed).encode()))


async def _slugs(session: AsyncSession, request: web.Request, ids: set[int]) -> dict[int, str]:
    today = to_city(request.app[CORE].clock.now()).date()
    rows = await session.execute(select(Article.id, Article.slug).where(Article.id.in_(ids), is_told(today)))
    return dict(rows.all())


def _values(talk: Talk, **more: Any) -> dict[str, Any]:
    return {"talk": talk, "message_id": secrets.token_urlsafe(12), "quiet": QUIET, "error": "", "typed": "", **more}


async def show(request: web.Request) -> web.StreamResponse:
    """GET /ask. `?q=` only fills the field in: reading a page never says anything for the citizen."""
    known = cookies.chat_of(request) or uuid4()
    response = page(request, "portal/ask.html", **_values(await _talk(request, known), typed=request.query.get("q", "")[: chat.MAX_TEXT]))
    cookies.remember_chat(request, response, known)
    return response


async def say(request: web.Request) -> web.StreamResponse:
    """POST /ask: one utterance, typed or chosen."""
    data = await request.post()
    typed = str(data.get("choice") or data.get("text") or "")
    if request.app[TURNS].wait_seconds(address_of(request)):
        return await _refused(request, typed, _("消息太频繁，请过几秒再发"), 429)
    try:
        text = chat.clean_text(typed)
    except InvalidInput as error:
        return await _refused(request, typed, error.errors.get("text", str(error)), 422)
    known = await _open(request)
    message_id = str(data.get("message_id", ""))[:64] or None
    with speaking(DEFAULT_LANGUAGE):  # what the bot says is stored, and agents read it
        turn = await request.app[SERVICES].dialogue.turn(known, text, external_id=message_id)
    response = await _parts(request, known) if is_fragment(request) else web.HTTPSeeOther("/ask#last")
    cookies.remember_chat(request, response, known)
    if turn.ticket is not None:
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
        return conversation.id


async def _refused(request: web.Request, typed: str, error: str, status: int) -> web.Response:
    """What was typed comes back with the reason."""
    known = cookies.chat_of(request) or uuid4()
    if is_fragment(request):
        return await _parts(request, known, typed=typed[: chat.MAX_TEXT], error=error, status=status)
    values = _values(await _talk(request, known), typed=typed[: chat.MAX_TEXT], error=error)
    return page(request, "portal/ask.html", status=status, **values)


async def _parts(request: web.Request, known: UUID, *, composer: bool = True, status: int = 200, **more: Any) -> web.Response:
    """The parts of the page that changed, for htmx. The composer is left alone when the citizen may be typing."""
    values = _values(await _talk(request, known), composer=composer, **more)
    text = fragment(request, "portal/ask_parts.html", **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-store"})


async def talk(request: web.Request) -> web.StreamResponse:
    """GET /ask/talk: what was said, for a page that heard of something new."""
    return await _parts(request, cookies.chat_of(request) or uuid4(), composer=False)


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /ask/stream: server-sent events `talk`, whenever something was said or the conversation changed hands."""
    known = cookies.chat_of(request)
    if known is None:
        return web.Response(status=204)

    address, open_streams = address_of(request), request.app[STREAMS]
    if open_streams[address] >= MAX_STREAMS:
        raise Unavailable(_("打开的对话太多，请关掉几个页面再试"))

    def select_events(notice: Notice) -> Iterable[str]:
        return ("talk",) if notice.subject == "conversation" and notice.subject_id == str(known) else ()

    open_streams[address] += 1
    try:
        return await request.app[HUB].stream(request, select_events)
    finally:
        open_streams[address] -= 1
        if not open_streams[address]:
            del open_streams[address]


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
