"""An indicator: one documented formula over one source. Pages, files, briefs, scores and the documentation all read this object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hotline.i18n import texts
from ticketing.statistics.sources import Source


class Measure(StrEnum):
    """What the quotient means."""

    RATE = "rate"
    """numerator / denominator, in percent"""
    PER_THOUSAND = "per_thousand"
    MEAN = "mean"
    """sum of `value` over the rows of the denominator / their number"""
    P95 = "p95"
    """95th percentile of `value` over the rows of the denominator"""
    COUNT = "count"
    """rows of the numerator"""


class Group(StrEnum):
    """What an indicator is about; roles are given whole groups (domain.md 4b)."""

    DEMAND = "demand"
    REFUSAL = "refusal"
    DISPATCH = "dispatch"
    HANDLING = "handling"
    SUPERVISION = "supervision"
    CALLBACK = "callback"
    CALLS = "calls"
    QUALITY = "quality"
    BOT = "bot"


GROUP_WORDS = texts(
    {
        Group.DEMAND: "诉求",
        Group.REFUSAL: "不予受理",
        Group.DISPATCH: "派单与签收",
        Group.HANDLING: "办理",
        Group.SUPERVISION: "督办",
        Group.CALLBACK: "回访与评价",
        Group.CALLS: "来电",
        Group.QUALITY: "质检",
        Group.BOT: "智能助手",
    }
)


@dataclass(frozen=True)
class Indicator:
    """One formula of domain.md 4d.

    Attributes:
        numerator: condition on the measures of the source; only rows of the denominator are asked.
        denominator: condition on the measures of the source.
        value: number per row that is summed (MEAN, P95, or a RATE that counts more than one per row).
        numerator_words, denominator_words, exclusions: the same in words, as they are published.
        target: the value it should reach, in the unit of the indicator; None when there is none.
        higher_is_better: how a change is judged; None when it is neither.
        without_excluded: whether reviewed tickets are left out and their number is published beside it.
    """

    key: str
    name: str
    group: Group
    source: Source
    measure: Measure
    numerator: str
    denominator: str
    numerator_words: str
    denominator_words: str
    exclusions: str = ""
    value: str | None = None
    unit: str = "%"
    target: float | None = None
    higher_is_better: bool | None = True
    without_excluded: bool = False

    @property
    def counted(self) -> str:
        """The condition of the denominator, with the reviewed exclusions taken out."""
        return f"({self.denominator}) AND NOT excluded" if self.without_excluded else self.denominator

    @property
    def numerator_sql(self) -> str:
        """The aggregate above the line."""
        rows = f"({self.counted}) AND ({self.numerator})"
        if self.measure is Measure.P95:
            return f"percentile_cont(0.95) WITHIN GROUP (ORDER BY {self.value}) FILTER (WHERE {rows})"
        return f"coalesce(sum({self.value}) FILTER (WHERE {rows}), 0)" if self.value else f"count(*) FILTER (WHERE {rows})"

    @property
    def denominator_sql(self) -> str:
        """The aggregate below the line."""
        return f"count(*) FILTER (WHERE {self.counted})"

    @property
    def excluded_sql(self) -> str:
        """How many rows the review left out."""
        return f"count(*) FILTER (WHERE ({self.denominator}) AND excluded)" if self.without_excluded else "0"

    @property
    def sql(self) -> str:
        """The whole formula as one statement, for the documentation and for anybody who wants to check it by hand."""
        return (
            f"SELECT {self.numerator_sql} AS numerator, {self.denominator_sql} AS denominator\n"
            f"FROM ({self.source.sql}) AS {self.source.key}\nWHERE at >= :start AND at < :end"
        )

    def quotient(self, numerator: float | None, denominator: float) -> float | None:
        """The figure as it is shown, in `unit`; None when there is nothing to divide by."""
        if self.measure is Measure.COUNT:
            return float(numerator or 0)
        if not denominator or numerator is None:
            return None
        if self.measure is Measure.P95:
            return float(numerator)
        factor = {Measure.RATE: 100.0, Measure.PER_THOUSAND: 1000.0}.get(self.measure, 1.0)
        return factor * float(numerator) / float(denominator)


@dataclass(frozen=True)
class BenchmarkFigure:
    """A figure of 4d that live data cannot give: it needs a sample that people have labelled."""

    key: str
    name: str
    formula: str
    where: str
    """Where it is measured."""
