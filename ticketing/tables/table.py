"""A table on its way to a file: columns, and rows that may come in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

Cell = str | int | float | bool | date | datetime | None
Row = Sequence[Cell]


@dataclass(frozen=True)
class Column:
    """One column: how programs call it, what people read, and how wide it is in a spreadsheet (characters)."""

    key: str
    title: str
    width: int = 14


@dataclass(frozen=True)
class Table:
    """A sheet.

    Attributes:
        pieces: the rows, in pieces, so that a hundred thousand are never in memory at once.
        stamp: the last row: who made it, when, and what may be done with it. Empty for none.
    """

    name: str
    columns: tuple[Column, ...]
    pieces: AsyncIterator[Sequence[Row]]
    stamp: str = ""


async def in_one_piece(rows: Iterable[Row]) -> AsyncIterator[Sequence[Row]]:
    """Rows that are all there already."""
    yield list(rows)
