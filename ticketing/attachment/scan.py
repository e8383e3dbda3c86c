"""Virus scan by clamd, when one is set: each file goes through its INSTREAM command before it is kept (clamd(8))."""

from __future__ import annotations

import asyncio
import struct

from hotline import logs
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import _
from hotline.settings import Settings

LOG = logs.get(__name__)
_PIECE = 64 * 1024
_TIMEOUT_S = 30.0


async def scan(settings: Settings, body: bytes) -> None:
    """Raises `InvalidInput` when clamd finds something, `Unavailable` when it does not answer and is required."""
    if not settings.clamd:
        return
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await _ask(settings.clamd, body)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        answer = f"no answer: {type(error).__name__}"
    if answer == "stream: OK":
        return
    if answer.endswith(" FOUND"):
        LOG.warning("file.virus", what=answer.removeprefix("stream: ").removesuffix(" FOUND"))
        raise InvalidInput(_("附件里发现病毒，没有保存。请换一个文件"), field="files")
    LOG.error("file.not_scanned", answer=answer[:100])
    if settings.clamd_required:
        raise Unavailable(_("附件检查暂时不可用，不能收附件。您可以先不带附件提交"))


async def _ask(place: str, body: bytes) -> str:
    reader, writer = await _connect(place)
    try:
        writer.write(b"zINSTREAM\0")
        for start in range(0, len(body), _PIECE):
            piece = body[start : start + _PIECE]
            writer.write(struct.pack(">I", len(piece)) + piece)
            await writer.drain()
        writer.write(struct.pack(">I", 0))
        await writer.drain()
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace").strip()
    finally:
        writer.close()


async def _connect(place: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if place.startswith("/"):
        return await asyncio.open_unix_connection(place)
    host, _colon, port = place.rpartition(":")
    if not host or not port.isdecimal():
        raise OSError("HOTLINE_CLAMD must be the path of a socket or host:port")
    return await asyncio.open_connection(host, int(port))
