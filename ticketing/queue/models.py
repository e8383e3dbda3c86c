"""The queue in the database."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class WaitState(StrEnum):
    """Where somebody who waits stands."""

    WAITING = "waiting"
    OFFERED = "offered"
    """an agent's phone rings"""
    SERVED = "served"
    GONE = "gone"


class Outcome(StrEnum):
    """Why somebody left without an agent."""

    ABANDONED = "abandoned"
    """挂断"""
    RETURN_CALL = "return_call"
    """chose to be called back"""
    TIMEOUT = "timeout"
    FULL = "full"
    EMPTY = "empty"
    """nobody on duty any more"""
    OVERFLOW = "overflow"
    """went on to another queue"""
    EMERGENCY = "emergency"
    """is being connected with 110, 119, 120 or 122"""
    DIED = "died"


class Waiting(Base):
    """One wait of one caller in one queue."""

    __tablename__ = "queue_waiting"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(WaitState)})", name="state"),
        CheckConstraint(f"outcome IS NULL OR outcome IN ({sql_values(Outcome)})", name="outcome"),
        CheckConstraint("(state = 'offered') = (offered_to_id IS NOT NULL)", name="offer"),
        CheckConstraint("(state = 'gone') = (outcome IS NOT NULL)", name="gone_has_outcome"),
        CheckConstraint("(state IN ('served', 'gone')) = (ended_at IS NOT NULL)", name="ended_has_time"),
        Index("uq_queue_waiting_open", "call_id", unique=True, postgresql_where=sql("state IN ('waiting', 'offered')")),
        Index("ix_queue_waiting_line_up", "entered_at", postgresql_where=sql("state IN ('waiting', 'offered')")),
        Index("ix_queue_waiting_ended_at", "ended_at"),
        Index("ix_queue_waiting_call_id", "call_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id"))
    queue: Mapped[str]
    """Name in the call flow's document."""
    line: Mapped[str]
    language: Mapped[str] = mapped_column(default="zh", server_default="zh")
    dialect: Mapped[str] = mapped_column(default="", server_default="")
    """Preferred, not required."""
    weight: Mapped[int] = mapped_column(default=0, server_default="0")
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    """Danger 20, back from a lost agent 15, elderly 10, others 0."""
    state: Mapped[str] = mapped_column(default=WaitState.WAITING.value)
    entered_at: Mapped[datetime]
    offered_to_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    offer_until: Mapped[datetime | None]
    served_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    worker: Mapped[str]
    """Which telephony process has the caller."""


class Offer(Base):
    """One ring of one agent's phone for one caller."""

    __tablename__ = "queue_offer"
    __table_args__ = (Index("ix_queue_offer_waiting", "waiting_id", "user_id"), Index("ix_queue_offer_user", "user_id", "offered_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    waiting_id: Mapped[int] = mapped_column(ForeignKey("queue_waiting.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    offered_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(default="ringing")
    """ringing, answered, no_answer, busy, refused, failed, caller_gone, elsewhere (ringall: a colleague was quicker)"""


class CallCommand(Base):
    """What a person at the console wants done with a call; the telephony process that has it carries it out."""

    __tablename__ = "call_command"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'taken', 'done', 'failed')", name="state"),
        Index("ix_call_command_open", "worker", "id", postgresql_where=sql("state = 'waiting'")),
        Index("ix_call_command_call_id", "call_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id"))
    worker: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    action: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql("'{}'"))
    state: Mapped[str] = mapped_column(default="waiting")
    result: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    """A command that comes late is not carried out: the call has gone on meanwhile."""
    done_at: Mapped[datetime | None]
