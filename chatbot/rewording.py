"""Puts a reworded answer (`chatbot.rephrase`) in the place of the stored one: outside the turn's transaction, never after a take-over."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.gaps import cover
from chatbot.rephrase import Rephraser, Source
from chatbot.reply import Turn, stored_turn
from chatbot.spoken import to_spoken
from hotline.database import Database
from knowledge.article.models import Article
from knowledge.article.text import render
from ticketing.context import Core
from ticketing.conversation.models import Author, Message, Owner
from ticketing.conversation.service import get_conversation, notify

_DONE = "worded"
"""In the data of a message: who worded it; empty when the original was kept."""


async def reword(
    core: Core, database: Database, rephraser: Rephraser, conversation_id: UUID, message_id: int, question: str, turn: Turn
) -> Turn:
    """The turn with its article's short answer reworded, or as it is. A repeat of the turn gets what was stored."""
    if not any(answer.article_id for answer in turn.answers) or turn.form_open:
        return turn
    async with database.transaction() as session:
        message = await _answer(session, conversation_id, message_id)
        article = await session.get(Article, message.article_id) if message else None
    if message is None or article is None or _DONE in message.data or article.version != message.article_version:
        return turn
    if article.spoken not in message.text:
        return turn
    new = await rephraser.rephrase(cover(question), Source(article.spoken, render(article)))
    async with database.transaction() as session:
        conversation = await get_conversation(session, conversation_id, lock=True)
        message = await _answer(session, conversation_id, message_id)
        if message is None or _DONE in message.data:
            return turn
        if new is not None and conversation.owner == Owner.BOT.value:
            spoken = str(message.data.get("spoken", "")).replace(to_spoken(article.spoken), to_spoken(new), 1)
            message.data = {**message.data, _DONE: rephraser.name, "original": article.spoken, "spoken": spoken}
            message.text = message.text.replace(article.spoken, new, 1)
            await notify(session, conversation, "conversation.message")
        else:
            message.data = {**message.data, _DONE: ""}
        await session.flush()
        return await stored_turn(core, session, conversation, message_id) or turn


async def _answer(session: AsyncSession, conversation_id: UUID, message_id: int) -> Message | None:
    """The message of this turn that tells an article."""
    statement = select(Message).where(
        Message.conversation_id == conversation_id,
        Message.author == Author.BOT.value,
        Message.article_id.is_not(None),
        Message.data["reply_to"].astext == str(message_id),
    )
    return (await session.scalars(statement.order_by(Message.id).limit(1))).first()
