"""Forms that were left open in a web chat, on WeChat or by text message become tickets, as on the telephone (decision 0222).

What was said is registered as unfinished when the talk is over, or nobody went on with it for `PATIENCE`. Who left no way to be reached and
has the chat page still open gets a day (`LONG_PATIENCE`): the form is where it was when the page is opened again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, exists, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels import each_chat
from channels.saying import say
from chatbot.draft import Draft
from chatbot.registration import load_draft, registered_since, save_draft, save_unfinished
from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.i18n import _
from hotline.logs import get
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner

LOG = get(__name__)
PATIENCE = timedelta(minutes=30)
LONG_PATIENCE = timedelta(hours=24)
_AT_ONCE = 50
_OPEN: ColumnElement[bool] = literal_column("(conversation.draft IS NOT NULL AND conversation.draft <> 'null')")
"""Word for word what the index `ix_conversation_draft` holds: open forms are few among all talks that ever were."""


async def run(core: Core, database: Database) -> int:
    """Register what waits. Returns how many tickets were made; each form makes one, however often this runs.

    One that cannot be registered holds up no other.
    """
    due = _due(core.clock.now())
    chats = await each_chat.waiting(database, due, order=Conversation.updated_at, most=_AT_ONCE)
    return await each_chat.each(database, chats, due, partial(_register, core), what="form_not_registered")


def _due(now: datetime) -> ColumnElement[bool]:
    closed = Conversation.owner == Owner.CLOSED.value
    idle = (Conversation.owner == Owner.BOT.value) & (Conversation.updated_at <= now - PATIENCE)
    reachable = Conversation.citizen_id.is_not(None)
    left = closed | (idle & (reachable | (Conversation.updated_at <= now - LONG_PATIENCE)))
    return (Conversation.channel != "phone") & _OPEN & left


async def _register(core: Core, session: AsyncSession, chat: Conversation) -> bool:
    """Whether a ticket was made. What may not be registered (a marking of secrecy, say) is not tried again, and the citizen is told."""
    chat_id = str(chat.id)
    try:
        async with session.begin_nested():
            return await _keep(core, session, chat)
    except InvalidInput as error:
        LOG.warning("form_not_registered", conversation=chat_id, fields=sorted(error.errors) or [error.field])
    await session.refresh(chat)
    await _let_go(core, session, chat)
    return False


async def _let_go(core: Core, session: AsyncSession, chat: Conversation) -> None:
    save_draft(core, chat, None)
    chat.bot_state = {**chat.bot_state, "restart": True}
    if _heard(chat):
        text = _("抱歉，您刚才说的没能登记成工单。请换个说法直接回复，或者拨打{line}，由话务员为您登记。").format(line=core.line)
        await say(core, session, chat, text, why="not-registered")


async def _keep(core: Core, session: AsyncSession, chat: Conversation) -> bool:
    draft = load_draft(core, chat)
    if draft is None or await _person_saw_to_it(session, chat, draft):
        save_draft(core, chat, None)
        return False
    registered = await save_unfinished(core, session, chat)
    chat.bot_state = {**chat.bot_state, "restart": True}  # Rasa still believes that the form is open
    if registered is not None:
        await _tell(core, session, chat, registered.ticket.number)
    return registered is not None


async def _person_saw_to_it(session: AsyncSession, chat: Conversation, draft: Draft) -> bool:
    """An agent wrote in the chat, or registered a ticket from it, since the form was opened: what comes of it was decided."""
    since = datetime.fromisoformat(draft.begun) if draft.begun else chat.created_at
    wrote = exists().where(Message.conversation_id == chat.id, Message.author == Author.AGENT.value, Message.at >= since)
    return bool(await session.scalar(select(wrote))) or await registered_since(session, chat, draft)


async def _tell(core: Core, session: AsyncSession, chat: Conversation, number: str) -> None:
    """Say in the same talk what was done, so that nobody starts anew."""
    if _heard(chat):
        text = _("您刚才的诉求还没有说完，已经先按您说的登记下来，工单编号 {number}。要补充的话，直接回复就可以。").format(number=number)
        await say(core, session, chat, text, why="unfinished")


def _heard(chat: Conversation) -> bool:
    """Whether what is said in the talk now can still reach the citizen."""
    return chat.owner != Owner.CLOSED.value or chat.citizen_id is not None
