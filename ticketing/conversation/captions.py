"""What is being said on a call this moment (实时字幕): partial results, shown to who watches, replaced several times a second.

They are not the transcript: as soon as a sentence is complete it is a message, and the caption is empty again. The table is unlogged,
so it costs next to nothing and nothing of it is in a backup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.events import NOTIFY_CHANNEL
from ticketing.context import Core

Speaker = Literal["citizen", "agent"]
_STALE = timedelta(seconds=30)
"""Nobody speaks one sentence for longer; what is older was left by a process that died."""


class Caption(Base):
    """What one side of a call is saying."""

    __tablename__ = "caption"
    __table_args__ = (CheckConstraint("speaker IN ('citizen', 'agent')", name="speaker"), {"prefixes": ["UNLOGGED"]})

    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"), primary_key=True)
    speaker: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    at: Mapped[datetime]


@dataclass(frozen=True)
class Saying:
    """The newest partial result of one voice; an empty text takes the caption away."""

    call_id: UUID
    conversation_id: UUID
    speaker: Speaker
    text: str


async def show(core: Core, session: AsyncSession, sayings: Sequence[Saying]) -> None:
    """Store them and wake the pages that show these conversations."""
    now = core.clock.now()
    spoken = [{"call_id": one.call_id, "speaker": one.speaker, "text": one.text[:1000], "at": now} for one in sayings if one.text]
    if spoken:
        statement = insert(Caption).values(spoken)
        new = {"text": statement.excluded.text, "at": statement.excluded.at}
        await session.execute(statement.on_conflict_do_update(index_elements=["call_id", "speaker"], set_=new))
    for one in sayings:
        if not one.text:
            await session.execute(delete(Caption).where(Caption.call_id == one.call_id, Caption.speaker == one.speaker))
    for conversation in {one.conversation_id for one in sayings}:
        payload = json.dumps({"name": "call.caption", "subject": "caption", "id": str(conversation)})
        await session.execute(select(func.pg_notify(NOTIFY_CHANNEL, payload)))


async def captions(core: Core, session: AsyncSession, call_id: UUID) -> list[Caption]:
    """What is being said on this call now. The caller has checked who may see it."""
    fresh = select(Caption).where(Caption.call_id == call_id, Caption.at > core.clock.now() - _STALE)
    return list(await session.scalars(fresh.order_by(Caption.at)))


async def sweep(core: Core, session: AsyncSession) -> int:
    """Remove what processes that died have left; returns how many."""
    gone = delete(Caption).where(Caption.at < core.clock.now() - _STALE).returning(Caption.call_id)
    return len((await session.execute(gone)).all())
