"""A brief for printing: PDF with the Chinese font embedded (fpdf2, a subset of the font; docs/decisions/0100)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import TableCellFillMode
from fpdf.fonts import FontFace

from hotline.errors import Unavailable
from hotline.i18n import _
from ticketing.statistics.indicator import GROUP_WORDS, Group, Measure
from ticketing.statistics.indicators import BY_KEY, INDICATORS

FONT_PLACES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansCN-Regular.otf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/wqy-zenhei/wqy-zenhei.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:/Windows/Fonts/simhei.ttf",
)
"""Where the usual packages (fonts-noto-cjk, wqy-microhei …) put a font with the Chinese characters."""
_COLLECTION_SC = 2
"""In Noto's collection: 0 Japanese, 1 Korean, 2 simplified Chinese."""
_FAMILY = "zh"
_INK, _GREY, _BLUE, _LINE, _HEAD = (22, 32, 42), (91, 104, 117), (28, 93, 153), (223, 228, 233), (237, 241, 244)
MAIN = ("received", "closed", "on_time", "responded", "solved", "satisfied")


def find_font(wanted: Path | None = None) -> Path:
    """A font with Chinese characters: the one that is set, else what the system has. Raises Unavailable with what to do."""
    for place in [wanted] if wanted else map(Path, FONT_PLACES):
        if place is not None and place.is_file():
            return place
    raise Unavailable(_("这台服务器没有中文字体，暂时不能生成PDF。请安装 fonts-noto-cjk 或设置 HOTLINE_PDF_FONT；网页可以直接打印"))


def add_chinese(paper: FPDF, font: Path) -> str:
    """Let `paper` write Chinese; the name by which `set_font` knows the font."""
    number = _COLLECTION_SC if font.name.startswith("NotoSansCJK") else 0
    paper.add_font(_FAMILY, "", str(font), collection_font_number=number)
    return _FAMILY


@dataclass(frozen=True)
class Heading:
    """What stands above and below every page."""

    title: str
    issued: str
    """Issue, version, city."""
    stamp: str
    """Who made this copy."""


class _Paper(FPDF):
    """A4 with our fonts, a foot with page numbers."""

    def __init__(self, font: Path, heading: Heading) -> None:
        super().__init__(format="A4")
        add_chinese(self, font)
        self.heading = heading
        self.set_auto_page_break(True, margin=18)
        self.set_margins(16, 14, 16)
        self.set_title(heading.title)
        self.set_lang("zh-CN")

    def footer(self) -> None:
        """Page number and who made this copy."""
        self.set_y(-13)
        self.set_font(_FAMILY, size=8)
        self.set_text_color(*_GREY)
        self.cell(0, 5, f"{self.heading.stamp}    {self.page_no()}/{{nb}}", align="C")


async def brief_pdf(content: dict[str, Any], heading: Heading, font: Path) -> bytes:
    """The brief as a PDF file. The font is read and cut down in a thread."""
    return await asyncio.to_thread(_render, content, heading, font)


def _render(content: dict[str, Any], heading: Heading, font: Path) -> bytes:
    paper = _Paper(font, heading)
    paper.add_page()
    paper.set_text_color(*_INK)
    paper.set_font(_FAMILY, size=20)
    paper.multi_cell(0, 10, heading.title, align="C", new_x="LMARGIN", new_y="NEXT")
    paper.set_font(_FAMILY, size=9)
    paper.set_text_color(*_GREY)
    paper.multi_cell(0, 6, heading.issued, align="C", new_x="LMARGIN", new_y="NEXT")
    paper.set_draw_color(*_BLUE)
    paper.set_line_width(0.6)
    paper.line(16, paper.get_y() + 2, 194, paper.get_y() + 2)
    paper.ln(6)
    _summary(paper, content)
    if content["days"]:
        _chart(
            paper, _("诉求量"), [(str(label)[5:] if len(str(label)) > 7 else str(label), float(value)) for label, value in content["days"]]
        )
    for title, widths, heads, rows in _sections(content):
        if rows:
            _table(paper, title, widths, heads, rows)
    return bytes(paper.output())


def _h2(paper: FPDF, text: str) -> None:
    if paper.get_y() > 250:
        paper.add_page()
    paper.ln(4)
    paper.set_font(_FAMILY, size=13)
    paper.set_text_color(*_BLUE)
    paper.cell(0, 8, text, new_x="LMARGIN", new_y="NEXT")
    paper.set_text_color(*_INK)


def _summary(paper: FPDF, content: dict[str, Any]) -> None:
    """Six numbers in two rows of boxes, each with the period before."""
    paper.set_line_width(0.2)
    paper.set_draw_color(*_LINE)
    width, height, left, top = 178 / 3, 20.0, 16.0, paper.get_y()
    for number, key in enumerate(MAIN):
        x, y = left + width * (number % 3), top + (height + 2) * (number // 3)
        paper.rect(x, y, width - 2, height)
        paper.set_xy(x + 2, y + 1.5)
        paper.set_font(_FAMILY, size=9)
        paper.set_text_color(*_GREY)
        paper.cell(width - 6, 5, BY_KEY[key].name)
        paper.set_xy(x + 2, y + 6.5)
        paper.set_font(_FAMILY, size=16)
        paper.set_text_color(*_INK)
        paper.cell(width - 6, 7, _shown(content["figures"], key))
        paper.set_xy(x + 2, y + 14)
        paper.set_font(_FAMILY, size=8)
        paper.set_text_color(*_GREY)
        paper.cell(width - 6, 4, _("上期 {value}").format(value=_shown(content["before"], key)))
    paper.set_xy(left, top + 2 * (height + 2))


def _chart(paper: FPDF, title: str, points: Sequence[tuple[str, float]]) -> None:
    """Columns with a scale, drawn with lines of the PDF itself."""
    from math import ceil

    _h2(paper, title)
    left, top, width, height = 28.0, paper.get_y() + 2, 164.0, 42.0
    highest = max((value for _label, value in points), default=0) or 1
    raw = highest / 4
    power = 10.0 ** (len(str(int(max(raw, 1)))) - 1)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    scale = step * ceil(highest / step)
    paper.set_font(_FAMILY, size=8)
    paper.set_text_color(*_GREY)
    for number in range(ceil(scale / step) + 1):
        y = top + height * (1 - number * step / scale)
        paper.set_draw_color(*(_GREY if number == 0 else _LINE))
        paper.line(left, y, left + width, y)
        paper.set_xy(left - 14, y - 2)
        paper.cell(12, 4, f"{number * step:,.0f}", align="R")
    each = width / max(len(points), 1)
    every = max(1, ceil(len(points) / 12))
    paper.set_fill_color(*_BLUE)
    for number, (label, value) in enumerate(points):
        tall = height * value / scale
        paper.rect(left + each * (number + 0.15), top + height - tall, each * 0.7, tall, style="F")
        if number % every == 0:
            paper.set_xy(left + each * (number + 0.5) - 8, top + height + 1)
            paper.cell(16, 4, label, align="C")
    paper.set_text_color(*_INK)
    paper.set_xy(16, top + height + 7)


def _table(paper: FPDF, title: str, widths: Sequence[int], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    _h2(paper, title)
    paper.set_font(_FAMILY, size=9)
    paper.set_draw_color(*_LINE)
    paper.set_fill_color(255, 255, 255)  # cells are filled with what was last set
    style = FontFace(emphasis="", fill_color=_HEAD)
    aligns = ["LEFT" if index == 0 or not _numeric([row[index] for row in rows]) else "RIGHT" for index in range(len(heads))]
    with paper.table(
        col_widths=tuple(widths),
        headings_style=style,
        line_height=6,
        text_align=tuple(aligns),
        cell_fill_mode=TableCellFillMode.NONE,
        first_row_as_headings=any(heads),
    ) as table:
        for row in (heads, *rows) if any(heads) else rows:
            table.row(list(row))


def _numeric(cells: Sequence[str]) -> bool:
    return all(not cell or cell[0] in "-—0123456789" for cell in cells)


def _sections(content: dict[str, Any]) -> Iterator[tuple[str, Sequence[int], Sequence[str], list[list[str]]]]:
    figures, before = content["figures"], content["before"]
    for group in Group:
        rows = [
            [_(one.name), _shown(figures, one.key), _shown(before, one.key), _parts(figures, one.key)]
            for one in INDICATORS
            if one.group is group and one.key in figures
        ]
        yield _(GROUP_WORDS[group]), (60, 32, 32, 54), (_("指标"), _("本期"), _("上期"), _("分子/分母")), rows
    rises = [[f"{each['code']} {each['name']}", str(each["count"]), f"{each['mean']:g}"] for each in content["rises"]]
    yield _("突增的事项（超出偶然波动）"), (110, 34, 34), (_("类别"), _("本期"), _("前四期平均")), rises
    topics = [[f"{each['code']} {each['name']}", str(each["count"]), f"{each['mean']:g}"] for each in content["topics"]]
    yield _("热点类别"), (110, 34, 34), (_("类别"), _("本期"), _("前四期平均")), topics
    said = [f"{word} {number}" for word, number in content["words"]]
    yield (
        _("热词（有这个词的件数）"),
        (45, 45, 44, 44),
        ("", "", "", ""),
        [(said[at : at + 4] + [""] * 4)[:4] for at in range(0, len(said), 4)],
    )
    yield _("多发地点"), (50, 98, 30), (_("区县"), _("地点"), _("件数")), [[str(cell) for cell in row] for row in content["places"]]
    heads = (_("名次"), _("单位"), _("得分"), _("等次"), _("派单"), _("按时办结率"), _("满意率"), _("黄牌"), _("红牌"))
    yield _("单位评分"), (12, 44, 16, 18, 16, 26, 20, 13, 13), heads, [_unit_row(unit) for unit in content["units"]]
    overdue = [[each["number"], each["unit"]] for each in content["overdue"]]
    yield _("超时未办（发布时）"), (60, 118), (_("编号"), _("单位")), overdue


def _unit_row(unit: dict[str, Any]) -> list[str]:
    figures = unit["figures"]
    score = f"{unit['score']:.1f}" if unit["band"] else "—"
    numbers = [_shown(figures, key) for key in ("assigned", "on_time", "satisfied", "yellow", "red")]
    return [str(unit["rank"] or ""), unit["unit"], score, unit["band"] or _("件数少"), *numbers]


def _shown(figures: dict[str, Any], key: str) -> str:
    value = figures[key]["value"] if key in figures else None
    if value is None:
        return "—"
    one = BY_KEY[key]
    return f"{value:,.0f}" if one.measure is Measure.COUNT else f"{value:.1f}{one.unit}"


def _parts(figures: dict[str, Any], key: str) -> str:
    one, figure = BY_KEY[key], figures[key]
    if one.measure is Measure.COUNT or figure["numerator"] is None:
        return ""
    left = f"{figure['numerator']:,.0f}" if one.measure is not Measure.P95 else ""
    told = f"{left}/{figure['denominator']:,.0f}" if left else f"{figure['denominator']:,.0f}"
    return told + (_("，不计入{n}").format(n=figure["excluded"]) if figure["excluded"] else "")
