"""A backup is worth what its restore gives back: attachments by content, the event chain whole (zammad 4585)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from hotline import backup, migrations
from hotline.assembly import Services
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, Event, history, record
from hotline.processes.postgres import PrivatePostgres
from hotline.settings import Settings
from tests.pictures import jpeg, png
from ticketing.attachment import removal
from ticketing.attachment.service import delete_attachments, store
from ticketing.audit import seal
from ticketing.audit.verify import verify
from ticketing.context import Core
from ticketing.ticket.models import Attachment


async def empty_database(server: PrivatePostgres, core: Core) -> Database:
    name = f"backup_{uuid4().hex}"
    await asyncio.to_thread(server.create_database, name)
    return Database(server.url(name), vault=core.vault)


@pytest.fixture
async def services(server: PrivatePostgres, settings: Settings, core: Core, clock: ManualClock) -> AsyncIterator[Services]:
    """Made by the migrations, with two attachments, a recording, and a sealed log."""
    database = await empty_database(server, core)
    await migrations.upgrade(database)
    async with database.transaction() as session:
        for body, name in ((png(), "灯.png"), (jpeg(), "路.jpg"), (png(), "又一张.png")):
            await store(core, settings, session, body=body, file_name=name, from_citizen=True)
        for _ in range(3):
            await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data={"note": "路灯坏了"})
    await seal.run(core, database)
    (core.data_dir / "recordings").mkdir()
    (core.data_dir / "recordings" / "a.wav").write_bytes(b"RIFF-sound")
    yield Services(settings, core, database)
    await database.close()


@pytest.fixture
async def elsewhere(server: PrivatePostgres, settings: Settings, core: Core, tmp_path: Path) -> AsyncIterator[Services]:
    """Another machine: an empty database, an empty data folder, the same keys."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    database = await empty_database(server, core)
    yield Services(settings.model_copy(update={"data_dir": folder}), replace(core, data_dir=folder), database)
    await database.close()


async def test_zammad_4585_the_restore_gives_the_attachments_back_also_when_their_folder_was_a_link(
    services: Services, elsewhere: Services, tmp_path: Path
) -> None:
    files = services.settings.data_dir / "files"
    files.rename(tmp_path / "big-disk")
    files.symlink_to(tmp_path / "big-disk")
    made = await backup.make(services, tmp_path / "backup")
    assert made.missing == []
    assert not any(path.is_symlink() for path in (tmp_path / "backup").rglob("*"))
    verdict = await backup.restore(elsewhere, tmp_path / "backup", elsewhere.database.url)
    assert (verdict.broken, verdict.events, verdict.seals, verdict.unsealed) == (None, 3, 1, 0)
    async with elsewhere.database.transaction() as session:
        kept = list(await session.scalars(select(Attachment).order_by(Attachment.created_at)))
        assert {event.data["note"] for event in await history(session, "ticket", 1)} == {"路灯坏了"}
    bodies = {b"".join([piece async for piece in elsewhere.core.files.read(each.path)]) for each in kept}
    assert (len(kept), bodies) == (3, {png(), jpeg()})
    assert (elsewhere.settings.data_dir / "recordings" / "a.wav").read_bytes() == b"RIFF-sound"


async def test_the_restored_log_goes_on_and_stays_append_only(services: Services, elsewhere: Services, tmp_path: Path) -> None:
    """Numbers of transactions start anew on another server: sealing must not depend on them."""
    await backup.make(services, tmp_path / "backup")
    await backup.restore(elsewhere, tmp_path / "backup", elsewhere.database.url)
    async with elsewhere.database.transaction() as session:
        await record(session, at=services.core.clock.now(), name="x.z", subject="ticket", subject_id=1, who=SYSTEM)
    assert await seal.run(elsewhere.core, elsewhere.database) == 1
    assert (await verify(elsewhere.database)).whole
    with pytest.raises(Exception, match="append-only"):
        async with elsewhere.database.transaction() as session:
            await session.execute(text("DELETE FROM event"))
    async with elsewhere.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Event)) == 4


async def test_a_missing_attachment_is_said_when_the_backup_is_made(services: Services, tmp_path: Path) -> None:
    lost = next(path for path in (services.settings.data_dir / "files").rglob("*") if path.is_file())
    lost.unlink()
    made = await backup.make(services, tmp_path / "backup")
    assert [Path(key).name for key in made.missing] == [lost.name]


async def test_a_damaged_backup_is_refused_before_anything_is_restored(services: Services, elsewhere: Services, tmp_path: Path) -> None:
    await backup.make(services, tmp_path / "backup")
    some = next(path for path in (tmp_path / "backup" / "attachments").rglob("*") if path.is_file())
    some.write_bytes(b"something else")
    with pytest.raises(backup.BackupError, match="not what was backed up"):
        await backup.restore(elsewhere, tmp_path / "backup", elsewhere.database.url)
    some.unlink()
    some.symlink_to("/etc/hostname")
    with pytest.raises(backup.BackupError, match="missing"):
        await backup.restore(elsewhere, tmp_path / "backup", elsewhere.database.url)
    assert await migrations.current(elsewhere.database) is None


async def test_nothing_is_overwritten(services: Services, tmp_path: Path) -> None:
    await backup.make(services, tmp_path / "backup")
    with pytest.raises(backup.BackupError, match="exists already"):
        await backup.make(services, tmp_path / "backup")
    with pytest.raises(backup.BackupError, match="not empty"):
        await backup.restore(services, tmp_path / "backup", services.database.url)


async def test_while_a_backup_runs_no_file_is_removed(services: Services) -> None:
    async with services.database.transaction() as session:
        await delete_attachments(services.core, session, list(await session.scalars(select(Attachment))), why="retention")
    async with backup._nothing_is_removed(services):
        assert await removal.run(services.core, services.database) == 0
    assert await removal.run(services.core, services.database) == 2
