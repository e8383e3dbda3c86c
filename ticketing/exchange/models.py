"""Tables of partners and of the journal of what was sent and received."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class MessageState(StrEnum):
    """Life of one message of the journal."""

    WAITING = "waiting"
    """Out: not taken yet."""
    DELIVERED = "delivered"
    """Out: the other system took it."""
    FAILED = "failed"
    """Out: given up; it can be sent again."""
    RECEIVED = "received"
    APPLIED = "applied"
    """In: done in the core."""
    REFUSED = "refused"
    """In: the core refused it; the reason stands beside it."""


class ExchangePartner(Base):
    """The system of one unit. Tickets dispatched to the unit are pushed there."""

    __tablename__ = "exchange_partner"
    __table_args__ = (
        UniqueConstraint("unit_id"),
        CheckConstraint("payload_version = 1", name="payload_version"),
        CheckConstraint("char_length(url) BETWEEN 10 AND 500", name="url_length"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]
    url: Mapped[str]
    secret_sealed: Mapped[bytes]
    payload_version: Mapped[int] = mapped_column(default=1)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class ExchangeMessage(Base):
    """One message, out or in. What was received is kept before it is worked on (lesson 9)."""

    __tablename__ = "exchange_message"
    __table_args__ = (
        CheckConstraint("direction IN ('out', 'in')", name="direction"),
        CheckConstraint(f"state IN ({sql_values(MessageState)})", name="state"),
        CheckConstraint("(direction = 'out') = (state IN ('waiting', 'delivered', 'failed'))", name="state_of_direction"),
        UniqueConstraint("partner_id", "direction", "message_id"),
        Index("ix_exchange_message_ticket_id", "ticket_id"),
        Index("ix_exchange_message_assignment_id", "assignment_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("exchange_partner.id"))
    direction: Mapped[str]
    message_id: Mapped[str]
    """Ours when out, theirs when in: the same one twice has one effect."""
    kind: Mapped[str]
    """ticket (out); sign, contact, progress, reply, sign_off (in)"""
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    external_id: Mapped[str | None]
    """The number that the other system gave the ticket."""
    body_hash: Mapped[str]
    state: Mapped[str]
    problem: Mapped[str] = mapped_column(default="")
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]
