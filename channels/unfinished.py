"""Forms that were left open in a web chat, on WeChat or by text message become tickets, as on the telephone (decision 0222).

What was said is registered as unfinished when the talk is over, or nobody went on with it for `PATIENCE`. Who left no way to be reached and
has the chat page still open gets a day (`LONG_PATIENCE`): the form is where it was when the page is opened again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.sms import replies
from channels.wechat import outbox
from chatbot.draft import Draft
from chatbot.registration import load_draft, registered_since, save_draft, save_unfinished
from hotline.database import Database
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message

PATIENCE = timedelta(minutes=30)
LONG_PATIENCE = timedelta(hours=24)
_AT_ONCE = 50


async def run(core: Core, database: Database) -> int:
    """Register what waits. Returns how many tickets were made; each form makes one, however often this runs."""
    now = core.clock.now()
    closed = Conversation.owner == Owner.CLOSED.value
    idle = (Conversation.owner == Owner.BOT.value) & (Conversation.updated_at <= now - PATIENCE)
    reachable = Conversation.citizen_id.is_not(None)
    due = closed | (idle & (reachable | (Conversation.updated_at <= now - LONG_PATIENCE)))
    open_forms = select(Conversation).where(Conversation.channel != "phone", Conversation.draft["form"].is_not(None), due)
    async with database.transaction() as session:
        found = open_forms.order_by(Conversation.updated_at).limit(_AT_ONCE).with_for_update(skip_locked=True)
        return sum([await _keep(core, session, chat) for chat in await session.scalars(found)])


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
    if chat.owner == Owner.CLOSED.value and chat.citizen_id is None:
        return
    text = _("您刚才的诉求还没有说完，已经先按您说的登记下来，工单编号 {number}。要补充的话，直接回复就可以。").format(number=number)
    message = await add_message(core, session, chat, Author.BOT, text)
    if chat.citizen_id is None:
        return
    if chat.channel == outbox.CHANNEL:
        await outbox.enqueue_text(core, session, chat.citizen_id, text, dedupe=f"wechat:unfinished:{message.id}")
    if chat.channel == "sms":
        await replies.enqueue_reply(core, session, chat.citizen_id, replies.fit(text), dedupe=f"sms:unfinished:{message.id}")
