"""Supervision cards."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Card(Base):
    """A yellow or red card. Given once per clock and colour, never taken back by an extension."""

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("deadline_id", "colour"),
        CheckConstraint("colour IN ('yellow', 'red')", name="colour"),
        Index("ix_card_unit_id", "unit_id", "at"),
        Index("ix_card_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    deadline_id: Mapped[int] = mapped_column(ForeignKey("deadline.id", ondelete="CASCADE"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    """Null when the centre itself is late."""
    colour: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
