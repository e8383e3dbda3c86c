"""Writes docs/indicators.md from the indicator objects. `script/indicators` calls it, a test compares."""

from __future__ import annotations

from pathlib import Path

from ticketing.statistics.indicator import GROUP_WORDS, Group, Indicator, Measure
from ticketing.statistics.indicators import BENCHMARKS, INDICATORS
from ticketing.statistics.sources import SOURCES

FILE = Path(__file__).resolve().parents[2] / "docs" / "indicators.md"
_HEAD = """# Indicators

Written by `script/indicators` from `ticketing/statistics/indicators.py` and `sources.py`; a test compares. How they are computed, who sees
them and how fast they are: [statistics.md](statistics.md).

A figure of a period counts the rows of its population whose moment lies in the period (city days of Asia/Shanghai, first moment in, last
moment out). Secret tickets are counted in totals and shown in no split by unit, category or district. `:now` is the moment of asking: what
is not due yet is not counted.
"""
_MEASURES = {
    Measure.RATE: "numerator / denominator, percent",
    Measure.PER_THOUSAND: "numerator / denominator, per thousand",
    Measure.MEAN: "mean",
    Measure.P95: "95th percentile",
    Measure.COUNT: "count",
}


def document() -> str:
    """The whole page."""
    parts = [_HEAD]
    for group in Group:
        parts.append(f"\n## {GROUP_WORDS[group]} ({group.value})\n\n| key | 指标 | 分子 | 分母 | 不算 | kind | target | better |\n")
        parts.append("|---|---|---|---|---|---|---|---|\n")
        parts += [_row(one) for one in INDICATORS if one.group is group]
    parts.append("\n## Not from live data\n\nThese need a sample that people have labelled; pages show them as benchmark figures.\n\n")
    parts.append("| key | 指标 | 公式 | 哪里测 |\n|---|---|---|---|\n")
    parts += [f"| {one.key} | {one.name} | {one.formula} | {one.where} |\n" for one in BENCHMARKS]
    parts.append("\n## Populations\n\n| source | one row is | 总体 |\n|---|---|---|\n")
    parts += [f"| {source.key} | {source.item} | {source.population} |\n" for source in SOURCES]
    parts.append("\n## Statements\n\nEach figure is exactly this statement, with the filters of the page added inside.\n")
    parts += [f"\n### {one.key} {one.name}\n\n```sql\n{one.sql}\n```\n" for one in INDICATORS]
    return "".join(parts)


def _row(one: Indicator) -> str:
    better = {True: "higher", False: "lower", None: ""}[one.higher_is_better]
    target = "" if one.target is None else f"≥ {one.target:g}{one.unit}"
    cells = (one.key, one.name, one.numerator_words, one.denominator_words, one.exclusions, _MEASURES[one.measure], target, better)
    return f"| {' | '.join(cells)} |\n"


def write() -> Path:
    """Write the page and say where it is."""
    FILE.write_text(document(), encoding="utf-8")
    return FILE
