"""Conversations of web and WeChat: take a waiting one, answer it, give it back, close it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels import absent
from channels.console.chat_draft import draft_of, forget
from channels.console.desk import last_words
from channels.console.pages import fragment, page, see_other
from channels.console.readings import readings
from channels.console.session import Staff, require_may, staff
from channels.sms import replies
from channels.web.files import download
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from channels.wechat.outbox import queue_agent_reply
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.call_flow import versions
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import get_conversation, give_back, messages, notify, say_as_agent, take, waiting
from ticketing.people.models import Role
from ticketing.people.permissions import may
from ticketing.ticket.access import access_attachment, closed_conversations, own_tickets, visible
from ticketing.ticket.models import Attachment, Ticket

MAX_TEXT = 1000


@dataclass(frozen=True)
class Inbox:
    """What the page shows."""

    items: list[tuple[Conversation, str, int]]
    """Conversation, its last words, seconds waited."""
    chosen: Conversation | None
    said: list[Message]
    tickets: list[Ticket]
    mine: bool
    may_take_over: bool
    """Somebody else has it, and this person is a supervisor."""

    @property
    def waiting(self) -> int:
        """How many nobody has taken."""
        return sum(conversation.owner == Owner.QUEUE.value for conversation, _last, _seconds in self.items)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/chats?id=…: the inbox and one conversation."""
    person = require_may(request, "chat.answer")
    return await _respond(request, person, request.query.get("id", ""))


async def _respond(
    request: web.Request, person: Staff, wanted: str, *, problem: HotlineError | None = None, draft: str = ""
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        inbox = await _load(request, session, person, wanted)
        prompts = (await versions.current(session)).prompts
    draft = draft or draft_of(inbox.chosen, person.actor)
    values: dict[str, Any] = {"inbox": inbox, "problem": str(problem) if problem else "", "draft": draft, "max_text": MAX_TEXT}
    values["phrases"] = prompts.of(person.user.staff_number).chat if prompts else ()
    part = request.query.get("part", "")
    if is_fragment(request) and part == "hints":
        return fragment(request, "console/_chat_hints.html", **await _hints(request, inbox))
    if is_fragment(request) and part in ("inbox", "talk"):
        return fragment(request, f"console/_chat_{part}.html", **values)
    return page(request, "console/chats.html", nav="chats", status=problem.status if problem else 200, **values)


async def _hints(request: web.Request, inbox: Inbox) -> dict[str, Any]:
    """Articles for what the citizen said last; they can be put into the answer by whoever gives it."""
    said = [message.text for message in inbox.said if message.author == Author.CITIZEN.value and message.text]
    async with request.app[DATABASE].transaction() as session:
        found = await readings(request.app[CORE], session, inbox.chosen, said) if inbox.chosen else []
    return {"readings": found, "said": said, "insert_into": "say" if inbox.mine else ""}


async def _load(request: web.Request, session: AsyncSession, person: Staff, wanted: str) -> Inbox:
    now = request.app[CORE].clock.now()
    open_ones = [item for item in await waiting(session, person.actor) if item.channel != "phone" and _may_see(item, person)]
    closed = await closed_conversations(request.app[CORE], session, person.actor, [item.id for item in open_ones])
    open_ones = [item for item in open_ones if item.id not in closed]
    chosen = next((item for item in open_ones if str(item.id) == wanted), None)
    if chosen is None and wanted == "":
        chosen = next((item for item in open_ones if item.agent_id == person.user.id), None)
    items = []
    last = await last_words(session, [item.id for item in open_ones])
    for item in sorted(open_ones, key=lambda one: (one.agent_id != person.user.id, one.queued_at or one.created_at)):
        items.append((item, last.get(item.id, ""), int((now - (item.queued_at or item.created_at)).total_seconds())))
    said = await messages(session, chosen.id) if chosen else []
    tickets = await _tickets(request, session, person, chosen)
    mine = chosen is not None and chosen.agent_id == person.user.id
    may_take_over = chosen is not None and not mine and chosen.owner == Owner.HUMAN.value and person.actor.has(Role.SUPERVISOR)
    return Inbox(items, chosen, said, tickets, mine, may_take_over)


def _may_see(conversation: Conversation, person: Staff) -> bool:
    """Waiting ones are everybody's; one in hand is its agent's, and the supervisor's to listen in."""
    return conversation.owner == Owner.QUEUE.value or conversation.agent_id == person.user.id or person.role is Role.SUPERVISOR


async def _tickets(request: web.Request, session: AsyncSession, person: Staff, chosen: Conversation | None) -> list[Ticket]:
    """The citizen's tickets, as far as this person may see them."""
    if chosen is None or chosen.citizen_id is None:
        return []
    ids = [ticket.id for ticket in await own_tickets(session, chosen.citizen_id)]
    allowed = select(Ticket).where(Ticket.id.in_(ids), visible(request.app[CORE], person.actor)).order_by(Ticket.id.desc())
    return list(await session.scalars(allowed))


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这个会话")) from None


async def get_file(request: web.Request) -> web.StreamResponse:
    """GET /console/chats/{id}/files/{file}: what a citizen sent in a chat that this person may read, or in a ticket that they may see."""
    person, core = require_may(request, "chat.answer", "ticket.see"), request.app[CORE]
    known = _id(request)
    try:
        file_id = UUID(request.match_info["file"])
    except ValueError:
        raise NotFound(_("没有找到这个附件")) from None
    async with request.app[DATABASE].transaction() as session:
        mine = [item.id for item in await waiting(session, person.actor) if item.id == known and _may_see(item, person)]
        if may(person.actor, "chat.answer") and mine and not await closed_conversations(core, session, person.actor, mine):
            here = (Attachment.id == file_id) & (Attachment.conversation_id == known)
            attachment = (await session.scalars(select(Attachment).where(here))).first()
        else:
            attachment = None
        if attachment is None:
            attachment = await access_attachment(core, session, person.actor, file_id)
    return await download(request, attachment)


async def take_chat(request: web.Request) -> web.StreamResponse:
    """POST /console/chats/{id}/take: the first who asks gets it."""
    person = require_may(request, "chat.answer")
    try:
        async with request.app[DATABASE].transaction() as session:
            if await closed_conversations(request.app[CORE], session, person.actor, [_id(request)]):
                raise NotFound(_("没有找到这个会话"))
            await take(request.app[CORE], session, person.actor, _id(request))
            await absent.beat(request.app[CORE], session, person.user.id)
    except HotlineError as problem:
        return await _respond(request, person, "-", problem=problem)
    return see_other(request, f"/console/chats?id={_id(request)}", "taken")


async def say(request: web.Request) -> web.StreamResponse:
    """POST /console/chats/{id}/say: stored, then shown to the citizen; a WeChat answer goes out by the outbox."""
    person, core = require_may(request, "chat.answer"), request.app[CORE]
    text = str((await request.post()).get("text", "")).strip().replace("\r\n", "\n")
    try:
        if not text:
            raise InvalidInput(_("请写下要回复的话"), field="text")
        if len(text) > MAX_TEXT:
            raise InvalidInput(_("请控制在{n}字以内"), field="text", n=MAX_TEXT)
        async with request.app[DATABASE].transaction() as session:
            await say_as_agent(core, session, person.actor, _id(request), text)
            conversation = await get_conversation(session, _id(request))
            forget(conversation)
            if conversation.channel == "wechat":
                await queue_agent_reply(core, session, conversation, text)
            if conversation.channel == "sms":
                await replies.queue_agent_reply(core, session, conversation, text)
    except HotlineError as problem:
        return await _respond(request, person, str(_id(request)), problem=problem, draft=text)
    if is_fragment(request):
        return await _respond(request, person, str(_id(request)))
    return see_other(request, f"/console/chats?id={_id(request)}")


_ENDS = {"close": (Owner.CLOSED, "closed_chat"), "queue": (Owner.QUEUE, "given_back"), "bot": (Owner.BOT, "to_bot")}


async def end_chat(request: web.Request) -> web.StreamResponse:
    """POST /console/chats/{id}/close, /queue or /bot."""
    person = require_may(request, "chat.answer")
    target, done = _ENDS[request.match_info["end"]]
    try:
        async with request.app[DATABASE].transaction() as session:
            conversation = await give_back(request.app[CORE], session, person.actor, _id(request), to=target)
            await notify(session, conversation, "conversation.changed")
    except HotlineError as problem:
        return await _respond(request, staff(request), "-", problem=problem)
    return see_other(request, "/console/chats", done)
