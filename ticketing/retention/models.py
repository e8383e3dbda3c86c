"""Policies of keeping and legal holds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class Ending(StrEnum):
    """What happens to data whose time is over."""

    ARCHIVE = "archive"
    """T28: the ticket is put away, nothing is changed in it."""
    ANONYMISE = "anonymise"
    """No person can be found in it any more; category, place in the city and dates stay for statistics."""
    ERASE = "erase"
    """Gone, from disk and store as well."""


class RetentionPolicy(Base):
    """How long one kind of data is kept."""

    __tablename__ = "retention_policy"
    __table_args__ = (
        CheckConstraint("keep_days >= 0", name="keep_days"),
        CheckConstraint(f"ending IN ({sql_values(Ending)})", name="ending"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    """A rule of `ticketing.retention.rules`."""
    keep_days: Mapped[int]
    ending: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    changed_at: Mapped[datetime]


class LegalHold(Base):
    """A ticket that must be kept as it is (诉讼、复议、审计): no retention rule and no erasure touches it."""

    __tablename__ = "legal_hold"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="RESTRICT"), primary_key=True)
    reason: Mapped[str]
    held_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    held_at: Mapped[datetime]


class Erasure(Base):
    """A person whose data was asked to be erased: one asks, another confirms."""

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("char_length(reason) >= 4", name="reason"),
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by_id IS NULL)", name="confirmed_whole"),
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> asked_by_id", name="two_people"),
        CheckConstraint("(citizen_id IS NULL) <> (ticket_id IS NULL)", name="of_one"),
        Index(
            "uq_erasure_open_citizen", "citizen_id", unique=True, postgresql_where=text("confirmed_at IS NULL AND citizen_id IS NOT NULL")
        ),
        Index("uq_erasure_open_ticket", "ticket_id", unique=True, postgresql_where=text("confirmed_at IS NULL AND ticket_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    citizen_id: Mapped[int | None] = mapped_column(ForeignKey("citizen.id"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    """For an anonymous ticket: there is no citizen, only this one ticket."""
    reason: Mapped[str]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    confirmed_at: Mapped[datetime | None]
