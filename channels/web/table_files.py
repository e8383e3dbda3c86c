"""Tables as downloads, written while they are read: the console's export and the API's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from ticketing.tables.table import Table
from ticketing.tables.writer import csv_pieces, write_xlsx

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def send_table(request: web.Request, table: Table, form: str, headers: dict[str, str]) -> web.StreamResponse:
    """The table as csv or xlsx (`form`). The transaction that it is read in must stay open until this returns."""
    if form == "csv":
        return await _stream(request, csv_pieces(table), {"Content-Type": f"{CSV}; charset=utf-8", **headers})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        await write_xlsx([table], path)
        return await _stream(request, _file(path), {"Content-Type": XLSX, **headers})


async def _file(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as source:
        while piece := source.read(256 * 1024):
            yield piece


async def _stream(request: web.Request, pieces: AsyncIterator[bytes], headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response
