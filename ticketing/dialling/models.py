"""Calls that a member of staff asked for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class Purpose(StrEnum):
    """What the call is for."""

    CONTACT = "contact"
    """联系市民"""
    CALLBACK = "callback"
    """回访"""
    RETURN_CALL = "return_call"
    """回拨"""


class DialState(StrEnum):
    """Where the call stands."""

    WAITING = "waiting"
    """no telephony process has taken it yet"""
    RINGING = "ringing"
    """the person's own telephone rings"""
    DIALLING = "dialling"
    """the person hears the ringing tone, the citizen's telephone rings"""
    TALKING = "talking"
    OVER = "over"


class Dial(Base):
    """One call by click: at most one open at a time for a ticket, and for a person."""

    __tablename__ = "dial"
    __table_args__ = (
        CheckConstraint(f"purpose IN ({sql_values(Purpose)})", name="purpose"),
        CheckConstraint(f"state IN ({sql_values(DialState)})", name="state"),
        CheckConstraint("(state = 'over') = (ended_at IS NOT NULL)", name="over_has_time"),
        CheckConstraint("(state = 'over') = (result <> '')", name="over_has_result"),
        CheckConstraint("(purpose = 'return_call') = (return_call_id IS NOT NULL)", name="return_call"),
        Index("uq_dial_open_ticket", "ticket_id", unique=True, postgresql_where=sql("state <> 'over'")),
        Index("uq_dial_open_user", "user_id", unique=True, postgresql_where=sql("state <> 'over'")),
        Index("ix_dial_waiting", "created_at", postgresql_where=sql("state = 'waiting'")),
        Index("ix_dial_ticket_id", "ticket_id"),
        Index("uq_dial_call_id", "call_id", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    purpose: Mapped[str]
    return_call_id: Mapped[int | None] = mapped_column(ForeignKey("return_call.id"))
    automatic: Mapped[bool] = mapped_column(default=False, server_default=sql("false"))
    """The queue dialled because it was the caller's turn; nobody clicked."""
    state: Mapped[str] = mapped_column(default=DialState.WAITING.value)
    result: Mapped[str] = mapped_column(default="", server_default="")
    """A key of `ticketing.words` table dial_result, when it is over."""
    created_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    """Whoever clicked does not wait longer for a telephony process."""
    answered_at: Mapped[datetime | None]
    """The citizen picked up."""
    ended_at: Mapped[datetime | None]
