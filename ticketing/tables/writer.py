"""The one writer of every export (lesson 22): xlsx, and CSV with a byte-order mark so that Excel reads Chinese.

Text that a spreadsheet would take for a formula is made harmless here and nowhere else: what citizens type ends up in cells, and
`=HYPERLINK(…)` in an appeal must stay text. In CSV such text gets an apostrophe before it; in xlsx the cell is text with the mark
`quotePrefix`, so that it looks as it was typed. The reader takes the apostrophe away again.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from hotline.clock import to_city
from ticketing.tables.table import Cell, Row, Table

BOM = "\ufeff"
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet program calculate instead of show; the wide ones are read as the narrow ones in East Asia."""
LONGEST = 32_000
"""Characters of a cell of a workbook; Excel holds 32 767."""
_HEAD_FILL = PatternFill("solid", fgColor="E8EEF7")


def is_risky(text: str) -> bool:
    """Whether a spreadsheet program might take the text for a formula."""
    return text.startswith(RISKY) or text.lstrip(" \u3000").startswith(RISKY[:4])


def plain(value: Cell) -> str:
    """A cell as text: times of the city's clock, 是 and 否, no control characters."""
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case datetime():
            return to_city(value).strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case float():
            return f"{value:.4f}".rstrip("0").rstrip(".")
        case _:
            return ILLEGAL_CHARACTERS_RE.sub("", str(value))


def csv_cell(value: Cell) -> str:
    """A cell of a CSV file; numbers stay numbers, also negative ones."""
    text = plain(value)
    return f"'{text}" if isinstance(value, str) and is_risky(text) else text


def _csv(rows: Sequence[Row]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([csv_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


async def csv_pieces(table: Table) -> AsyncIterator[bytes]:
    """The file, piece by piece, as the rows come."""
    yield BOM.encode() + _csv([[column.title for column in table.columns]])
    async for rows in table.pieces:
        yield await asyncio.to_thread(_csv, rows)
    if table.stamp:
        yield _csv([[f"# {table.stamp}"]])


async def write_csv(table: Table, path: Path) -> int:
    """Write a CSV file; returns the number of rows."""
    count = 0

    async def counted() -> AsyncIterator[Sequence[Row]]:
        nonlocal count
        async for rows in table.pieces:
            count += len(rows)
            yield rows

    with path.open("wb") as out:
        async for piece in csv_pieces(Table(table.name, table.columns, counted(), table.stamp)):
            out.write(piece)
    return count


async def write_xlsx(tables: Sequence[Table], path: Path) -> int:
    """Write a workbook with a sheet for each table; returns the number of rows. Rows go to disk as they come."""
    book = Workbook(write_only=True)
    count = 0
    for number, table in enumerate(tables, 1):
        sheet: Any = book.create_sheet(_sheet_name(table.name, number))
        sheet.freeze_panes = "A2"
        for place, column in enumerate(table.columns, 1):
            sheet.column_dimensions[get_column_letter(place)].width = column.width
        sheet.append([_head(sheet, column.title) for column in table.columns])
        async for rows in table.pieces:
            count += len(rows)
            await asyncio.to_thread(_append, sheet, rows)
        if table.stamp:
            sheet.append([_cell(sheet, f"# {table.stamp}")])
            sheet.oddFooter.center.text = table.stamp.replace("&", "＆")[:200]
    await asyncio.to_thread(book.save, path)
    return count


def _append(sheet: Any, rows: Sequence[Row]) -> None:
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _head(sheet: Any, title: str) -> Any:
    cell = WriteOnlyCell(sheet, value=title)
    cell.font, cell.fill = Font(bold=True), _HEAD_FILL
    return cell


def _fitting(text: str) -> str:
    """As much as Excel holds; what is left out is said, and stands whole in the CSV file."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}…（全文{len(text)}字，Excel单元格放不下，请导出CSV）"


def _cell(sheet: Any, value: Cell) -> Any:
    """A typed cell. Text is never a formula, whatever it looks like."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    if isinstance(value, datetime):
        cell = WriteOnlyCell(sheet, value=to_city(value).replace(tzinfo=None, microsecond=0))
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
        return cell
    if isinstance(value, date):
        cell = WriteOnlyCell(sheet, value=datetime(value.year, value.month, value.day))  # noqa: DTZ001 - a day has no zone
        cell.number_format = "yyyy-mm-dd"
        return cell
    text = _fitting(plain(value))
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"  # openpyxl makes a formula of «=…» otherwise
    if is_risky(text):
        cell.quotePrefix = True
    if "\n" in text:
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    return cell


def _sheet_name(name: str, number: int) -> str:
    kept = "".join(char for char in name if char not in "[]:*?/\\'")[:28]
    return kept or f"表{number}"
