"""Figures and briefs as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hotline.i18n import _
from ticketing.statistics.figures import CUT_WORDS, Cut, Figure
from ticketing.statistics.figures import Line as FigureLine
from ticketing.statistics.indicator import Indicator, Measure
from ticketing.statistics.indicators import BY_KEY, INDICATORS
from ticketing.tables.table import Cell, Column, Row, Table, in_one_piece

Namer = Callable[[Cut, str], str]


def figures_table(
    name: str, lines: Sequence[FigureLine], indicators: Sequence[Indicator], cuts: Sequence[Cut], named: Namer, stamp: str
) -> Table:
    """One row for each place; for each indicator its value, and what it was made of."""
    columns = [Column(cut.value, CUT_WORDS[cut], 20) for cut in cuts]
    for one in indicators:
        columns.append(Column(one.key, one.name if one.measure is Measure.COUNT else f"{one.name}（{one.unit}）", 14))
        if one.measure is not Measure.COUNT:
            columns += [Column(f"{one.key}_numerator", f"{one.name} 分子"), Column(f"{one.key}_denominator", f"{one.name} 分母")]
    rows = [[*(named(cut, value) for cut, value in zip(cuts, line.at, strict=True)), *_cells(line, indicators)] for line in lines]
    return Table(name, tuple(columns), in_one_piece(rows), stamp)


def _cells(line: FigureLine, indicators: Sequence[Indicator]) -> list[Cell]:
    cells: list[Cell] = []
    for one in indicators:
        figure = line.figures[one.key]
        cells.append(_rounded(figure))
        if one.measure is not Measure.COUNT:
            cells += [figure.numerator, figure.denominator]
    return cells


def _rounded(figure: Figure) -> float | None:
    return None if figure.value is None else round(figure.value, 2)


def brief_tables(content: dict[str, Any], stamp: str) -> list[Table]:
    """The sheets of a brief; every number is the one that was issued."""
    figures, before = content["figures"], content["before"]
    rows: list[Row] = [
        [one.name, _value(figures, one.key), one.unit, figures[one.key]["numerator"], figures[one.key]["denominator"],
         figures[one.key]["excluded"], _value(before, one.key), one.numerator_words, one.denominator_words]
        for one in INDICATORS if one.key in figures
    ]  # fmt: skip
    sheets = [_sheet(_("指标"), ("指标", "数值", "单位", "分子", "分母", "不计入", "上期", "分子是什么", "分母是什么"), rows)]
    topics = [[each["code"], each["name"], each["count"], each["mean"], each["deviations"]] for each in content["topics"]]
    sheets.append(_sheet(_("热点类别"), ("代码", "类别", "件数", "前四期平均", "超出偶然的倍数"), topics))
    rises = [[each["code"], each["name"], each["count"], each["mean"], each["deviations"]] for each in content["rises"]]
    sheets.append(_sheet(_("突增"), ("代码", "类别", "件数", "前四期平均", "超出偶然的倍数"), rises))
    sheets.append(_sheet(_("热词"), ("词", "件数"), content["words"]))
    sheets.append(_sheet(_("地点"), ("区县", "地点", "件数"), content["places"]))
    sheets.append(_sheet(_("单位评分"), _UNIT_HEADS, [_unit_row(unit) for unit in content["units"]]))
    split = ("诉求量", "按时办结率（%）", "响应率（%）", "解决率（%）", "满意率（%）")
    sheets.append(_sheet(_("区县"), ("区县", *split), [_split(row) for row in content["districts"]]))
    sheets.append(_sheet(_("渠道"), ("渠道", *split), [_split(row) for row in content["channels"]]))
    if content["days"]:
        sheets.append(_sheet(_("走势"), ("日期", "诉求量"), content["days"]))
    overdue = [[each["number"], each["unit"], each["due_at"][:16].replace("T", " "), each["stage"]] for each in content["overdue"]]
    last = _sheet(_("超时未办"), ("编号", "单位", "期限（UTC）", "等级"), overdue)
    sheets.append(Table(last.name, last.columns, last.pieces, stamp))
    return sheets


_UNIT_HEADS = (
    "名次",
    "单位",
    "得分",
    "等次",
    "派单",
    "签收及时率",
    "先行联系率",
    "按时办结率",
    "解决率",
    "满意率",
    "一次通过率",
    "黄牌",
    "红牌",
)


def _unit_row(unit: dict[str, Any]) -> list[Cell]:
    figures = unit["figures"]
    keys = ("assigned", "signed", "contacted", "on_time", "solved", "satisfied", "first_pass", "yellow", "red")
    score = None if unit["score"] is None or unit["band"] is None else round(unit["score"], 1)
    return [unit["rank"], unit["unit"], score, unit["band"] or _("件数少"), *(_value(figures, key) for key in keys)]


def _value(figures: dict[str, Any], key: str) -> Cell:
    value = figures[key]["value"] if key in figures else None
    return None if value is None else round(value, 0 if BY_KEY[key].measure is Measure.COUNT else 2)


def _split(row: Sequence[Any]) -> list[Cell]:
    return [row[0] or _("（未填）"), *(None if value is None else round(value, 2) for value in row[1:])]


def _sheet(name: str, heads: Sequence[str], rows: Sequence[Row]) -> Table:
    return Table(name, tuple(Column(head, head, 22 if number < 2 else 14) for number, head in enumerate(heads)), in_one_piece(rows))
