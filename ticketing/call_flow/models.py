"""Versions of the call flow, and numbers that are kept from the line."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class CallFlowVersion(Base):
    """One published version. Rows are only added; the newest is in force from the next call on."""

    __tablename__ = "call_flow_version"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[str]
    """The YAML text."""
    sha256: Mapped[str]
    note: Mapped[str] = mapped_column(default="", server_default="")
    published_at: Mapped[datetime]
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class NuisanceNumber(Base):
    """骚扰号码: a caller who is kept from the line for a time. The number itself is not stored."""

    __tablename__ = "nuisance_number"
    __table_args__ = (Index("ix_nuisance_number_hash", "number_hash", "until"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number_hash: Mapped[str]
    """Keyed hash of the number in E.164."""
    masked: Mapped[str]
    """138****0000, so that the list can be read."""
    reason: Mapped[str]
    added_at: Mapped[datetime]
    added_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    until: Mapped[datetime]
    """Brought forward when it is lifted early; rows stay as a record."""
