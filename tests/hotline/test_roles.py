"""The service's database role works the hotline and cannot touch what guards the event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from hotline import migrations
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, history, record
from hotline.processes.postgres import SERVICE, PrivatePostgres
from ticketing.audit import seal
from ticketing.audit.verify import verify
from ticketing.context import Core
from ticketing.people.models import Unit


@pytest.fixture
async def service(server: PrivatePostgres, core: Core) -> AsyncIterator[Database]:
    """The database as `hotline db upgrade` leaves it, opened as the service opens it."""
    name = f"roles_{uuid4().hex}"
    await asyncio.to_thread(server.create_database, name)
    owner = Database(server.url(name))
    await migrations.upgrade(owner)
    for _ in range(2):
        await migrations.grant(owner, SERVICE)
    await owner.close()
    database = Database(server.url(name, role=SERVICE), vault=core.vault)
    yield database
    await database.close()


async def test_the_service_writes_reads_seals_and_verifies(service: Database, core: Core, clock: ManualClock) -> None:
    async with service.transaction() as session:
        session.add(Unit(code="u", name="单位", level=1))
        await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=1, who=SYSTEM, data={"note": "字"})
    assert await seal.run(core, service) == 1
    assert (await verify(service)).whole
    async with service.transaction() as session:
        assert (await history(session, "ticket", 1))[0].data == {"note": "字"}
        await session.delete((await session.scalars(select(Unit))).one())
    assert await migrations.current(service) == migrations.head()


@pytest.mark.parametrize("statement", [
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "ALTER TABLE event DISABLE TRIGGER event_append_only",
    "DROP TRIGGER event_append_only ON event",
    "DROP FUNCTION refuse_audit_change() CASCADE",
    "CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "SET session_replication_role = replica",
    "UPDATE event SET name = 'x'",
    "DELETE FROM event",
    "TRUNCATE event",
    "DELETE FROM audit_seal",
    "UPDATE audit_day SET root = 'x'",
    "DROP TABLE event",
    "ALTER TABLE event RENAME TO old",
    "CREATE TABLE mine (id int)",
    "UPDATE alembic_version SET version_num = 'x'",
    "SET ROLE hotline",
])  # fmt: skip
async def test_the_service_cannot_switch_off_the_guards(service: Database, statement: str) -> None:
    with pytest.raises(DBAPIError):
        async with service.transaction() as session:
            await session.execute(text(statement))
