"""Sweeps over talks: each one is a transaction of its own, so that one that fails holds up no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from hotline.database import Database
from hotline.errors import Unavailable
from hotline.logs import get
from ticketing.conversation.models import Conversation

LOG = get(__name__)
Act = Callable[[AsyncSession, Conversation], Awaitable[bool]]


async def waiting(database: Database, due: ColumnElement[bool], *, order: InstrumentedAttribute[Any], most: int) -> list[UUID]:
    """The talks that are due, the first ones by `order`."""
    async with database.transaction() as session:
        return list(await session.scalars(select(Conversation.id).where(due).order_by(order).limit(most)))


async def still_due(session: AsyncSession, chat_id: UUID, due: ColumnElement[bool]) -> Conversation | None:
    """The talk, locked; None when somebody has just gone on with it, or is at it."""
    chosen = select(Conversation).where(Conversation.id == chat_id, due).with_for_update(skip_locked=True, of=Conversation)
    return (await session.scalars(chosen)).first()


async def each(database: Database, chats: list[UUID], due: ColumnElement[bool], act: Act, *, what: str) -> int:
    """Do it with each talk that is still due; returns with how many `act` did something.

    `what` names it in the log. A fault of ours is logged and tried again with the next sweep. Raises Unavailable.
    """
    count = 0
    for chat_id in chats:
        try:
            async with database.transaction() as session:
                chat = await still_due(session, chat_id, due)
                count += chat is not None and await act(session, chat)
        except Unavailable:
            raise
        except Exception:  # the border of one talk
            LOG.exception(what, conversation=str(chat_id))
    return count


__all__ = ["each", "still_due", "waiting"]
