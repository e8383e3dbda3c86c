"""A half-written answer to a chat is kept on the server: it outlives reload, a dropped network and a restart of this process.

It stands in the conversation's own memory, so that it goes when the conversation is erased, and is read only by who answers it.
"""

from __future__ import annotations

from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.conversation.service import get_conversation
from ticketing.people.actor import Actor
from ticketing.ticket.access import closed_conversations

_KEY, MAX_TEXT = "agent_draft", 1000


def draft_of(conversation: Conversation | None, actor: Actor) -> str:
    """What this person has begun to write; empty for anybody but who answers now."""
    if conversation is None or conversation.agent_id is None or conversation.agent_id != actor.user_id:
        return ""
    kept = conversation.bot_state.get(_KEY) or {}
    return str(kept.get("text", "")) if kept.get("by") == actor.user_id else ""


def forget(conversation: Conversation) -> None:
    """It was sent."""
    conversation.bot_state = {name: value for name, value in conversation.bot_state.items() if name != _KEY}


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/chats/{id}/draft: while it is written. What a page still sends when the chat has just been given back is dropped."""
    person, core = require_may(request, "chat.answer"), request.app[CORE]
    text = str((await request.post()).get("text", ""))[:MAX_TEXT]
    try:
        wanted = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这个会话")) from None
    async with request.app[DATABASE].transaction() as session:
        conversation = await get_conversation(session, wanted, lock=True)
        if conversation.agent_id is not None:
            await _check_own(core, session, person.actor, conversation)
            conversation.bot_state = {**conversation.bot_state, _KEY: {"by": person.user.id, "text": text}}
    return web.Response(status=204)


async def _check_own(core: Core, session: AsyncSession, actor: Actor, conversation: Conversation) -> None:
    """Raises NotFound when somebody else answers, or a secret matter came of it."""
    if conversation.agent_id != actor.user_id or await closed_conversations(core, session, actor, [conversation.id]):
        raise NotFound(_("没有找到这个会话"))
