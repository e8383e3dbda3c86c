"""Held appeals."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class HeldState(StrEnum):
    """What became of it."""

    WAITING = "waiting"
    RELEASED = "released"
    """registered: a ticket like any other"""
    DISCARDED = "discarded"
    """not an appeal; the words are gone, the reason stays"""


class HeldAppeal(Base):
    """One appeal that came while a proof was asked for, and came without one. Its words are sealed until somebody reads them."""

    __tablename__ = "held_appeal"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'released', 'discarded')", name="state"),
        CheckConstraint("(state = 'released') = (ticket_id IS NOT NULL)", name="released_has_ticket"),
        CheckConstraint("(state = 'waiting') = (body_sealed IS NOT NULL)", name="body_only_while_waiting"),
        Index("ix_held_appeal_waiting", "received_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_held_appeal_received_at", "received_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    """Of the token in the citizen's address."""
    body_sealed: Mapped[bytes | None]
    """The form as JSON, under the master key; empty once decided."""
    source_hash: Mapped[str]
    """Keyed hash of the network address: many from one place are seen, the place is not kept."""
    state: Mapped[str] = mapped_column(default=HeldState.WAITING.value)
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reason: Mapped[str] = mapped_column(default="")
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    query_code_sealed: Mapped[bytes | None]
    """For the citizen's page, which shows it until `KEPT` is over."""
