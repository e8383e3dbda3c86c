"""The scan speaks clamd's INSTREAM protocol; without an answer files are refused, unless the installation says otherwise."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hotline.errors import InvalidInput, Unavailable
from hotline.settings import Settings
from ticketing.attachment.scan import scan

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@asynccontextmanager
async def clamd(socket: Path, *, limit: int = 10**9) -> AsyncIterator[list[int]]:
    """A server that reads chunks as the manual says and knows one virus; returns the sizes it received."""
    sizes: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        body = b""
        while length := struct.unpack(">I", await reader.readexactly(4))[0]:
            body += await reader.readexactly(length)
        sizes.append(len(body))
        found = "stream: Eicar-Test-Signature FOUND" if EICAR in body else "stream: OK"
        writer.write(("INSTREAM size limit exceeded. ERROR" if len(body) > limit else found).encode() + b"\0")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, socket):
        yield sizes


@pytest.fixture
def scanning(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"clamd": str(tmp_path / "clamd.sock")})


async def test_clean_files_pass_and_viruses_do_not(scanning: Settings) -> None:
    async with clamd(Path(scanning.clamd)) as sizes:
        await scan(scanning, bytes(200_000))
        with pytest.raises(InvalidInput, match="病毒"):
            await scan(scanning, bytes(70_000) + EICAR)
    assert sizes == [200_000, 70_000 + len(EICAR)]


async def test_no_answer_refuses_unless_switched_off(scanning: Settings) -> None:
    with pytest.raises(Unavailable):
        await scan(scanning, b"x")
    await scan(scanning.model_copy(update={"clamd_required": False}), b"x")
    await scan(scanning.model_copy(update={"clamd": ""}), b"x")


async def test_an_answer_that_is_no_ok_refuses(scanning: Settings) -> None:
    async with clamd(Path(scanning.clamd), limit=10):
        with pytest.raises(Unavailable):
            await scan(scanning, bytes(100))
