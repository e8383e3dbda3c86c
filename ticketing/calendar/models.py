"""The city's calendar of working days, and the versions by which each process knows that its copy is old."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class CalendarDay(Base):
    """One day of the official calendar. Days that are not in the table fall back to weekends, flagged provisional."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    is_work: Mapped[bool]
    name: Mapped[str] = mapped_column(default="")
    """Name of the holiday, or 调休上班."""
    source: Mapped[str] = mapped_column(default="package", server_default="package")
    """package, file or hand: where the day came from; a newer package never overwrites the other two unasked."""


class Rules(Base):
    """One row: the office hours, and the versions of calendar and policies that are in force.

    Every change of either counts its version up in the same transaction. A process keeps what it read and looks only at
    this row; a clock remembers the calendar version by which it was computed.
    """

    __tablename__ = "rules"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("calendar_version >= 1 AND policies_version >= 1", name="versions"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    calendar_version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    policies_version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    periods: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Office hours as pairs of minutes of the day, [[540, 720], [810, 1050]]; empty: the usual ones."""
    changed_at: Mapped[datetime | None]


class CalendarChange(Base):
    """One change of the calendar and the job of recomputing the clocks that follows it."""

    __tablename__ = "calendar_change"
    __table_args__ = (
        CheckConstraint("source IN ('file', 'package', 'hand', 'hours')", name="source"),
        CheckConstraint("clocks_moved >= 0 AND clocks_moved <= clocks_computed", name="counts"),
    )

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The calendar version that it made."""
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    source: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    days_added: Mapped[int]
    days_changed: Mapped[int]
    clocks_computed: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    clocks_moved: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Of these, how many ended up with another due time."""
    finished_at: Mapped[datetime | None]
    """When no open clock of an older calendar was left."""
