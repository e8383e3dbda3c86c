"""In which district (区县) the citizen lives, as far as answers differ by it.

A district counts when it was named in the sentence, said earlier, chosen on the portal, or stands in the ticket of this conversation.
Nothing is guessed from a number or a name. Decision 0223.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import hearing
from ticketing.conversation.models import Conversation
from ticketing.suggestion.places import districts as names
from ticketing.suggestion.places import locate
from ticketing.ticket.models import Ticket

_KEY = "district"
_UNSURE = ("不清楚", "不知道", "不确定", "都不是", "其他", "别的区", "外地", "不方便说")


def settle(conversation: Conversation, district: str) -> None:
    """The citizen chose this district on a page: it holds until another one is named. A name that is none of the city's is ignored."""
    if district in names() and (conversation.bot_state or {}).get(_KEY) != district:
        conversation.bot_state = {**(conversation.bot_state or {}), _KEY: district}


async def district_of(session: AsyncSession, conversation: Conversation, state: dict[str, Any], *said: str) -> str | None:
    """The district that an answer to what was said is for, None when it is not known; the last one named is remembered in `state`."""
    if named := next((found for text in reversed(said) if (found := locate(text).district)), ""):
        state[_KEY] = named
    if known := state.get(_KEY):
        return str(known)
    if conversation.ticket_id is None:
        return None
    return await session.scalar(select(Ticket.district).where(Ticket.id == conversation.ticket_id)) or None


def heard(state: dict[str, Any], text: str) -> str | None:
    """The answer to «which district»: its name (then remembered), an empty string when they cannot say, None for something else."""
    said = hearing.clean(text)
    named = locate(said).district or next((name for name in names() if len(said) <= len(name) + 6 and name[:-1] in said), "")
    if named:
        state[_KEY] = named
        return named
    unsure = any(words in said for words in _UNSURE) and len(said) <= 10
    return "" if unsure or hearing.is_no(text) or hearing.is_skip(text) else None


__all__ = ["district_of", "heard", "names", "settle"]
