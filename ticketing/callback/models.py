"""Tasks of the callback clerks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import Satisfaction, sql_values


class CallbackTask(Base):
    """回访: verify the result with the citizen. One open task a ticket, one per round."""

    __tablename__ = "callback_task"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'reached', 'unreached', 'cancelled')", name="state"),
        CheckConstraint(f"satisfaction IS NULL OR satisfaction IN ({sql_values(Satisfaction)})", name="satisfaction"),
        CheckConstraint("state <> 'reached' OR satisfaction IS NOT NULL", name="reached_has_satisfaction"),
        CheckConstraint("(state = 'open') = (finished_at IS NULL)", name="finished_has_time"),
        CheckConstraint("round >= 1", name="round"),
        Index("uq_callback_task_open", "ticket_id", unique=True, postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    round: Mapped[int]
    state: Mapped[str] = mapped_column(default="open")
    """open, reached, unreached; cancelled: the citizen took the matter back, or it was invalid"""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    satisfaction: Mapped[str | None]
    solved: Mapped[bool | None]
    contacted: Mapped[bool | None]
    attitude: Mapped[str | None]
    """good, fair, bad"""
    note: Mapped[str] = mapped_column(default="")
    by: Mapped[str] = mapped_column(default="")
    """clerk, web, wechat, robot"""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class CallbackAttempt(Base):
    """One try to reach the citizen. Three on two different days, then 未联系上."""

    __tablename__ = "callback_attempt"
    __table_args__ = (Index("ix_callback_attempt_task_id", "task_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("callback_task.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    outcome: Mapped[str]
    """no_answer, busy, refused, wrong_number"""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class ReturnCall(Base):
    """回拨: a caller was promised to be called. One per call."""

    __tablename__ = "return_call"
    __table_args__ = (
        UniqueConstraint("call_id"),
        CheckConstraint("state IN ('open', 'done')", name="state"),
        Index("ix_return_call_open", "due_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    reason: Mapped[str]
    """queue_timeout, hung_up_in_queue, hung_up_in_form"""
    state: Mapped[str] = mapped_column(default="open")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="")
