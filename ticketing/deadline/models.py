"""Clocks that run on tickets and assignments."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class ClockKind(StrEnum):
    """What is awaited. Each kind is an independent clock with its own state."""

    DISPATCH = "dispatch"
    SIGN = "sign"
    CONTACT = "contact"
    HANDLE = "handle"
    REVIEW = "review"
    CALLBACK = "callback"


class ClockState(StrEnum):
    """Life of a clock."""

    RUNNING = "running"
    MET = "met"
    """Stopped before its due time."""
    LATE = "late"
    """Stopped after its due time."""
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """How near the end is; set by the sweep, shown by pages (design.md 6)."""

    CALM = "calm"
    WHITE = "white"
    """half used: reminder"""
    AMBER = "amber"
    """four fifths used"""
    YELLOW = "yellow"
    """due time passed: yellow card"""
    RED = "red"
    """one working day late: red card"""


class Deadline(Base):
    """One clock."""

    __tablename__ = "deadline"
    __table_args__ = (
        CheckConstraint("due_at > started_at", name="due_after_start"),
        CheckConstraint("state IN ('running', 'met', 'late', 'cancelled')", name="state"),
        CheckConstraint("stage IN ('calm', 'white', 'amber', 'yellow', 'red')", name="stage"),
        CheckConstraint("(state = 'running') = (stopped_at IS NULL)", name="running_has_no_stop"),
        Index("ix_deadline_next_stage", "next_stage_at", postgresql_where=text("state = 'running' AND next_stage_at IS NOT NULL")),
        Index("ix_deadline_ticket_id", "ticket_id"),
        Index(
            "uq_deadline_running_ticket_clock",
            "ticket_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'running' AND assignment_id IS NULL"),
        ),
        Index(
            "uq_deadline_running_assignment_clock",
            "assignment_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'running' AND assignment_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")
    stage: Mapped[str] = mapped_column(default="calm")
    limit_value: Mapped[float]
    limit_unit: Mapped[str]
    """h, wh (working hours), wd (working days), d"""
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    white_at: Mapped[datetime]
    amber_at: Mapped[datetime]
    red_at: Mapped[datetime]
    next_stage_at: Mapped[datetime | None]
    """The moment at which the sweep has to look again; null when the last stage is reached."""
    stopped_at: Mapped[datetime | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    """Computed with days that the official calendar does not know yet."""
