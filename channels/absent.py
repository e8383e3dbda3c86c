"""Chats in the hands of somebody whose pages are all closed go back to the queue (decision 0221, lesson 23).

An open page of the console beats every minute (`beat`) as long as its log-in stands. When neither a page nor a request nor a message of the
person was there for `ABSENT`, the citizen is told and waits at the old place in the queue.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from sqlalchemy import DateTime, cast, exists, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels import each_chat
from channels.saying import say
from hotline.database import Database
from hotline.errors import HotlineError
from hotline.i18n import _
from hotline.logs import get
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import give_back, notify
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import LoginSession
from ticketing.people.service import session_stands

LOG = get(__name__)
BEAT_EVERY_S = 60.0
ABSENT = timedelta(minutes=5)
"""How long all pages of a person may be closed: longer than a restart of the browser or a lost connection."""
SEEN = "agent_seen"
"""Key of `Conversation.bot_state`: when a page of the person who has the chat was last open."""
_AT_ONCE = 100


async def keep_beating(core: Core, database: Database, user_id: int, session_id: int, idle: timedelta) -> None:
    """Beat until cancelled, or until the log-in is over. A database that is away for a moment is no absence."""
    while True:
        try:
            async with database.transaction() as session:
                if not await session_stands(core, session, session_id, idle=idle):
                    return
                await beat(core, session, user_id)
        except HotlineError as error:
            LOG.warning("chat_beat_failed", reason=str(error))
        await asyncio.sleep(BEAT_EVERY_S)


async def beat(core: Core, session: AsyncSession, user_id: int) -> None:
    """A page of this person is open: note it in the chats they have."""
    seen = func.jsonb_build_object(SEEN, core.clock.now().isoformat())
    mine = (Conversation.agent_id == user_id) & (Conversation.owner == Owner.HUMAN.value) & (Conversation.channel != "phone")
    noted = update(Conversation).where(mine).values(bot_state=Conversation.bot_state.op("||")(seen))
    await session.execute(noted.execution_options(synchronize_session=False))


async def run(core: Core, database: Database) -> int:
    """Give back the chats of people who are not there. Returns how many; a chat that somebody holds just now is left for the next time."""
    long_ago = core.clock.now() - ABSENT
    beaten = cast(Conversation.bot_state[SEEN].astext, DateTime(timezone=True))
    at_work = exists().where(LoginSession.user_id == Conversation.agent_id, LoginSession.seen_at > long_ago)
    wrote = exists().where(Message.conversation_id == Conversation.id, Message.author == Author.AGENT.value, Message.at > long_ago)
    left = (
        (Conversation.owner == Owner.HUMAN.value)
        & (Conversation.channel != "phone")
        & (func.coalesce(beaten, Conversation.created_at) <= long_ago)
        & ~at_work
        & ~wrote
    )
    chats = await each_chat.waiting(database, left, order=Conversation.queued_at, most=_AT_ONCE)
    return await each_chat.each(database, chats, left, partial(_back_to_queue, core), what="absent_agent_failed")


async def _back_to_queue(core: Core, session: AsyncSession, chat: Conversation) -> bool:
    if chat.agent_id is None:
        return False
    await give_back(core, session, Actor(SYSTEM.kind, SYSTEM.label, chat.agent_id), chat.id, to=Owner.QUEUE)
    text = _("让您久等了，刚才接待您的话务员暂时离开，已为您重新排到前面，会有其他话务员接着为您服务，前面说的不用再说一遍。")
    await say(core, session, chat, text, why="absent")
    await notify(session, chat, "conversation.changed")
    return True
