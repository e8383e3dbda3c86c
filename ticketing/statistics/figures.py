# ruff: noqa: S608 - statements are put together from constants; what people choose is a parameter
"""Computing figures: one statement for each source, however many indicators are built on it.

Cards, tables, charts, briefs, published figures and drill-downs all come through `compute` and `fact`, so they agree (lesson 19).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import Unavailable
from hotline.i18n import _, texts
from ticketing.context import Core
from ticketing.statistics import days
from ticketing.statistics.days import ZONE, Kept
from ticketing.statistics.indicator import Indicator
from ticketing.statistics.period import Period
from ticketing.statistics.scope import Scope
from ticketing.statistics.sources import Source

SECRET = "secret"  # noqa: S105
"""Where secret tickets are shown when figures are split: nowhere, in one row of their own."""


_TOO_LONG = "57014"
"""query_canceled: the statement's time was over."""
LONG = 62
"""Days. A longer period touches so much of the tables that reading them whole is cheaper."""


class Cut(StrEnum):
    """By what figures are split."""

    LINE = "line"
    UNIT = "unit"
    GROUP = "group"
    """first level of the category"""
    CATEGORY = "category"
    DISTRICT = "district"
    CHANNEL = "channel"
    DAY = "day"
    MONTH = "month"


CUT_WORDS = texts({
    Cut.LINE: "线路", Cut.UNIT: "单位", Cut.GROUP: "大类", Cut.CATEGORY: "类别", Cut.DISTRICT: "区县", Cut.CHANNEL: "渠道",
    Cut.DAY: "日期", Cut.MONTH: "月份",
})  # fmt: skip
_NAMED_BY_UNIT = "coalesce(unit_id::text, '')"
_COLUMNS = {
    Cut.LINE: "coalesce(line, '')",
    Cut.UNIT: f"CASE WHEN secret THEN '{SECRET}' ELSE {_NAMED_BY_UNIT} END",
    Cut.GROUP: f"CASE WHEN secret THEN '{SECRET}' ELSE coalesce(left(category_code, 2), '') END",
    Cut.CATEGORY: f"CASE WHEN secret THEN '{SECRET}' ELSE coalesce(category_code, '') END",
    Cut.DISTRICT: f"CASE WHEN secret THEN '{SECRET}' ELSE coalesce(district, '') END",
    Cut.CHANNEL: "coalesce(channel, '')",
    Cut.DAY: f"to_char(timezone('{ZONE}', at), 'YYYY-MM-DD')",
    Cut.MONTH: f"to_char(timezone('{ZONE}', at), 'YYYY-MM')",
}


_CUT_NAMES = {
    Cut.LINE: ("line",), Cut.UNIT: ("unit_id",), Cut.GROUP: ("category_code",), Cut.CATEGORY: ("category_code",),
    Cut.DISTRICT: ("district",), Cut.CHANNEL: ("channel",), Cut.DAY: (), Cut.MONTH: (),
}  # fmt: skip
"""The columns that a cut reads, besides `secret` and the time."""
_COVERED = text("SELECT source, count(*) AS days FROM figure_day WHERE day >= :first AND day < :end GROUP BY source")


@dataclass(frozen=True)
class Filter:
    """What is counted out of everything in the scope. Empty: all of it."""

    line: str = ""
    unit_id: int | None = None
    category: str = ""
    """two digits: a first-level group; four: a category"""
    district: str = ""
    channel: str = ""

    @property
    def narrow(self) -> bool:
        """Whether it picks something that would tell about a secret ticket."""
        return bool(self.unit_id is not None or self.category or self.district)


EVERYTHING = Filter()


@dataclass(frozen=True)
class Figure:
    """One number with what it was made of."""

    indicator: Indicator
    numerator: float | None
    denominator: float
    excluded: int = 0
    """Reviewed tickets that the rate leaves out (published with it)."""

    @property
    def value(self) -> float | None:
        """In the unit of the indicator; None when there is nothing to divide by."""
        return self.indicator.quotient(self.numerator, self.denominator)


@dataclass(frozen=True)
class Line:
    """One row of a table: the place, and a figure for each indicator by key."""

    at: tuple[str, ...]
    figures: dict[str, Figure] = field(default_factory=dict)


async def compute(
    core: Core,
    session: AsyncSession,
    scope: Scope,
    period: Period,
    indicators: Sequence[Indicator],
    *,
    by: Sequence[Cut] = (),
    only: Filter = EVERYTHING,
) -> list[Line]:
    """The figures of a period, one row for each combination of `by` (one row in all without it), sorted by it.

    Raises NotAllowed when an indicator is not in the scope.
    """
    lines: dict[tuple[str, ...], Line] = {}
    if not by:
        lines[()] = Line(())
    for indicator in indicators:
        scope.check(indicator)
    await read_by_index(session, period)
    kept = await _kept_sources(core, session, scope, period)
    ordered = sorted(indicators, key=lambda one: one.source.key)
    for key, group in groupby(ordered, key=lambda one: one.source.key):
        wanted = list(group)
        statement = _of_days(kept[key], wanted, scope, by, only) if key in kept else None
        if statement is None:
            statement = _statement(wanted, scope, by, only)
        if statement is None:
            continue
        for row in await _execute(session, statement, _values(core, scope, period, only)):
            place = tuple(str(value) for value in row[: len(by)])
            _add(lines.setdefault(place, Line(place)), wanted, row[len(by) :])
    nothing = {indicator.key: Figure(indicator, 0.0, 0.0) for indicator in indicators}
    for line in lines.values():
        for key, figure in nothing.items():
            line.figures.setdefault(key, figure)
    return [lines[place] for place in sorted(lines)]


def _add(line: Line, wanted: Sequence[Indicator], sums: Sequence[Any]) -> None:
    """A place has one row of the days that are kept and one of the others."""
    for number, indicator in enumerate(wanted):
        above, below, excluded = sums[3 * number : 3 * number + 3]
        before = line.figures.get(indicator.key)
        if before is not None:
            above, below, excluded = float(above) + (before.numerator or 0.0), float(below) + before.denominator, excluded + before.excluded
        line.figures[indicator.key] = Figure(indicator, None if above is None else float(above), float(below), int(excluded))


async def _kept_sources(core: Core, session: AsyncSession, scope: Scope, period: Period) -> dict[str, Kept]:
    """The sources of whose days in the period at least half are kept: with fewer the rows are read in one go.

    A person's own figures are few rows, and in no cell. Asked once for each period of a transaction: this chooses the quicker way
    only, which days are kept is looked up by each statement itself.
    """
    if scope.person_id is not None:
        return {}
    end = min(period.last + timedelta(days=1), to_city(core.clock.now()).date())  # today is never kept
    known: dict[str, Kept] | None = session.info.get((_COVERED, period))
    if known is None:
        rows = await session.execute(_COVERED, {"first": period.first, "end": end})
        enough = {row.source for row in rows if 2 * row.days >= (end - period.first).days}
        known = session.info[_COVERED, period] = {key: kept for key, kept in days.kept_sources().items() if key in enough}
    return known


def _of_days(kept: Kept, wanted: list[Indicator], scope: Scope, by: Sequence[Cut], only: Filter) -> TextClause | None:
    """The statement over kept days; None when their cells cannot be split or filtered like this."""
    names = {name for cut in by for name in _CUT_NAMES[cut]}
    names |= {name for name, value in (("category_code", only.category), ("district", only.district), ("channel", only.channel)) if value}
    if scope.unit_id is not None or only.unit_id is not None:
        names.add("unit_id")
    family = days.family_of(names)
    if family is None:
        return None
    return text(kept.statement(wanted, [_COLUMNS[cut] for cut in by], family, conditions(scope, only)))


async def _execute(session: AsyncSession, statement: TextClause, values: dict[str, Any]) -> Sequence[Any]:
    """The rows. Raises Unavailable when the statement took longer than the database allows."""
    try:
        return (await session.execute(statement, values)).all()
    except DBAPIError as error:
        if str(getattr(error.orig, "sqlstate", "")) == _TOO_LONG:
            raise Unavailable(_("要统计的内容太多，没有算完。请缩短时段或减少分列，也可以看已发布的简报")) from error
        raise


async def read_by_index(session: AsyncSession, period: Period) -> None:
    """Tell the planner, for this transaction, what a random page costs: hardly more than the next one, as on any disk of today.

    With PostgreSQL's default of 4 it reads a million assignments from end to end to join the twenty thousand of a month. For long
    periods that is right, and the default stays.
    """
    cost = "1.1" if period.days <= LONG else "4"
    if session.info.get(read_by_index) == cost:
        return
    session.info[read_by_index] = cost
    await session.execute(text("SELECT set_config('random_page_cost', :cost, true), set_config('jit', 'off', true)"), {"cost": cost})


async def total(
    core: Core, session: AsyncSession, scope: Scope, period: Period, indicators: Sequence[Indicator], *, only: Filter = EVERYTHING
) -> dict[str, Figure]:
    """The figures of a period, not split."""
    return (await compute(core, session, scope, period, indicators, only=only))[0].figures


def added(lines: Sequence[Line], indicators: Sequence[Indicator]) -> dict[str, Figure]:
    """The figures of all lines together; the same as `total` where the lines are a split of it that leaves nothing out (by time)."""
    found = {}
    for indicator in indicators:
        parts = [line.figures[indicator.key] for line in lines]
        above = [part.numerator for part in parts if part.numerator is not None]
        below, excluded = sum(part.denominator for part in parts), sum(part.excluded for part in parts)
        found[indicator.key] = Figure(indicator, float(sum(above)) if above or not parts else None, float(below), excluded)
    return found


def _statement(wanted: list[Indicator], scope: Scope, by: Sequence[Cut], only: Filter) -> TextClause | None:
    source = wanted[0].source
    if not _fits(source, by, only):
        return None
    sums = [f"{one.numerator_sql}, {one.denominator_sql}, {one.excluded_sql}" for one in wanted]
    columns = [_COLUMNS[cut] for cut in by]
    grouped = f" GROUP BY {', '.join(str(number) for number in range(1, len(by) + 1))}" if by else ""
    return text(f"SELECT {', '.join([*columns, *sums])} FROM {fact(source, scope, only)}{grouped}")


def _fits(source: Source, by: Sequence[Cut], only: Filter) -> bool:
    """Calls have no category: splitting or filtering them by one would show a wrong zero."""
    if not source.by_unit and (Cut.UNIT in by or only.unit_id is not None):
        return False
    ticketed = {Cut.GROUP, Cut.CATEGORY, Cut.DISTRICT}
    return source.by_ticket or not (ticketed & set(by) or only.category or only.district)


def fact(source: Source, scope: Scope, only: Filter) -> str:
    """The rows of a source that lie in the period (:start, :end), the scope and the filter, as a FROM item."""
    wanted = ["at >= :start", "at < :end", *conditions(scope, only)]
    return f"(SELECT * FROM ({source.sql}) AS all_rows WHERE {' AND '.join(wanted)}) AS {source.key}"


def conditions(scope: Scope, only: Filter) -> list[str]:
    """The scope and the filter, on the columns that every source has."""
    found = []
    if scope.line is not None:
        found.append("line = :scope_line")
    if scope.unit_id is not None:
        found += ["unit_id = :scope_unit", "NOT secret"]
    if scope.person_id is not None:
        found.append("person_id = :scope_person")
    if only.line:
        found.append("line = :line")
    if only.unit_id is not None:
        found.append("unit_id = :unit")
    if only.category:
        found.append("category_code = :category" if len(only.category) == 4 else "left(category_code, 2) = :category")
    if only.district:
        found.append("district = :district")
    if only.channel:
        found.append("channel = :channel")
    if only.narrow:
        found.append("NOT secret")
    return found


def _values(core: Core, scope: Scope, period: Period, only: Filter) -> dict[str, Any]:
    return {
        "now": core.clock.now(), "start": period.start, "end": period.end,
        "first": period.first, "last": period.last, "today": to_city(core.clock.now()).date(),
        "scope_line": scope.line, "scope_unit": scope.unit_id, "scope_person": scope.person_id,
        "line": only.line, "unit": only.unit_id, "category": only.category, "district": only.district, "channel": only.channel,
    }  # fmt: skip


values_of = _values


def narrowed(only: Filter, cut: Cut, value: str) -> Filter | None:
    """The filter for one row of a table split by `cut`; None when the row cannot be opened (secret, or by time)."""
    if value == SECRET or value == "":
        return None
    match cut:
        case Cut.LINE:
            return replace(only, line=value)
        case Cut.UNIT:
            return replace(only, unit_id=int(value))
        case Cut.GROUP | Cut.CATEGORY:
            return replace(only, category=value)
        case Cut.DISTRICT:
            return replace(only, district=value)
        case Cut.CHANNEL:
            return replace(only, channel=value)
        case _:
            return None
