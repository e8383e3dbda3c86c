"""Figures of days that are over, kept so that a month and a year are read in milliseconds (docs/decisions/0211).

A kept day of a source stands in `figure_day`, its sums in `figure_cell`. Whatever a later change touches stands in
`figure_change`, written by triggers (`day_triggers`): such a day is counted from the rows again until the sweep
(`day_fill`) has kept it anew. So a figure is the same whether days are kept or not.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, Date, Float, Index
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class FigureDay(Base):
    """One day of one source that is kept; a day without any row is kept too."""

    __tablename__ = "figure_day"

    source: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    formula: Mapped[str]
    """Of which formulas the sums are (`days.Kept.formula`): another release that counts otherwise does not read them."""


class FigureCell(Base):
    """Sums of the rows of a source of one day at one place."""

    __tablename__ = "figure_cell"
    __table_args__ = (
        CheckConstraint("family IN ('unit', 'place')", name="family"),
        Index("ix_figure_cell_source", "source", "family", "day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    family: Mapped[str]
    """`unit`: by unit and category; `place`: by district and channel. By all four there are nearly as many cells as tickets."""
    day: Mapped[date] = mapped_column(Date)
    line: Mapped[str | None]
    unit_id: Mapped[int | None] = mapped_column(BigInteger)
    category_code: Mapped[str | None]
    district: Mapped[str | None]
    channel: Mapped[str | None]
    secret: Mapped[bool]
    sums: Mapped[list[float]] = mapped_column(ARRAY(Float))
    """In the order of `days.Kept.sums`."""


class FigureChange(Base):
    """Something changed that is counted on this day by sources of this moment."""

    __tablename__ = "figure_change"
    __table_args__ = (Index("ix_figure_change_moment", "moment", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    moment: Mapped[str]
    """`sources.Source.moment`."""
    day: Mapped[date] = mapped_column(Date)
