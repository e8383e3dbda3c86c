from __future__ import annotations

import asyncio
import gzip
import subprocess
import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from hotline import migrations
from hotline.commands.doctor import _upgrade
from hotline.commands.preflight import OLDEST_SERVER, look
from hotline.database import Database
from hotline.events import SYSTEM, record
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, binaries
from hotline.schema import metadata
from hotline.settings import Settings
from ticketing.audit.verify import verify


@pytest.fixture
async def migrated(server: PrivatePostgres) -> AsyncIterator[Database]:
    """A database made by the migrations, as an operator makes it."""
    name = f"migrated_{uuid4().hex}"
    await asyncio.to_thread(server.create_database, name)
    database = Database(server.url(name))
    await migrations.upgrade(database)
    yield database
    await database.close()


async def test_the_migrated_database_is_what_the_models_say(migrated: Database) -> None:
    async with migrated.engine.connect() as connection:
        assert await connection.run_sync(_differences) == [], "run script/migration"


def _differences(connection: Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_server_default": False}), metadata)


def test_migration_0001_was_written_from_the_models_of_today() -> None:
    assert initial.FILE.read_text(encoding="utf-8").endswith(initial.sql()), "run script/migration"


async def test_upgrade_twice_changes_nothing(migrated: Database) -> None:
    await migrations.upgrade(migrated)
    assert await migrations.current(migrated) == migrations.head()


@pytest.mark.parametrize("statement", ["UPDATE event SET name = 'x'", "DELETE FROM event", "TRUNCATE event"])
async def test_the_event_log_cannot_be_changed(migrated: Database, statement: str) -> None:
    async with migrated.transaction() as session:
        await record(session, at=datetime.now(UTC), name="test.happened", subject="test", subject_id=1, who=SYSTEM)
    with pytest.raises(ProgrammingError, match="append-only"):
        async with migrated.transaction() as session:
            await session.execute(text(statement))


RELEASES = sorted((Path(__file__).parents[1] / "seed" / "releases").glob("*.sql.gz"))
VERSION = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.mark.parametrize("snapshot", [*RELEASES, None], ids=lambda file: file.name.removesuffix(".sql.gz") if file else "today")
async def test_lesson_21_every_released_version_upgrades_with_its_data(
    server: PrivatePostgres, migrated: Database, tmp_path: Path, snapshot: Path | None
) -> None:
    """A database as that version made it, with the demo city in it, becomes today's: same rows, whole log, no leftover."""
    script = gzip.decompress(snapshot.read_bytes()) if snapshot else await _of_today(migrated)
    first = script.split(b"\n", 1)[0].decode()
    if snapshot and snapshot.name == f"{VERSION}.sql.gz" and first != f"-- 0001: {sha256(initial.FILE.read_bytes()).hexdigest()}":
        pytest.skip(f"{VERSION} is not released and its 0001 was written anew: script/release-snapshot")
    name = f"release_{uuid4().hex}"
    await asyncio.to_thread(server.create_database, name)
    (tmp_path / "release.sql").write_bytes(script)
    load = [str(binaries() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "release.sql"), server.url(name)]
    await asyncio.to_thread(subprocess.run, load, check=True, capture_output=True)
    database = Database(server.url(name))
    try:
        before = await _counts(database)
        assert before["event"] > 0
        await migrations.upgrade(database)
        assert await migrations.current(database) == migrations.head()
        after = await _counts(database)
        assert before == {table: after[table] for table in before}
        async with database.engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
        assert (await verify(database)).whole
    finally:
        await database.close()


async def _of_today(migrated: Database) -> bytes:
    """A dump in the manner of script/release-snapshot: as long as nothing is released, it holds the way of loading and upgrading."""
    async with migrated.transaction() as session:
        await record(session, at=datetime.now(UTC), name="test.happened", subject="test", subject_id=1, who=SYSTEM)
    dump = [str(binaries() / "pg_dump"), "--no-owner", "--no-privileges", migrated.url]
    return (await asyncio.to_thread(subprocess.run, dump, check=True, capture_output=True)).stdout


async def _counts(database: Database) -> dict[str, int]:
    tables = ("ticket", "assignment", "reply", "deadline", "event", "citizen", "callback_task", "notice", "staff", "unit")
    async with database.transaction() as session:
        return {table: int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in tables}


async def test_lesson_21_the_preflight_sees_what_is_pending_and_a_strong_role(
    server: PrivatePostgres, migrated: Database, settings: Settings
) -> None:
    seen = await look(migrated)
    assert (seen.pending, seen.owns, seen.server >= OLDEST_SERVER) == (False, True, True)
    found = {finding.part: finding for finding in _upgrade(settings.model_copy(update={"database_url": migrated.url}), seen)}
    assert (found["server"].ok, found["role"].ok) == (True, False)
    assert "owns nothing" in found["role"].advice
    assert seen.needed_mb(500) >= 500 + 2 * seen.size_mb
    name = f"empty_{uuid4().hex}"
    await asyncio.to_thread(server.create_database, name)
    empty = Database(server.url(name))
    try:
        assert (await look(empty)).pending
    finally:
        await empty.close()
