"""Choices without buttons: shown as a numbered list, answered by number or by words."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.i18n import _
from ticketing.conversation.models import Author, Conversation, Message


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
