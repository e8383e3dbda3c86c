"""Words that mean the same, as rows that editors keep."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class SynonymKind(StrEnum):
    """How the words of a group belong together."""

    SPELLING = "spelling"
    """同词异写: the first word replaces all others before anything is counted."""
    RELATED = "related"
    """近义词: a question with one of them meets an article with another."""


class SearchSynonym(Base):
    """One group of words (同义词). Without any row the groups of synonyms.yaml hold."""

    __tablename__ = "search_synonym"
    __table_args__ = (CheckConstraint("kind IN ('spelling', 'related')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    words: Mapped[list[Any]]
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who; null: came with the program."""
