"""Published answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class PublicationState(StrEnum):
    """Where it stands."""

    PROPOSED = "proposed"
    """待审核: written by one person, waits for another."""
    PUBLISHED = "published"
    REFUSED = "refused"
    """不公开; it may be written anew."""
    RECALLED = "recalled"
    """已撤下: was on the portal and is no longer."""


_ALIVE = "state IN ('proposed', 'published')"


class PublishedAnswer(Base):
    """One ticket's matter and answer in words for everybody.

    The words are no copies of the ticket's: somebody wrote them without the person, and they passed `personal.find`.
    """

    __tablename__ = "published_answer"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(PublicationState)})", name="state"),
        CheckConstraint("state <> 'published' OR (reviewer_id IS NOT NULL AND published_at IS NOT NULL)", name="published_by_somebody"),
        CheckConstraint("reviewer_id <> author_id OR state <> 'published'", name="four_eyes"),
        Index("uq_published_answer_alive", "ticket_id", unique=True, postgresql_where=text(_ALIVE)),
        Index("ix_published_answer_ticket_id", "ticket_id"),
        Index("ix_published_answer_shown", "published_at", "id", postgresql_where=text("state = 'published'")),
        Index("ix_published_answer_list", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(default=1)
    """Counted up by each UPDATE: nobody passes words that changed after he read them."""
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy as a class attribute
    state: Mapped[str] = mapped_column(default=PublicationState.PROPOSED.value)
    line: Mapped[str]
    """The ticket's line: who is bound to another one does not see it."""
    title: Mapped[str]
    asked: Mapped[str]
    """What was asked, in words for everybody."""
    answered: Mapped[str]
    category_code: Mapped[str | None] = mapped_column(ForeignKey("category.code"))
    district: Mapped[str] = mapped_column(default="")
    author_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    """Who wrote the words as they stand."""
    proposed_at: Mapped[datetime]
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who passed or refused them: never the author."""
    published_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="", server_default="")
    """Why it was refused or taken off."""
