"""A poster on paper, A4 or A3: the city's line, what it is for, the code, where it hangs. All of it is drawn: sharp in any size."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import segno
from fpdf import FPDF

from hotline.i18n import _
from ticketing.tables.pdf import add_chinese

PAPERS = {"a4": 1.0, "a3": 2**0.5}
"""Name of the paper, and how much larger than A4 everything is on it."""
_BLUE, _INK, _GREY, _WHITE = (28, 93, 153), (22, 32, 42), (91, 104, 117), (255, 255, 255)
_WIDTH, _HEIGHT, _CODE = 210.0, 297.0, 118.0
"""Millimetres on A4."""
_QUIET = 4
"""Modules of white around the code, as the standard wants."""


@dataclass(frozen=True)
class Sheet:
    """What stands on one poster."""

    code: str
    """What the code says: an address of the platform."""
    unit: str
    name: str
    place: str
    purpose: str
    mark: str
    """Small print for the staff: the scene."""


@dataclass(frozen=True)
class City:
    """What is the same on all posters of a city."""

    name: str
    line: str
    site: str
    """The portal's address as people type it."""
    sample: bool = False
    """A demonstration without an official account: the code leads to the web page, and the poster says that it is a sample."""


async def document(sheets: Sequence[Sheet], city: City, *, paper: str, font: Path) -> bytes:
    """A PDF with a page for each poster. Raises KeyError for a paper that does not exist. Drawn in a thread."""
    return await asyncio.to_thread(_render, sheets, city, paper, font)


def svg(code: str) -> bytes:
    """The code alone, for the city's own layout."""
    drawn = io.BytesIO()
    _qr(code).save(drawn, kind="svg", border=_QUIET, scale=10, xmldecl=True, svgns=True)
    return drawn.getvalue()


def _qr(code: str) -> segno.QRCode:
    """Level Q: a quarter of it may be dirty or torn."""
    return segno.make_qr(code, error="q", boost_error=False)


def _render(sheets: Iterable[Sheet], city: City, paper: str, font: Path) -> bytes:
    times = PAPERS[paper]
    pdf = FPDF(format=paper)
    family = add_chinese(pdf, font)
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.set_lang("zh-CN")
    pdf.set_title(f"{city.name}{city.line}")
    for sheet in sheets:
        pdf.add_page()
        _Page(pdf, family, times).draw(sheet, city)
    return bytes(pdf.output())


class _Page:
    """Draws in millimetres of A4."""

    def __init__(self, pdf: FPDF, family: str, times: float) -> None:
        self._pdf, self._family, self._times = pdf, family, times

    def draw(self, sheet: Sheet, city: City) -> None:
        self._box(0, 0, _WIDTH, 46, _BLUE)
        self._words(9, city.name, 20, _WHITE)
        self._words(20, _("{line}政务服务便民热线").format(line=city.line), 34, _WHITE)
        self._words(60, sheet.purpose or _("有事找政府，微信扫一扫"), 36, _INK)
        left, top = (_WIDTH - _CODE) / 2, 84.0
        self._code(sheet.code, left, top)
        self._words(top + _CODE + 6, _("反映问题、查询进度、咨询政策"), 22, _INK)
        self._words(top + _CODE + 19, sheet.name if sheet.unit in sheet.name else f"{sheet.unit}　{sheet.name}", 17, _BLUE)
        if sheet.place:
            self._words(top + _CODE + 29, sheet.place, 15, _GREY)
        self._box(20, 250, _WIDTH - 40, 0.4, _GREY)
        self._words(254, _("也可以拨打 {line}，全天24小时有人接听").format(line=city.line), 20, _INK)
        self._words(266, _("网上反映：{site}").format(site=city.site), 14, _GREY)
        self._words(275, _("紧急情况请直接拨打 110、119、120"), 14, _GREY)
        sample = _("样张：没有公众号，二维码打开的是演示网站") if city.sample else ""
        self._words(286, sample or sheet.mark, 12 if sample else 8, _GREY)

    def _box(self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        self._pdf.set_fill_color(*colour)
        times = self._times
        self._pdf.rect(x * times, y * times, width * times, height * times, style="F")

    def _words(self, y: float, text: str, points: float, colour: tuple[int, int, int]) -> None:
        """One line in the middle, smaller when it would not fit."""
        pdf, room = self._pdf, (_WIDTH - 24) * self._times
        pdf.set_font(self._family, size=points * self._times)
        wide = pdf.get_string_width(text)
        if wide > room:
            pdf.set_font(self._family, size=points * self._times * room / wide)
        pdf.set_text_color(*colour)
        pdf.set_xy(0, y * self._times)
        pdf.cell(_WIDTH * self._times, points * 0.42 * self._times, text, align="C")

    def _code(self, code: str, left: float, top: float) -> None:
        matrix = _qr(code).matrix
        module = _CODE / (len(matrix) + 2 * _QUIET)
        for number, row in enumerate(matrix):
            for start, length in _runs(row):
                x, y = left + (start + _QUIET) * module, top + (number + _QUIET) * module
                self._box(x, y, length * module, module * 1.01, _INK)  # a hair more, or printers leave white lines between the rows


def _runs(row: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(start, length) of the dark modules of a row."""
    start = None
    for place, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = place
        elif not dark and start is not None:
            yield start, place - start
            start = None
