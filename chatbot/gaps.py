"""What the dialogue tells the gap list: questions it did not answer well, in the transaction of the turn that noticed it.

The last question stays in `conversation.bot_state["asked"]` until something else was talked about, so that a wish for a person or a
bad mark that follows it is noted with the question and the article that was told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.facts import find_name
from chatbot.hearing import find_phone
from knowledge.article.service import helped
from knowledge.gap.models import Cause
from knowledge.gap.service import Asked, note
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message
from ticketing.conversation.service import get_conversation
from ticketing.secrecy import WITHHELD
from ticketing.tables.masking import mask_text

if TYPE_CHECKING:
    from chatbot.guide import Found
    from knowledge.article.models import Article

_KEY = "asked"
_LONG_RUN = re.compile(r"[\d〇零洞幺一二两三四五六七八九][\s\d〇零洞幺一二两三四五六七八九-]{5,}[\d〇零洞幺一二两三四五六七八九]")


def cover(text: str) -> str:
    """The sentence without telephone, identity and card numbers (also spoken ones) and without the name somebody gives."""
    if find_phone(text):
        text = _LONG_RUN.sub("****", text)
    text = _LONG_RUN.sub(lambda run: "****" if len(run[0].replace(" ", "")) >= 7 else run[0], mask_text(text))
    name = find_name(text)
    return text.replace(name, "某某") if len(name) > 1 else text


def remember(state: dict[str, Any], message_id: int, *, told: Article | None = None) -> None:
    """This was the last question; `told`: the article that answered it."""
    state[_KEY] = {"message": message_id, **_told(told)}


def picked(state: dict[str, Any], told: Article) -> None:
    """One of the offered articles was told: the question stays the one before the picking."""
    if _KEY in state:
        state[_KEY] = {"message": state[_KEY]["message"], **_told(told)}


def _told(article: Article | None) -> dict[str, int]:
    return {"article": article.id, "version": article.version} if article else {}


def forget(state: dict[str, Any]) -> None:
    """Something else is talked about now."""
    state.pop(_KEY, None)


async def missed(core: Core, session: AsyncSession, conversation: Conversation, message: Message, found: Found, cause: Cause) -> None:
    """Nothing was found, or only choices could be offered."""
    best = found.hits[0] if found.hits else None
    await _note(
        core, session, conversation, message, cause, article_id=best.article.id if best else None, score=best.score if best else 0.0
    )


async def followed(core: Core, session: AsyncSession, conversation: Conversation, cause: Cause) -> bool:
    """The citizen wanted a person (or gave a bad mark) after the last question. Returns False when no question went before."""
    asked: dict[str, Any] = (conversation.bot_state or {}).get(_KEY) or {}
    message = await session.get(Message, int(asked["message"])) if asked else None
    if message is None:
        return False
    await _note(core, session, conversation, message, cause, article_id=asked.get("article"), article_version=asked.get("version"))
    return True


async def rate_answer(core: Core, session: AsyncSession, conversation_id: UUID, message_id: int, *, useful: bool) -> bool:
    """The citizen says whether an answer from an article helped. Returns False when it is no such answer, or was rated before."""
    conversation = await get_conversation(session, conversation_id, lock=True)
    answer = await session.get(Message, message_id)
    if answer is None or answer.conversation_id != conversation_id or answer.article_id is None or "useful" in answer.data:
        return False
    answer.data = {**answer.data, "useful": useful}
    if useful:
        await helped(session, answer.article_id)
    asked = await session.get(Message, int(answer.data.get("reply_to") or 0))
    if not useful and asked is not None and asked.conversation_id == conversation_id:
        told = {"article_id": answer.article_id, "article_version": answer.article_version}
        await _note(core, session, conversation, asked, Cause.RATED_BADLY, **told)
    await session.flush()
    return True


async def not_in_article(core: Core, session: AsyncSession, conversation_id: UUID, article: Article) -> None:
    """The citizen's last words were written under the page of an article that did not say what they wanted to know."""
    conversation = await get_conversation(session, conversation_id, lock=True)
    said = select(Message).where(Message.conversation_id == conversation_id, Message.author == Author.CITIZEN.value)
    message = (await session.scalars(said.order_by(Message.id.desc()).limit(1))).first()
    if message is not None:
        await _note(core, session, conversation, message, Cause.RATED_BADLY, article_id=article.id, article_version=article.version)


async def _note(core: Core, session: AsyncSession, conversation: Conversation, message: Message, cause: Cause, **near: Any) -> None:
    if message.text == WITHHELD:
        return
    await note(core, session, Asked(conversation.id, message.id, cover(message.text), conversation.channel, cause, **near))


def was_told(state: dict[str, Any]) -> bool:
    """Whether the last question was answered with an article."""
    return "article" in state.get(_KEY, {})


async def rate_last(core: Core, session: AsyncSession, conversation: Conversation, *, useful: bool) -> bool:
    """The citizen says at the end whether the last answer from an article helped. Returns False when there was none."""
    statement = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.author == Author.BOT.value, Message.article_id.is_not(None)
    )
    last = await session.scalar(statement.order_by(Message.id.desc()).limit(1))
    return last is not None and await rate_answer(core, session, conversation.id, last, useful=useful)
