"""Chats that wait for a person while nobody is on duty: the assistant takes them back and says so.

A caller is told at once (`telephony.flow.person`); a chat waits a little, because who answers chats may just be changing shifts.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels import each_chat
from channels.saying import say
from chatbot.wording import REGISTER
from hotline.database import Database
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import nobody_came
from ticketing.queue.service import on_duty_count

PATIENCE = timedelta(minutes=5)
"""How long a chat waits though nobody is on duty: longer than a change of shifts, shorter than people keep a chat page open."""
_AT_WORK = timedelta(minutes=15)
"""So long after his last words in an open chat a person is taken to be there."""
_AT_ONCE = 100


async def run(core: Core, database: Database) -> int:
    """Give chats back to the assistant that waited long enough on a line without anybody on duty; a break counts as duty.

    Returns how many. A chat that is just being taken is skipped, and each is told once: its owner changes in the same transaction.
    """
    long_ago = core.clock.now() - PATIENCE
    waits = (Conversation.owner == Owner.QUEUE.value) & (Conversation.channel != "phone") & (Conversation.queued_at <= long_ago)
    async with database.transaction() as session:
        lines = list(await session.scalars(select(Conversation.line).where(waits).distinct()))
        unattended = [line for line in lines if not await _attended(core, session, line)]
    if not unattended:
        return 0
    due = waits & Conversation.line.in_(unattended)
    chats = await each_chat.waiting(database, due, order=Conversation.queued_at, most=_AT_ONCE)
    return await each_chat.each(database, chats, due, partial(_take_back, core), what="unattended_chat_failed")


async def _attended(core: Core, session: AsyncSession, line: str) -> bool:
    """Whether an agent of the line is on duty, or a person writes in one of its chats: who answers only chats has no duty state."""
    if await on_duty_count(session, line) > 0:
        return True
    writes = select(Message.id).join(Conversation, Conversation.id == Message.conversation_id)
    lately = (Message.author == Author.AGENT.value) & (Message.at > core.clock.now() - _AT_WORK)
    return (
        await session.scalar(writes.where(Conversation.owner == Owner.HUMAN.value, Conversation.line == line, lately).limit(1)) is not None
    )


async def _take_back(core: Core, session: AsyncSession, chat: Conversation) -> bool:
    await nobody_came(core, session, chat)
    chat.bot_state = {**chat.bot_state, "restart": True}  # Rasa heard nothing of what was said meanwhile
    text = _(
        "让您久等了，很抱歉，现在没有话务员在岗，由我继续为您服务。您反映的事可以先登记，会有人办理并答复您；要登记请回复“登记下来”，也可以接着提问。"
    )
    await say(core, session, chat, text, why="unattended", data={"choices": [_(REGISTER)]})
    return True
