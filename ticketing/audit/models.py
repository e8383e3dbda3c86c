"""Seals of the event log and the roots of the days. Append-only like the log itself: triggers refuse every change."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, Index
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class AuditSeal(Base):
    """A batch of events, closed for good: `first_event_id` to `last_event_id`, no number between two seals is left out."""

    __tablename__ = "audit_seal"
    __table_args__ = (
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("first_event_id <= last_event_id AND event_count >= 1", name="range"),
        Index("ix_audit_seal_at", "at"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without a gap."""
    at: Mapped[datetime]
    first_event_id: Mapped[int] = mapped_column(unique=True)
    """The number after the last one of the seal before; such an event need not exist (rolled back transactions leave gaps)."""
    last_event_id: Mapped[int] = mapped_column(unique=True)
    event_count: Mapped[int]
    batch_hash: Mapped[str]
    """SHA-256 over `id hash\\n` of each event in the order of ids."""
    previous_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


class AuditDay(Base):
    """The root of one day (日根): one hash that stands for every event sealed until the end of that day. Printed and filed."""

    __tablename__ = "audit_day"
    __table_args__ = (CheckConstraint("first_seal <= last_seal", name="range"),)

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    first_seal: Mapped[int] = mapped_column(unique=True)
    last_seal: Mapped[int] = mapped_column(unique=True)
    event_count: Mapped[int]
    previous_root: Mapped[str]
    root: Mapped[str] = mapped_column(unique=True)
    """SHA-256 over the root of the day before, the day and the hash of its last seal."""
    made_at: Mapped[datetime]
