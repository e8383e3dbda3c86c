"""A small picture as attachment, drawn here so that no photograph of a real place is needed."""

from __future__ import annotations

import struct
import zlib
from uuid import UUID

from sqlalchemy import select

from channels.web.files import store
from hotline.demo.stage import Life, Stage, Step
from ticketing.ticket.models import Attachment

WIDTH, HEIGHT = 320, 200
_SKY, _GROUND, _WALL, _WINDOW = (200, 222, 240), (150, 140, 130), (198, 120, 84), (92, 110, 132)


def street_picture(seed: int) -> bytes:
    """A PNG of a street with houses; another `seed` gives other houses."""
    rows = []
    for y in range(HEIGHT):
        row = bytearray([0])  # filter type: none
        for x in range(WIDTH):
            row += bytes(_colour(x, y, seed))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(b"".join(rows), 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _colour(x: int, y: int, seed: int) -> tuple[int, int, int]:
    house = x // 64
    top = 50 + (house * 37 + seed * 13) % 60
    if y > HEIGHT - 40:
        return _GROUND
    if y > top and x % 64 > 4:
        return _WINDOW if (x % 16) in range(6, 12) and (y - top) % 28 in range(10, 20) else _WALL
    return _SKY


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def attach(file_name: str) -> Step:
    """The citizen adds a picture."""

    async def step(stage: Stage, life: Life) -> None:
        await _keep(stage, life, file_name, street_picture(life.serial), from_citizen=True)

    return step


async def afterwards(stage: Stage, life: Life) -> tuple[UUID, ...]:
    """Who got a picture from the citizen sends one of how it looks now: what goes with the unit's reply."""
    if await stage.session.scalar(select(Attachment.id).where(Attachment.ticket_id == life.ticket_id).limit(1)) is None:
        return ()
    kept = await _keep(stage, life, "处理后现场.png", street_picture(life.serial + 7), from_citizen=False)
    return (kept.id,)


async def _keep(stage: Stage, life: Life, file_name: str, body: bytes, *, from_citizen: bool) -> Attachment:
    return await store(
        stage.core, stage.settings, stage.session, body=body, file_name=file_name, from_citizen=from_citizen, ticket_id=life.ticket_id
    )
