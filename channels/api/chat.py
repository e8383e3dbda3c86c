"""What the chat of programs and of the portal share: whose conversation it is, one turn of it, and how it is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message
from ticketing.conversation.service import get_conversation

if TYPE_CHECKING:
    from chatbot.dialogue import Turn

MAX_TEXT = 2000
MAX_NAME = 200
CHANNEL = "web"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def new_name() -> str:
    """The public name of a new conversation: random, and the right to read and continue it."""
    return str(uuid4())


def conversation_id(core: Core, name: str) -> UUID:
    """The internal id behind the public name of a conversation, ours or a program's own: always the same, by a keyed hash.

    Staff and logs see internal ids; nobody gets from one back to a name, and no internal id is the name of its conversation.
    """
    known = name.lower() if _UUID.fullmatch(name) else name
    return UUID(hex=core.vault.fingerprint(known, "conversation")[:32])


async def refuse_internal_id(session: AsyncSession, name: str) -> None:
    """Raises NotFound when `name` is the internal id of a conversation, of whatever channel: it opens nothing here."""
    if _UUID.fullmatch(name) and await session.get(Conversation, UUID(name)) is not None:
        raise NotFound(_("没有找到这个会话"))


def clean_text(text: str) -> str:
    """What a person typed, fit to be stored. Raises InvalidInput (field `text`) when nothing or too much is left."""
    cleaned = _CONTROL.sub("", text.replace("\r\n", "\n")).strip()
    if not is_storable(cleaned):
        raise InvalidInput(_("内容里有不能保存的字符，请重新输入"), field="text")
    if not cleaned:
        raise InvalidInput(_("请输入要问的事"), field="text")
    if len(cleaned) > MAX_TEXT:
        raise InvalidInput(_("内容太长，请控制在{limit}字以内，或分几次发送"), field="text", limit=MAX_TEXT)
    return cleaned


def is_storable(text: str) -> bool:
    """Whether the database takes it: no half of a surrogate pair (JSON may hold one) and no NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


async def web_conversation(session: AsyncSession, known: UUID) -> Conversation:
    """A conversation of this channel; those of phone and WeChat do not exist here. Raises NotFound."""
    conversation = await get_conversation(session, known)
    if conversation.channel != CHANNEL:
        raise NotFound(_("没有找到这个会话"))
    return conversation


def turn_body(name: str, turn: Turn) -> dict[str, Any]:
    """One turn as the API answers it."""
    return {
        "conversation": name,
        "replies": [
            {
                "text": answer.text,
                "article": {"id": answer.article_id, "version": answer.article_version} if answer.article_id else None,
                "choices": list(answer.choices),
            }
            for answer in turn.answers
        ],
        "handover": turn.handover,
        "handover_reason": turn.handover_reason,
        "ticket": {"number": turn.ticket.number, "query_code": turn.ticket.query_code} if turn.ticket else None,
        "owner": turn.owner.value,
        "degraded": turn.degraded,
        "form_open": turn.form_open,
        "finished": turn.finished,
    }


def message_body(message: Message) -> dict[str, Any]:
    """One stored message as the API answers it."""
    return {
        "id": message.id,
        "author": message.author,
        "text": message.text,
        "at": message.at.isoformat(timespec="seconds"),
        "article": {"id": message.article_id, "version": message.article_version} if message.article_id else None,
        "choices": list(message.data.get("choices", [])),
    }
