"""Uploaded tables between preview and decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.models import Ticket


class ImportJob(Base):
    """A file that was uploaded and checked. Its content is sealed, and gone as soon as it is decided or a day is over."""

    __tablename__ = "import_job"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'applied', 'dropped')", name="state"),
        CheckConstraint("(state = 'waiting') = (content_sealed IS NOT NULL)", name="waiting_has_content"),
        Index("ix_import_job_waiting", "made_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    file_name: Mapped[str]
    """As the person's machine calls it; shown, never used as a path."""
    sha256: Mapped[str]
    content_sealed: Mapped[bytes | None]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="waiting")
    decided_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """new, changed, same"""


Index(
    "uq_ticket_migrated_key",
    Ticket.extra["migrated_key"].astext,
    unique=True,
    postgresql_where=text("extra ? 'migrated_key'"),
)
"""A ticket of another hotline comes once, however often its file is read."""
