"""Tables of the gap list (没答好的问题) and of the sampled checks (答复抽查)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class Cause(StrEnum):
    """Why a sentence is on the list; a later, worse one takes the place of an earlier one."""

    UNSURE = "unsure"
    """Answered with low confidence: choices were offered instead of an answer."""
    UNANSWERED = "unanswered"
    HANDED_OVER = "handed_over"
    """Whatever was answered, the citizen then wanted a person."""
    RATED_BADLY = "rated_badly"
    JUDGED_WRONG = "judged_wrong"
    """An editor found the answer wrong in a sampled check."""

    @property
    def weight(self) -> int:
        """Higher is worse."""
        return list(Cause).index(self)


class GapState(StrEnum):
    """Where a group stands."""

    OPEN = "open"
    COVERED = "covered"
    """An article was made for it, or it became examples of one; it waits until that version is published."""
    NO_NEED = "no_need"


class Gap(Base):
    """One group of like sentences. Its words are those of its sentences: nothing that a citizen said is kept here."""

    __tablename__ = "gap"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(GapState)})", name="state"),
        CheckConstraint("state <> 'covered' OR article_id IS NOT NULL", name="covered_by_article"),
        CheckConstraint("state <> 'no_need' OR char_length(reason) > 0", name="no_need_has_reason"),
        Index("ix_gap_list", "state", text("count DESC"), text("last_at DESC")),
        Index("ix_gap_last_at", "last_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default=GapState.OPEN.value)
    count: Mapped[int] = mapped_column(default=0)
    """How often it was asked, all in all; retention does not lower it."""
    count_at_close: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
    article_version: Mapped[int | None]
    """Which version covers it."""
    reason: Mapped[str] = mapped_column(default="")
    """Why no article is needed, in the editor's words."""
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reopened: Mapped[int] = mapped_column(default=0)
    """How often it came back."""


class GapSentence(Base):
    """One sentence of a citizen, with personal data covered before it was written here."""

    __tablename__ = "gap_sentence"
    __table_args__ = (
        CheckConstraint(f"cause IN ({sql_values(Cause)})", name="cause"),
        Index("ix_gap_sentence_at", "at"),
        Index("ix_gap_sentence_gap_id", "gap_id", "id"),
        Index("ix_gap_sentence_conversation_id", "conversation_id"),
        Index("ix_gap_sentence_cells", "cells", postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    gap_id: Mapped[int] = mapped_column(ForeignKey("gap.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id", ondelete="SET NULL"), unique=True)
    """One sentence counts once, whatever happened to it afterwards."""
    text: Mapped[str]
    channel: Mapped[str]
    at: Mapped[datetime]
    cause: Mapped[str]
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
    """The article that was told, or the nearest one."""
    article_version: Mapped[int | None]
    """Set when it was told."""
    score: Mapped[float]
    cells: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)
    """Hashes of its features, by which the next like sentence finds it (`likeness`); empty in a group that has enough of them."""


class AnswerCheck(Base):
    """One answer of the assistant drawn for a check: was it right?"""

    __tablename__ = "answer_check"
    __table_args__ = (
        CheckConstraint("result IN ('right', 'wrong')", name="result"),
        CheckConstraint("(result IS NULL) = (judged_at IS NULL)", name="judged"),
        Index("ix_answer_check_at", "at"),
        Index("ix_answer_check_open", "id", postgresql_where=text("result IS NULL")),
        Index("ix_answer_check_conversation_id", "conversation_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id", ondelete="SET NULL"), unique=True)
    """The assistant's answer."""
    asked_id: Mapped[int | None] = mapped_column(ForeignKey("message.id", ondelete="SET NULL"))
    """What it answered."""
    asked: Mapped[str]
    """The same in words, personal data covered."""
    answer: Mapped[str]
    channel: Mapped[str]
    at: Mapped[datetime]
    """When it was answered: the moment that puts it into a period."""
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"))
    article_version: Mapped[int]
    drawn_at: Mapped[datetime]
    result: Mapped[str | None]
    remark: Mapped[str] = mapped_column(default="")
    judged_at: Mapped[datetime | None]
    judged_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
