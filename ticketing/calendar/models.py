"""The city's calendar of working days."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class CalendarDay(Base):
    """One day of the official calendar. Days that are not in the table fall back to weekends, flagged provisional."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    is_work: Mapped[bool]
    name: Mapped[str] = mapped_column(default="")
    """Name of the holiday, or 调休上班."""
