"""What is still to be deleted from disk and store. The row is written with the deletion of the data, the bytes follow."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class FileRemoval(Base):
    """One file to remove: after the commit, again and again until it is verified to be gone."""

    __tablename__ = "file_removal"
    __table_args__ = (CheckConstraint("place IN ('store', 'data')", name="place"), Index("ix_file_removal_not_before", "not_before"))

    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str]
    """store: an attachment's key; data: a path below the data folder (recordings)"""
    key: Mapped[str]
    why: Mapped[str]
    """unclaimed, retention, erased"""
    requested_at: Mapped[datetime]
    not_before: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
