"""Articles."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class ArticleState(StrEnum):
    """Life of an article (domain.md 4a). Only published and valid ones are shown or spoken."""

    EDITING = "editing"
    UNIT_REVIEW = "unit_review"
    CENTRE_REVIEW = "centre_review"
    PUBLISHED = "published"
    EXPIRED = "expired"
    RECALLED = "recalled"


class Article(Base):
    """One guide item or plain question, in its current version."""

    __tablename__ = "article"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(ArticleState)})", name="state"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="validity"),
        CheckConstraint("char_length(spoken) BETWEEN 1 AND 300", name="spoken_length"),
        Index("ix_article_search", "search", postgresql_using="gin"),
        Index("ix_article_published", "scene", postgresql_where=text("state = 'published'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(default=1)
    state: Mapped[str]
    kind: Mapped[str] = mapped_column(default="guide")
    """guide (办事指南) or question"""
    title: Mapped[str]
    scene: Mapped[str]
    questions: Mapped[list[Any]]
    """How people ask it: 8 to 12 sentences."""
    spoken: Mapped[str]
    """The short answer, for the phone and as first line of the text answer."""
    body: Mapped[dict[str, Any]]
    """Guide fields (H01-H03): basis, conditions, materials, procedure, time_limit, fee, address, hours, phone,
    complaint_phone, online, note."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    sample_data: Mapped[bool] = mapped_column(default=False)
    """Holds invented local values of the demo city."""
    checked_on: Mapped[date] = mapped_column(Date)
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    search: Mapped[Any] = mapped_column(TSVECTOR)
    used_count: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime]


class ArticleVersion(Base):
    """The full text of every version, so that an answer given can be shown later."""

    __tablename__ = "article_version"
    __table_args__ = (UniqueConstraint("article_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who wrote it; null: the seed."""
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who published it: never the author."""
    published_at: Mapped[datetime | None]


class UnansweredQuestion(Base):
    """A question that no article answered: what the editors work through."""

    __tablename__ = "unanswered_question"
    __table_args__ = (Index("ix_unanswered_question_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    channel: Mapped[str]
    at: Mapped[datetime]
    best_article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
    best_score: Mapped[float]
