from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from hotline import migrations
from hotline.database import Database
from hotline.events import SYSTEM, record
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres
from hotline.schema import metadata


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
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_server_default": False}), metadata)

    async with migrated.engine.connect() as connection:
        assert await connection.run_sync(differences) == [], "run script/migration"


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
