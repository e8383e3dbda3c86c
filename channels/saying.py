"""Something that the hotline says of itself in a talk, while the citizen is perhaps not looking: in the talk, and by its channel."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from channels.sms import replies
from channels.wechat import outbox
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation
from ticketing.conversation.service import add_message


async def say(core: Core, session: AsyncSession, chat: Conversation, text: str, *, why: str, data: dict[str, Any] | None = None) -> None:
    """Write it into the talk; who writes on WeChat or by text message gets it there too, once.

    `why` names the occasion in the row that goes out; `data` goes with the message.
    """
    message = await add_message(core, session, chat, Author.BOT, text, data=data)
    if chat.citizen_id is None:
        return
    key = f"{chat.channel}:{why}:{message.id}"
    if chat.channel == outbox.CHANNEL:
        await outbox.enqueue_text(core, session, chat.citizen_id, text, dedupe=key)
    if chat.channel == "sms":
        await replies.enqueue_reply(core, session, chat.citizen_id, replies.fit(text), dedupe=key)


__all__ = ["say"]
