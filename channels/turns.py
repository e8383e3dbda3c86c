"""A turn of the dialogue where there are no buttons (WeChat, SMS): one text, its choices a numbered list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.i18n import _
from ticketing.conversation.models import Author, Conversation, Message

if TYPE_CHECKING:
    from chatbot.dialogue import Turn


def numbered(choices: Sequence[str]) -> str:
    """The list with its instruction."""
    lines = [f"{number}. {choice}" for number, choice in enumerate(choices, start=1)]
    return "\n".join([*lines, _("回复数字或文字都可以。")])


async def chosen(session: AsyncSession, conversation: Conversation, text: str) -> str:
    """The words of the choice that a bare number means; `text` itself when the last answer offered none such."""
    number = text.strip(" 。.、")
    if not (len(number) == 1 and number.isdecimal()):
        return text
    last = (
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.author != Author.CITIZEN.value)
        .order_by(Message.id.desc())
        .limit(1)
    )
    message = (await session.scalars(last)).first()
    choices = message.data.get("choices", []) if message is not None else []
    return str(choices[int(number) - 1]) if 1 <= int(number) <= len(choices) else text


def in_words(turn: Turn) -> str:
    """A turn as one text: WeChat takes one passive reply, and each text message costs."""
    parts = [answer.text for answer in turn.answers if answer.text]
    choices = next((answer.choices for answer in reversed(turn.answers) if answer.choices), ())
    if len(choices) > 1 or (choices and choices[0] not in "".join(parts)):  # one that the text names anyway needs no list
        parts.append(numbered(choices))
    return "\n\n".join(parts)
