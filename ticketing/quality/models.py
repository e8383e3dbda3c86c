"""Tables of quality inspection."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class Drawn(StrEnum):
    """Why a call is looked at; the first that fits, in this order."""

    COMPLAINT = "complaint"
    """有人投诉话务员"""
    RATED_BADLY = "rated_badly"
    """评价不满意"""
    SUSPICIOUS = "suspicious"
    """疑点"""
    SHORT = "short"
    """通话很短"""
    SHARE = "share"
    """按比例随机"""
    BY_HAND = "by_hand"
    """质检员自己选的"""


class CheckState(StrEnum):
    """Where a check stands."""

    WAITING = "waiting"
    SCORED = "scored"
    APPEALED = "appealed"
    DECIDED = "decided"
    """A second person decided on the appeal; there is no further one."""


class QualityBook(Base):
    """One version of the rules and the score sheet. Rows are only added; the newest is in force."""

    __tablename__ = "quality_book"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[str]
    """The YAML text."""
    note: Mapped[str]
    published_at: Mapped[datetime]
    published_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))


class QualityCheck(Base):
    """One call that is looked at. A call is scored once; its words are erased with the conversation (`ticketing.retention.words`)."""

    __tablename__ = "quality_check"
    __table_args__ = (
        CheckConstraint(f"rule IN ({sql_values(Drawn)})", name="rule"),
        CheckConstraint(f"state IN ({sql_values(CheckState)})", name="state"),
        CheckConstraint("(state = 'waiting') = (score IS NULL)", name="scored_has_score"),
        CheckConstraint("(score IS NULL) = (scored_at IS NULL) AND (score IS NULL) = (scored_by_id IS NULL)", name="score_has_person"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score_range"),
        CheckConstraint("scored_by_id <> agent_id", name="not_oneself"),
        CheckConstraint("(state IN ('appealed', 'decided')) = (appealed_at IS NOT NULL)", name="appeal_has_time"),
        CheckConstraint("(state = 'decided') = (decided_at IS NOT NULL AND decided_by_id IS NOT NULL)", name="decided_has_person"),
        CheckConstraint("decided_by_id <> scored_by_id AND decided_by_id <> agent_id", name="decided_by_another"),
        Index("uq_quality_check_call_id", "call_id", unique=True),
        Index("ix_quality_check_waiting", "id", postgresql_where=text("state IN ('waiting', 'appealed')")),
        Index("ix_quality_check_agent_id", "agent_id", "id"),
        Index("ix_quality_check_scored_at", "scored_at", postgresql_where=text("scored_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    """Who spoke with the citizen last."""
    rule: Mapped[str]
    """Why it was drawn: `Drawn`."""
    state: Mapped[str] = mapped_column(default=CheckState.WAITING.value, server_default=CheckState.WAITING.value)
    drawn_at: Mapped[datetime]
    book_version: Mapped[int | None]
    """By which version of the sheet it was scored."""
    points: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """Key of the item -> points given."""
    fatal: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Keys of the fatal items that were found: the score is 0 then."""
    score: Mapped[int | None]
    remark: Mapped[str] = mapped_column(default="", server_default="")
    scored_at: Mapped[datetime | None]
    scored_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    appeal: Mapped[str] = mapped_column(default="", server_default="")
    appealed_at: Mapped[datetime | None]
    first_score: Mapped[int | None]
    """Before the decision changed it."""
    upheld: Mapped[bool | None]
    """Whether the appeal was right."""
    decision: Mapped[str] = mapped_column(default="", server_default="")
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
