"""Who was given which version: so that a wrong answer can be followed to the people who heard it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.conversation.models import Conversation, Message
from ticketing.ticket.models import Ticket


@dataclass(frozen=True)
class Told:
    """One answer that was given. Without words of the citizen: an editor has no case content."""

    message_id: int
    conversation_id: UUID
    at: datetime
    channel: str
    version: int
    ticket_number: str
    """The ticket that came of the conversation, if any; who may see it is the ticket's matter."""


async def answers_given(
    session: AsyncSession, article_id: int, *, version: int | None = None, before: int | None = None, limit: int = 50
) -> list[Told]:
    """Newest first; `before`: the message id at which the page before ended."""
    statement = (
        select(Message.id, Message.conversation_id, Message.at, Conversation.channel, Message.article_version, Ticket.number)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(Ticket, Ticket.id == Conversation.ticket_id)
        .where(Message.article_id == article_id)
    )
    if version is not None:
        statement = statement.where(Message.article_version == version)
    if before is not None:
        statement = statement.where(Message.id < before)
    rows = await session.execute(statement.order_by(Message.id.desc()).limit(limit))
    return [Told(row[0], row[1], row[2], row[3], row[4] or 0, row[5] or "") for row in rows]


async def counts_by_version(session: AsyncSession, article_id: int) -> dict[int, int]:
    """How often each version was given."""
    statement = select(Message.article_version, func.count()).where(Message.article_id == article_id).group_by(Message.article_version)
    return {version or 0: count for version, count in await session.execute(statement)}
