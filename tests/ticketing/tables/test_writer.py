"""The one writer, and the reader that takes its files back."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from hotline.errors import InvalidInput
from ticketing.tables import reader
from ticketing.tables.reader import read
from ticketing.tables.table import Column, Row, Table, in_one_piece
from ticketing.tables.writer import csv_cell, csv_pieces, is_risky, write_csv, write_xlsx

COLUMNS = (
    Column("code", "代码"),
    Column("name", "名称"),
    Column("count", "数量"),
    Column("on", "启用"),
    Column("at", "时间"),
    Column("day", "日期"),
)
NAMES = {name: column.key for column in COLUMNS for name in (column.title, column.key)}
RISKY = ["=1+1", "+86 139", "-2", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","点")', "＝1", " =1"]
MOMENT = datetime(2026, 11, 18, 2, 0, 5, tzinfo=UTC)


def table(rows: Sequence[Row], stamp: str = "") -> Table:
    return Table("单位", COLUMNS, in_one_piece(rows), stamp)


async def test_lesson_22_a_csv_file_begins_with_a_mark_and_reads_back_as_it_was(tmp_path: Path) -> None:
    rows: list[Row] = [["0101", "占道经营，“夜市”\n第二行", 12, True, MOMENT, date(2026, 11, 18)], ["0102", None, -3.5, False, None, None]]
    path = tmp_path / "a.csv"
    assert await write_csv(table(rows, "由某人导出"), path) == 2
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert [line.cells for line in read(content, NAMES, frozenset({"code"})).lines] == [
        {"code": "0101", "name": "占道经营，“夜市”\n第二行", "count": "12", "on": "是", "at": "2026-11-18 10:00:05", "day": "2026-11-18"},
        {"code": "0102", "name": "", "count": "-3.5", "on": "否", "at": "", "day": ""},
    ]


async def test_lesson_22_an_xlsx_file_reads_back_as_it_was(tmp_path: Path) -> None:
    rows: list[Row] = [["0101", "占道经营", 12, True, MOMENT, date(2026, 11, 18)]]
    path = tmp_path / "a.xlsx"
    assert await write_xlsx([table(rows, "由某人导出")], path) == 1
    line = read(path.read_bytes(), NAMES, frozenset({"code"})).lines[0]
    assert line.cells == {"code": "0101", "name": "占道经营", "count": "12", "on": "是", "at": "2026-11-18 10:00:05", "day": "2026-11-18"}
    sheet = load_workbook(path).worksheets[0]
    assert sheet["E2"].value == datetime(2026, 11, 18, 10, 0, 5)  # a time, so that people can sort by it
    assert sheet["A3"].value == "# 由某人导出"


@pytest.mark.parametrize("text", RISKY)
async def test_lesson_22_no_cell_is_a_formula(text: str, tmp_path: Path) -> None:
    assert is_risky(text)
    written = b"".join([piece async for piece in csv_pieces(table([["x", text, 1, True, None, None]]))])
    cell = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))[1][1]
    assert cell == "'" + text
    path = tmp_path / "a.xlsx"
    await write_xlsx([table([["x", text, 1, True, None, None]])], path)
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    # and whoever imports the file gets the text as it was typed
    for content in (written, path.read_bytes()):
        assert read(content, NAMES, frozenset({"code"})).lines[0].cells["name"] == text.strip()


def test_negative_numbers_stay_numbers() -> None:
    assert csv_cell(-2.5) == "-2.5"
    assert csv_cell("-2.5") == "'-2.5"


async def test_control_characters_do_not_break_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    await write_xlsx([table([["x", "前\x0b后\x00", 1, True, None, None]])], path)
    assert load_workbook(path).worksheets[0]["B2"].value == "前后"


async def test_rows_come_in_pieces(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[Sequence[Row]]:
        for number in range(3):
            yield [[str(number), "名", 1, True, None, None]]

    assert await write_xlsx([Table("表", COLUMNS, pieces())], tmp_path / "a.xlsx") == 3


def test_gb18030_is_read() -> None:
    content = "代码,名称\r\n0101,占道经营㐀\r\n".encode("gb18030")
    assert read(content, NAMES, frozenset({"code"})).lines[0].cells == {"code": "0101", "name": "占道经营㐀"}


def test_english_heads_and_other_orders_are_read() -> None:
    sheet = read(b"Name,CODE,colour\nA,1,red\n", NAMES, frozenset({"code", "name"}))
    assert sheet.lines[0].cells == {"name": "A", "code": "1"}
    assert sheet.unknown == ("colour",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02\x03",
        b"\xff\xfe\x00",
        b"PK\x03\x04broken",
        "名字\n甲\n".encode(),
        "代码,名称\n".encode(),
        "代码,代码\n1,2\n".encode(),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_word(content: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(content, NAMES, frozenset({"code"}))
    assert refused.value.field == "file"


def _workbook() -> bytearray:
    book = Workbook()
    book.active.append(["代码", "名称"])  # type: ignore[union-attr]
    out = io.BytesIO()
    book.save(out)
    return bytearray(out.getvalue())


def _patched(mark: bytes, offset: int, value: bytes) -> bytes:
    """A sound workbook with some bytes changed after each `mark`."""
    content = _workbook()
    at = content.find(mark)
    while at >= 0:
        start = at + offset
        if mark == b"PK\x03\x04":  # behind the head of each member stand its name and its packed bytes
            start = at + 30 + sum(struct.unpack("<HH", content[at + 26 : at + 30]))
        content[start : start + len(value)] = value
        at = content.find(mark, at + 4)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_patched(b"PK\x01\x02", 8, b"\x01"), id="with a password"),
        pytest.param(_patched(b"PK\x01\x02", 10, b"\x63"), id="packed in an unknown way"),
        pytest.param(_patched(b"PK\x03\x04", 0, b"\xff" * 4), id="torn"),
    ],
)
def test_an_xlsx_file_that_cannot_be_unpacked_is_refused_with_a_word(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="打不开"):
        read(content, NAMES, frozenset({"code"}))


def test_a_bomb_is_refused_unread() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)
    with pytest.raises(InvalidInput, match="解开后太大"):
        read(out.getvalue(), NAMES, frozenset({"code"}))


def test_entities_are_not_expanded() -> None:
    """A billion laughs in the sheet: refused, not expanded."""
    book = Workbook()
    book.active.append(["代码", "名称"])  # type: ignore[union-attr]
    whole = io.BytesIO()
    book.save(whole)
    out = io.BytesIO()
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'
            new.writestr(name, data)
    with pytest.raises(InvalidInput):
        read(out.getvalue(), NAMES, frozenset({"code"}))


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS", 10)
    with pytest.raises(InvalidInput, match="行数太多"):
        read(b"code\n" + b"1\n" * 20, NAMES, frozenset({"code"}))


def test_too_large_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BYTES", 10)
    with pytest.raises(InvalidInput, match="文件太大"):
        read(b"code\n" + b"1\n" * 20, NAMES, frozenset({"code"}))


async def test_what_a_cell_of_excel_does_not_hold_is_said_there_and_stands_whole_in_the_csv_file(tmp_path: Path) -> None:
    document = "条" * 40_000
    await write_xlsx([table([["0101", document, 1, True, MOMENT, None]])], tmp_path / "a.xlsx")
    await write_csv(table([["0101", document, 1, True, MOMENT, None]]), tmp_path / "a.csv")
    shown = load_workbook(tmp_path / "a.xlsx").worksheets[0]["B2"].value
    assert shown.startswith("条" * 32_000)
    assert "全文40000字" in shown
    assert len(shown) <= 32_767
    assert document in (tmp_path / "a.csv").read_text("utf-8")
