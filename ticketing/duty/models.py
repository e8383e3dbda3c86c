"""Duty of agents."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class DutyState(StrEnum):
    """What an agent does just now."""

    READY = "ready"
    """空闲，可以接听"""
    RINGING = "ringing"
    """振铃中: a caller is offered, nobody else is"""
    BUSY = "busy"
    """通话中"""
    WRAP_UP = "wrap_up"
    """话后整理"""
    BREAK = "break"
    """小休，with a reason"""
    OFF = "off"
    """离岗"""


CHOSEN = frozenset({DutyState.READY, DutyState.BREAK, DutyState.OFF})
"""What a person sets; the other states come from calls."""
ON_CALL = frozenset({DutyState.RINGING, DutyState.BUSY})


class Duty(Base):
    """The agent now. A row appears when somebody first goes on duty or is given a telephone."""

    __tablename__ = "duty"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(DutyState)})", name="state"),
        CheckConstraint("(state = 'break') = (reason <> '')", name="break_has_reason"),
        CheckConstraint("(state = 'wrap_up') = (wrap_until IS NOT NULL)", name="wrap_up_ends"),
        CheckConstraint("(state IN ('ringing', 'busy')) = (call_id IS NOT NULL)", name="call"),
        Index("ix_duty_ready", "idle_since", postgresql_where=sql("state = 'ready'")),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(default=DutyState.OFF.value)
    reason: Mapped[str] = mapped_column(default="", server_default="")
    """Of a break: a key of `ticketing.words` table break_reason."""
    since: Mapped[datetime]
    idle_since: Mapped[datetime]
    """End of the last call, or when they came: who is idle longest is rung first."""
    wrap_until: Mapped[datetime | None]
    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("call.id"))
    phone: Mapped[str] = mapped_column(default="", server_default="")
    """SIP address of their telephone, a desk phone or the gateway of the browser; empty: cannot be rung."""
    missed: Mapped[int] = mapped_column(default=0, server_default="0")
    """Unanswered rings in a row (autopause)."""


class DutyPeriod(Base):
    """How long an agent was in which state; the last one is open. For figures of work time."""

    __tablename__ = "duty_period"
    __table_args__ = (
        Index("ix_duty_period_user", "user_id", "started_at"),
        Index("uq_duty_period_open", "user_id", unique=True, postgresql_where=sql("ended_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(default="", server_default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Skill(Base):
    """What an agent can do: a line they answer, a language or dialect they speak. Without any line they answer all."""

    __tablename__ = "duty_skill"
    __table_args__ = (CheckConstraint("kind IN ('line', 'language', 'dialect')", name="kind"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    """A line's number, a language (en, ug), a dialect (yue, wuu)."""


class Shift(Base):
    """排班: an agent is to be on duty from ... to ..."""

    __tablename__ = "duty_shift"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="period"),
        Index("ix_duty_shift_user_id", "user_id", "starts_at"),
        Index("ix_duty_shift_ends_at", "ends_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
