"""Articles."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class ArticleState(StrEnum):
    """Life of an article and of each of its versions (domain.md 4a). The steps between them: `knowledge.article.life`."""

    COLLECTED = "collected"
    """收集: a title and perhaps a question; nobody has written it yet."""
    EDITING = "editing"
    UNIT_REVIEW = "unit_review"
    CENTRE_REVIEW = "centre_review"
    SCHEDULED = "scheduled"
    """定时发布: passed by the second person, waits for its moment. Ours: domain.md has no waiting."""
    PUBLISHED = "published"
    DUE_FOR_REVIEW = "due_for_review"
    """待复核: still told to citizens, and somebody must look whether it is still right."""
    REVISED = "revised"
    """已修订: of a version only; a later one has taken its place."""
    EXPIRED = "expired"
    RECALLED = "recalled"

    @property
    def is_live(self) -> bool:
        """Whether citizens may get it, as long as its dates allow."""
        return self in (ArticleState.PUBLISHED, ArticleState.DUE_FOR_REVIEW)

    @property
    def is_work(self) -> bool:
        """Whether somebody still works on it."""
        return self in WORK


WORK = (ArticleState.COLLECTED, ArticleState.EDITING, ArticleState.UNIT_REVIEW, ArticleState.CENTRE_REVIEW, ArticleState.SCHEDULED)
LIVE = (ArticleState.PUBLISHED, ArticleState.DUE_FOR_REVIEW)


class ArticleKind(StrEnum):
    """What sort of article it is."""

    GUIDE = "guide"
    """办事指南, with the fields of H01-H03"""
    QUESTION = "question"
    """常见问题"""
    NOTICE = "notice"
    """公告"""
    EMERGENCY = "emergency"
    """应急专题: an answer of a topic package"""


class KnowledgeTopic(Base):
    """应急专题: a set of answers that goes before all others while it is switched on (a typhoon, an outbreak).

    The articles are written and reviewed in quiet days; in an emergency one step tells all of them.
    """

    __tablename__ = "knowledge_topic"
    __table_args__ = (CheckConstraint("char_length(name) BETWEEN 2 AND 40", name="name_length"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    message: Mapped[str] = mapped_column(default="", server_default="")
    """One sentence above the portal's pages while it is on."""
    active: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    active_until: Mapped[date | None] = mapped_column(Date)
    """Last day; without it the package is on until somebody ends it."""
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class Article(Base):
    """One article, with the content that citizens get; before the first publication, that of the newest version.

    Whoever tells articles takes them by `knowledge.article.access`, never by `state` alone.
    """

    __tablename__ = "article"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(ArticleState)})", name="state"),
        CheckConstraint(f"draft_state IN ({sql_values(ArticleState)})", name="draft_state"),
        CheckConstraint("(draft_state IS NULL) = (draft_version IS NULL)", name="draft"),
        CheckConstraint(f"kind IN ({sql_values(ArticleKind)})", name="kind"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="validity"),
        CheckConstraint(
            "char_length(spoken) <= 300 AND (spoken <> '' OR state NOT IN ('published', 'due_for_review'))", name="spoken_length"
        ),
        Index("ix_article_search", "search", postgresql_using="gin"),
        Index("ix_article_indexed_by", "indexed_by"),
        Index("ix_article_updated_at", "updated_at"),
        Index("ix_article_published", "scene", postgresql_where=text("state IN ('published', 'due_for_review')")),
        Index("ix_article_unit_id", "unit_id"),
        Index("ix_article_topic_id", "topic_id", postgresql_where=text("topic_id IS NOT NULL")),
        Index("ix_article_review_on", "review_on", postgresql_where=text("state IN ('published', 'due_for_review')")),
        Index("ix_article_draft_state", "draft_state", postgresql_where=text("draft_state IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(default=1)
    """The version whose content stands here."""
    state: Mapped[str]
    """State of that version."""
    draft_version: Mapped[int | None]
    """The version somebody works on; the published one stays shown until this takes its place."""
    draft_state: Mapped[str | None]
    kind: Mapped[str] = mapped_column(default="guide")
    title: Mapped[str]
    scene: Mapped[str]
    also_scenes: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Further scenes under which the guide lists it."""
    district: Mapped[str] = mapped_column(default="", server_default="")
    """The district (区县) where it holds; empty: the whole city."""
    audiences: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Whom it is for: person, company, elderly, foreigner; empty: everybody."""
    questions: Mapped[list[Any]]
    """How people ask it: a dozen sentences and as many short forms and other words."""
    spoken: Mapped[str]
    """The short answer, for the phone and as first line of the text answer."""
    spoken_parts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """Short answers to a part of the matter, by field: materials, fee, time_limit, address. See `text.spoken_for`."""
    body: Mapped[dict[str, Any]]
    """Guide fields (H01-H03), as `text.FIELDS` names them."""
    files: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Ids of the attachments that this version shows."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("knowledge_topic.id"))
    source: Mapped[str] = mapped_column(default="", server_default="")
    """来源: the document or letter that it was written from; for editors."""
    sample_data: Mapped[bool] = mapped_column(default=False)
    """Holds invented local values of the demo city."""
    checked_on: Mapped[date] = mapped_column(Date)
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    review_on: Mapped[date | None] = mapped_column(Date)
    """When it becomes due for review; computed from validity and date of checking."""
    search: Mapped[Any] = mapped_column(TSVECTOR, deferred=True)
    """Entries by which candidates are found: pairs of characters, words, sounds, meanings (knowledge.search.indexing)."""
    ranked: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Its counted words and sounds, for ranking (knowledge.search.document)."""
    indexed_by: Mapped[str] = mapped_column(default="", server_default="")
    """By which rules and synonyms it was counted; another value than today's: to be counted anew."""
    used_count: Mapped[int] = mapped_column(default=0)
    wrong_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How often a colleague said that it is wrong."""
    helpful_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How often a citizen said that it helped: of its page, or of an answer taken from it."""
    updated_at: Mapped[datetime]


class ArticleVersion(Base):
    """The full text of every version, so that an answer given can be shown later. Its content is never changed."""

    __tablename__ = "article_version"
    __table_args__ = (
        UniqueConstraint("article_id", "version"),
        CheckConstraint(f"state IN ({sql_values(ArticleState)})", name="state"),
        CheckConstraint("(state = 'scheduled') = (publish_at IS NOT NULL)", name="scheduled"),
        Index(
            "uq_article_version_work",
            "article_id",
            unique=True,
            postgresql_where=text(f"state IN ({', '.join(repr(state.value) for state in WORK)})"),
        ),
        Index(
            "uq_article_version_live",
            "article_id",
            unique=True,
            postgresql_where=text(f"state IN ({', '.join(repr(state.value) for state in LIVE)})"),
        ),
        Index("ix_article_version_publish_at", "publish_at", postgresql_where=text("state = 'scheduled'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    version: Mapped[int]
    state: Mapped[str]
    content: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(default="", server_default="")
    """What was changed, in the author's words; or why it came back."""
    created_at: Mapped[datetime]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who wrote it; null: the seed."""
    unit_reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who passed it for the unit: never the author."""
    unit_note: Mapped[str] = mapped_column(default="", server_default="")
    """On what the centre's editor relied when the unit had agreed outside the system (letter, number, name)."""
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who published it: never the author."""
    publish_at: Mapped[datetime | None]
    """When a scheduled version goes live."""
    published_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When it ceased to be told: revised, expired or recalled."""
