"""Figures for citizens: taken from the issued monthly brief, with small cells covered.

Nothing is computed when the page is asked for: what is published is what was issued, and a crowd at the door costs the database nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.i18n import _
from ticketing.statistics.figures import SECRET
from ticketing.statistics.indicator import Indicator, Measure
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.models import Brief
from ticketing.statistics.period import PeriodKind

SMALLEST = 5
"""Cells with fewer tickets are covered: whoever knows the place might know the person."""
RATES = ("answered", "direct", "responded", "closed", "on_time", "on_time_original", "feedback", "solved", "satisfied", "very_satisfied")
MONTHS = 24


@dataclass(frozen=True)
class Cell:
    """A number of a published table; None: covered."""

    name: str
    count: int | None


@dataclass(frozen=True)
class Rate:
    """A published rate; the value is None when too few cases stand behind it."""

    indicator: Indicator
    value: float | None
    denominator: int | None
    excluded: int


@dataclass(frozen=True)
class Published:
    """What citizens see of one month."""

    first: date
    version: int
    issued_at: Any
    received: int
    accepted: int
    rates: tuple[Rate, ...]
    groups: tuple[Cell, ...]
    districts: tuple[Cell, ...]
    channels: tuple[Cell, ...]


def cover(rows: Sequence[tuple[str, int]]) -> tuple[Cell, ...]:
    """Cover cells of one to four. If that covers only one, the next smallest is covered too: the total would give it away."""
    covered = {name for name, count in rows if 0 < count < SMALLEST}
    if len(covered) == 1:
        others = sorted((count, name) for name, count in rows if name not in covered and count > 0)
        covered |= {name for _count, name in others[:1]}
    return tuple(Cell(name, None if name in covered else count) for name, count in rows)


def publish(brief: Brief) -> Published:
    """The public part of a monthly brief."""
    content, figures = brief.content, brief.content["figures"]
    return Published(
        brief.first, brief.version, brief.issued_at, int(figures["received"]["denominator"]), int(figures["accepted"]["denominator"]),
        tuple(_rate(BY_KEY[key], figures[key]) for key in RATES if key in figures),
        cover(_named(content["groups"])), cover(_named(content["districts"])), cover(_named(content["channels"])),
    )  # fmt: skip


def _rate(indicator: Indicator, figure: dict[str, Any]) -> Rate:
    enough = figure["denominator"] >= SMALLEST and indicator.measure is not Measure.P95
    denominator = int(figure["denominator"]) if enough else None
    return Rate(indicator, figure["value"] if enough else None, denominator, int(figure["excluded"]))


def _named(rows: Sequence[Sequence[Any]]) -> list[tuple[str, int]]:
    """Rows by number, most first; secret tickets and those without a place are one row «其他»."""
    found: dict[str, int] = {}
    for row in rows:
        name = _("其他") if row[0] in ("", SECRET) else str(row[0])
        found[name] = found.get(name, 0) + int(row[1] or 0)
    other = found.pop(_("其他"), None)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [*ordered, *([(_("其他"), other)] if other else [])]


async def published_months(session: AsyncSession) -> list[date]:
    """Months with an issued brief for the whole city, newest first."""
    statement = select(Brief.first).where(Brief.kind == PeriodKind.MONTH.value, Brief.line == "").distinct()
    return list(await session.scalars(statement.order_by(Brief.first.desc()).limit(MONTHS)))


async def published_month(session: AsyncSession, first: date) -> Published | None:
    """The newest version of a month's figures; None when it is not published."""
    statement = select(Brief).where(Brief.kind == PeriodKind.MONTH.value, Brief.line == "", Brief.first == first)
    brief = (await session.scalars(statement.order_by(Brief.version.desc()).limit(1))).first()
    return publish(brief) if brief else None
