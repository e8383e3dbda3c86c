"""Reading what people upload: xlsx, or CSV in UTF-8 or GB18030. Nothing is trusted: size, rows, cells and the zip itself have limits."""

from __future__ import annotations

import csv
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zipfile import BadZipFile

from openpyxl import load_workbook

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.tables.writer import BOM, is_risky, plain

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS, MAX_COLUMNS = 20_000, 60
MAX_UNPACKED = 200 * 1024 * 1024
MAX_RATIO = 150
"""An honest sheet packs to a twentieth; a thousandth is a bomb."""
MAX_MEMBERS = 500
HEAD_WITHIN = 5
"""The line with the names of the columns is one of the first so many."""


@dataclass(frozen=True)
class Line:
    """One row of the file by the keys of the columns."""

    number: int
    """As the spreadsheet counts: the first line is 1."""
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """What was read."""

    lines: tuple[Line, ...]
    unknown: tuple[str, ...]
    """Column names that mean nothing here; they are not read."""


def read(content: bytes, names: Mapping[str, str], required: frozenset[str]) -> Sheet:
    """Read a file.

    Args:
        names: what a column may be called (Chinese or English, lower case) -> its key.
        required: keys that must be there.

    Raises InvalidInput saying what is wrong with the file as a whole; single cells are judged by the importer.
    """
    if not content:
        raise InvalidInput(_("请选择文件"), field="file")
    if len(content) > MAX_BYTES:
        raise InvalidInput(_("文件太大，应小于{n} MB").format(n=MAX_BYTES // 1024 // 1024), field="file")
    rows = _xlsx_rows(content) if content[:4] == b"PK\x03\x04" else _csv_rows(content)
    head: list[str | None] | None = None
    unknown: list[str] = []
    lines: list[Line] = []
    for number, cells in enumerate(rows, 1):
        if number > MAX_ROWS + HEAD_WITHIN:
            raise InvalidInput(_("行数太多，一次最多{n}行，请分开导入").format(n=MAX_ROWS), field="file")
        if not any(cells) or cells[0].startswith("# "):
            continue
        if head is None:
            found = [names.get(cell.strip().lower()) for cell in cells]
            if required <= {key for key in found if key}:
                head, unknown = found, [cell for cell, key in zip(cells, found, strict=True) if cell and not key]
                _no_doubles(found)
            elif number >= HEAD_WITHIN:
                break
            continue
        lines.append(Line(number, {key: cell.strip() for key, cell in zip(head, cells, strict=False) if key}))
    if head is None:
        titles = "、".join(sorted({_first_name(names, key) for key in required}))
        raise InvalidInput(_("没有找到表头。第一行应有这些列：{titles}").format(titles=titles), field="file")
    if not lines:
        raise InvalidInput(_("文件里只有表头，没有内容"), field="file")
    return Sheet(tuple(lines), tuple(unknown))


def _no_doubles(found: list[str | None]) -> None:
    known = [key for key in found if key]
    if len(known) != len(set(known)):
        raise InvalidInput(_("表头里有重复的列，请只保留一列"), field="file")


def _first_name(names: Mapping[str, str], key: str) -> str:
    return next(name for name, of in names.items() if of == key)


def _csv_rows(content: bytes) -> Iterator[list[str]]:
    text = _decode(content)
    delimiter = "\t" if "\t" in text.split("\n", 1)[0] and "," not in text.split("\n", 1)[0] else ","
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield [_unquoted(cell) for cell in row[:MAX_COLUMNS]]
    except csv.Error as error:
        raise InvalidInput(_("CSV格式不对：{error}").format(error=str(error)[:100]), field="file") from error


def _decode(content: bytes) -> str:
    if b"\0" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidInput(_("这不是表格文件，请用xlsx或CSV"), field="file")
    for encoding in ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding).removeprefix(BOM)
        except UnicodeDecodeError:
            continue
    raise InvalidInput(_("文件不是UTF-8或GB18030编码的文本"), field="file")


def _unquoted(cell: str) -> str:
    """Without the apostrophe that the writer put before what looks like a formula."""
    return cell[1:] if cell.startswith("'") and is_risky(cell[1:]) else cell


def _xlsx_rows(content: bytes) -> Iterator[list[str]]:
    _check_zip(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own size may be a lie
        for row in sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True):
            yield [_text(value) for value in row]
    except InvalidInput:
        raise
    except (
        BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        SyntaxError,
        OSError,
        EOFError,
        RuntimeError,
        ArithmeticError,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        # SyntaxError: broken XML; ValueError: also what defusedxml forbids; RuntimeError: a password, a way of packing that is
        # unknown; zlib.error, LZMAError: torn bytes; the others: parts that are missing or not what they say
        raise InvalidInput(_("这个xlsx文件打不开，请另存为新的xlsx或CSV再试"), field="file") from error


def _check_zip(content: bytes) -> None:
    """Refuse a bomb before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (BadZipFile, ValueError, OSError) as error:
        raise InvalidInput(_("这个xlsx文件打不开，请另存为新的xlsx或CSV再试"), field="file") from error
    unpacked = sum(member.file_size for member in members)
    packed = max(sum(member.compress_size for member in members), 1)
    # what a member claims may be a lie, too: openpyxl reads through ZipFile, which stops at the claimed size and checks the sum
    if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED or (unpacked > 1024 * 1024 and unpacked / packed > MAX_RATIO):
        raise InvalidInput(_("这个xlsx文件解开后太大，没有读取"), field="file")


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
            return value.strftime("%Y-%m-%d") if midnight else value.strftime("%Y-%m-%d %H:%M:%S")
        case float() if value.is_integer():
            return str(int(value))
        case bool() | int() | float() | str() | date():
            return plain(value)
        case _:
            return str(value)
