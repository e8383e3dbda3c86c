"""Keeping files: once per content, within limits, refused when the disk is nearly full, removed for good and not too early."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import InvalidInput, NotFound, Unavailable
from hotline.settings import Settings
from tests.pictures import GPS, jpeg, png
from ticketing.attachment import removal
from ticketing.attachment.models import FileRemoval
from ticketing.attachment.service import delete_attachments, drop_unclaimed, store
from ticketing.attachment.store import DiskStore, key_of
from ticketing.context import Core
from ticketing.ticket.models import Attachment


async def keep(core: Core, settings: Settings, database: Database, body: bytes, name: str = "a.png", **more: Any) -> Attachment:
    async with database.transaction() as session:
        return await store(core, settings, session, body=body, file_name=name, from_citizen=True, **more)


def on_disk(core: Core) -> list[Path]:
    return [path for path in (core.data_dir / "files").glob("**/*") if path.is_file()]


async def test_the_same_file_twice_is_two_rows_and_one_file(core: Core, settings: Settings, database: Database) -> None:
    first = await keep(core, settings, database, png())
    second = await keep(core, settings, database, png(), "b.png")
    assert first.id != second.id
    assert first.path == second.path == key_of(hashlib.sha256(png()).hexdigest())
    assert len(on_disk(core)) == 1


async def test_the_same_file_from_many_at_once_is_one_file(core: Core, settings: Settings, database: Database) -> None:
    await asyncio.gather(*(keep(core, settings, database, png()) for _ in range(8)))
    assert [path.read_bytes() for path in on_disk(core)] == [png()]


async def test_what_is_kept_does_not_tell_where_the_citizen_lives(core: Core, settings: Settings, database: Database) -> None:
    attachment = await keep(core, settings, database, jpeg(told=GPS))
    kept = b"".join([piece async for piece in core.files.read(attachment.path)])
    assert GPS not in kept
    assert (attachment.size_bytes, attachment.sha256) == (len(kept), hashlib.sha256(kept).hexdigest())


async def test_lesson_10_a_nearly_full_disk_refuses_before_anything_is_written(core: Core, settings: Settings, database: Database) -> None:
    full = settings.model_copy(update={"min_free_disk_mb": 10**9})
    with pytest.raises(Unavailable, match="存储空间不足"):
        await keep(core, full, database, png())
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0
    assert on_disk(core) == []


async def test_lesson_10_a_disk_that_fills_up_while_writing_leaves_no_row_and_no_half_file(
    core: Core, settings: Settings, database: Database
) -> None:
    blocked = core.data_dir / "files"
    blocked.write_text("a file where the folder should be: the system refuses to write")
    with pytest.raises(Unavailable):
        await keep(core, settings, database, png())
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0


async def test_limits_per_file_and_day(core: Core, settings: Settings, database: Database, clock: ManualClock) -> None:
    with pytest.raises(InvalidInput, match="超过"):
        await keep(core, settings.model_copy(update={"upload_max_bytes": 1024}), database, png() + bytes(1024))
    one_mb = settings.model_copy(update={"upload_day_max_mb": 1})
    big = b"%PDF-1.7\n" + bytes(700_000)
    await keep(core, one_mb, database, big)
    with pytest.raises(Unavailable, match="今天"):
        await keep(core, one_mb, database, big)
    clock.advance(days=1)
    await keep(core, one_mb, database, big)


async def test_bytes_go_with_the_last_row_and_not_before(core: Core, settings: Settings, database: Database) -> None:
    first, second = [await keep(core, settings, database, png()) for _ in range(2)]
    for attachment, left in ((first, 1), (second, 0)):
        async with database.transaction() as session:
            await delete_attachments(core, session, [await session.get_one(Attachment, attachment.id)], why="retention")
        assert len(on_disk(core)) == 1, "bytes are removed after the commit, by the job"
        assert await removal.run(core, database) == 1 - left
        assert len(on_disk(core)) == left
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(FileRemoval)) == 0


async def test_a_file_kept_again_while_it_waits_for_removal_stays(core: Core, settings: Settings, database: Database) -> None:
    attachment = await keep(core, settings, database, png())
    async with database.transaction() as session:
        await delete_attachments(core, session, [await session.get_one(Attachment, attachment.id)], why="retention")
    await keep(core, settings, database, png())
    assert await removal.run(core, database) == 0
    assert len(on_disk(core)) == 1


async def test_a_rolled_back_deletion_removes_nothing(core: Core, settings: Settings, database: Database) -> None:
    attachment = await keep(core, settings, database, png())

    async def delete_and_fail() -> None:
        async with database.transaction() as session:
            await delete_attachments(core, session, [await session.get_one(Attachment, attachment.id)], why="retention")
            raise LookupError

    with pytest.raises(LookupError):
        await delete_and_fail()
    assert await removal.run(core, database) == 0
    assert len(on_disk(core)) == 1


async def test_files_of_rolled_back_transactions_go_after_a_day(
    core: Core, settings: Settings, database: Database, clock: ManualClock
) -> None:
    async def keep_and_fail() -> None:
        async with database.transaction() as session:
            await store(core, settings, session, body=png(1), file_name="a.png", from_citizen=True)
            raise LookupError

    await keep(core, settings, database, png(2))
    with pytest.raises(LookupError):
        await keep_and_fail()
    for path in on_disk(core):
        os.utime(path, (clock.now().timestamp(),) * 2)
    clock.advance(hours=23)
    assert await removal.sweep_orphans(core, database) == 0
    clock.advance(hours=2)
    assert await removal.sweep_orphans(core, database) == 1
    assert await removal.sweep_orphans(core, database) == 0
    assert await removal.run(core, database) == 1
    assert [path.read_bytes() for path in on_disk(core)] == [png(2)]


async def test_what_cannot_be_removed_is_tried_again_later(
    core: Core, settings: Settings, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment = await keep(core, settings, database, png())
    async with database.transaction() as session:
        await delete_attachments(core, session, [await session.get_one(Attachment, attachment.id)], why="erased")

    async def refuse(_self: DiskStore, _key: str) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "delete", refuse)
        assert await removal.run(core, database) == 0
    async with database.transaction() as session:
        waiting = (await session.scalars(select(FileRemoval))).one()
        assert (waiting.attempts, waiting.last_error) == (1, "PermissionError")
    assert await removal.run(core, database) == 0, "not before its time"
    clock.advance(minutes=3)
    assert await removal.run(core, database) == 1
    assert on_disk(core) == []


async def test_files_that_nobody_claims_go(core: Core, settings: Settings, database: Database, clock: ManualClock) -> None:
    await keep(core, settings, database, png())
    clock.advance(hours=2, seconds=1)
    async with database.transaction() as session:
        assert await drop_unclaimed(core, session) == 1
    assert await removal.run(core, database) == 1
    assert on_disk(core) == []


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "files/../../x", ""])
async def test_a_key_never_leads_out_of_the_folder(core: Core, key: str) -> None:
    with pytest.raises(NotFound):
        await anext(DiskStore(core.data_dir).read(key))
