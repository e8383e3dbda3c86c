# ruff: noqa: S608 - statements are put together from constants; what people choose is a parameter
"""Reading figures of days that are kept: the statement that adds kept days and rows of the others, of one moment.

`figures.compute` asks `Kept.statement`; what it gives is the same as from the rows alone (tests/ticketing/statistics/test_days.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from ticketing.statistics.indicator import Indicator, Measure
from ticketing.statistics.indicators import INDICATORS
from ticketing.statistics.sources import SOURCES, Source

ZONE = "Asia/Shanghai"
"""The report zone by its name: PostgreSQL knows the rules of the zone, an offset would not (lesson 19)."""
FAMILIES = {
    "unit": ("line", "unit_id", "category_code", "secret"),
    "place": ("line", "district", "channel", "secret"),
}
"""By what the cells of a family can be split and filtered."""
_NONE = "0"


@dataclass(frozen=True)
class Kept:
    """What is kept of a source: for each day and place these sums."""

    source: Source
    sums: tuple[str, ...]
    """Aggregates over the rows of the source, each once however many indicators use it."""

    @property
    def formula(self) -> str:
        """Changes when anything is counted otherwise."""
        return sha256("\n".join((self.source.sql, *self.sums, *map(str, FAMILIES.items()))).encode()).hexdigest()[:16]

    def statement(self, wanted: Sequence[Indicator], columns: Sequence[str], family: str, conditions: Sequence[str]) -> str:
        """Lines of the period: place, then numerator, denominator and excluded of each indicator; a place may come twice.

        Days that are kept come from their cells, stretches of others from the rows. One statement sees one moment, so a change
        is either noted and counted from its row, or not yet to be seen at all.
        OFFSET 0 keeps the planner from joining whole tables before it looks which stretches are missing.
        """
        parts = [part for one in wanted for part in parts_of(one)]
        kept = [_NONE if part == _NONE else f"coalesce(sum(sums[{self.sums.index(part) + 1}]), 0)" for part in parts]
        where = " AND ".join(("TRUE", *conditions))
        grouped = f" GROUP BY {', '.join(str(number) for number in range(1, len(columns) + 1))}" if columns else ""
        return f"""WITH kept AS MATERIALIZED (
            SELECT d.day FROM figure_day d
            WHERE d.source = '{self.source.key}' AND d.formula = '{self.formula}'
                AND d.day BETWEEN CAST(:first AS date) AND CAST(:last AS date) AND d.day < CAST(:today AS date)
                AND NOT EXISTS (SELECT FROM figure_change c WHERE c.moment = '{self.source.moment}' AND c.day = d.day)),
        missing AS MATERIALIZED (
            SELECT {_midnight("min(day)")} AS starts, {_midnight("max(day) + 1")} AS ends
            FROM (SELECT day, day - (row_number() OVER (ORDER BY day))::int AS stretch FROM (
                SELECT day::date FROM generate_series(CAST(:first AS date)::timestamp, CAST(:last AS date)::timestamp,
                    interval '1 day') AS day
                EXCEPT SELECT day FROM kept) AS days) AS placed
            GROUP BY stretch)
        SELECT {", ".join([*columns, *kept])}
        FROM (SELECT c.*, {_midnight("c.day")} AS at FROM figure_cell c JOIN kept ON kept.day = c.day
            WHERE c.source = '{self.source.key}' AND c.family = '{family}'
                AND c.day BETWEEN CAST(:first AS date) AND CAST(:last AS date)) AS cells
        WHERE {where}{grouped}
        UNION ALL
        SELECT {", ".join([*columns, *parts])}
        FROM missing CROSS JOIN LATERAL (
            SELECT * FROM ({self.source.sql}) AS all_rows
            WHERE at >= missing.starts AND at < missing.ends AND {where} OFFSET 0) AS {self.source.key}
        {grouped}"""

    def fill_statement(self) -> str:
        """Keeps the days of :start to :end but those of `:open`."""
        families = ", ".join(f"(1, {', '.join(names)})" for names in FAMILIES.values())
        return f"""INSERT INTO figure_cell (source, day, family, line, unit_id, category_code, district, channel, secret, sums)
            SELECT '{self.source.key}', (timezone('{ZONE}', at))::date,
                CASE WHEN grouping(unit_id) = 0 THEN 'unit' ELSE 'place' END, line, unit_id, category_code, district, channel, secret,
                ARRAY[{", ".join(self.sums)}]::float8[]
            FROM (SELECT * FROM ({self.source.sql}) AS all_rows WHERE at >= :start AND at < :end
                AND (timezone('{ZONE}', at))::date <> ALL (CAST(:open AS date[]))) AS {self.source.key}
            GROUP BY GROUPING SETS ({families.replace("(1,", f"((timezone('{ZONE}', at))::date,")})"""


def _midnight(day: str) -> str:
    return f"timezone('{ZONE}', ({day})::timestamp)"


def parts_of(indicator: Indicator) -> tuple[str, str, str]:
    """The aggregates that a figure is made of."""
    return indicator.numerator_sql, indicator.denominator_sql, indicator.excluded_sql


def family_of(names: set[str]) -> str | None:
    """The cells that can be split and filtered by these columns; None: only rows can."""
    return next((family for family, columns in FAMILIES.items() if names <= {*columns, "day"}), None)


@lru_cache(maxsize=1)
def kept_sources() -> dict[str, Kept]:
    """Every source whose days are kept, by its key. A 95th percentile cannot be added, its source is left out as a whole."""
    found = {}
    for source in SOURCES:
        built = [one for one in INDICATORS if one.source is source]
        if source.moment and all(one.measure is not Measure.P95 for one in built):
            sums = dict.fromkeys(part for one in built for part in parts_of(one) if part != _NONE)
            found[source.key] = Kept(source, tuple(sums))
    return found
