"""Whatever a person with every right in the database changes, the verification finds the first place."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, record
from ticketing.audit import seal
from ticketing.audit.verify import Verdict, verify
from ticketing.context import Core


@pytest.fixture
async def log(core: Core, database: Database, clock: ManualClock) -> Database:
    """Three tickets, three events each, a seal per day, two days with roots."""
    for _day in range(3):
        for ticket in (1, 2, 3):
            async with database.transaction() as session:
                data = {"note": "已联系", "unit": 3}
                await record(session, at=clock.now(), name="ticket.edited", subject="ticket", subject_id=ticket, who=SYSTEM, data=data)
        await seal.run(core, database)
        clock.advance(days=1)
    await seal.run(core, database)
    return database


async def forge(database: Database, *statements: str) -> None:
    """As the superuser with the triggers off."""
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await session.execute(text(statement))


async def look(database: Database, **which: Any) -> Verdict:
    return await verify(database, **which)


async def test_an_untouched_log_is_whole(log: Database) -> None:
    verdict = await look(log)
    assert (verdict.events, verdict.seals, verdict.days, verdict.unsealed, verdict.broken) == (9, 3, 3, 0, None)


COPY = (
    "INSERT INTO event (at, name, subject, subject_id, seq, actor_kind, actor_label, data, public, previous_hash, hash) "
    "SELECT at, name, subject, '9', 1, actor_kind, actor_label, data, public, '', "
    "'{hash}' FROM event WHERE id = 5"
)

FORGERIES = {
    "a changed word": (["UPDATE event SET data = jsonb_set(data, '{unit}', '4') WHERE id = 5"], "event 5", "changed"),
    "a changed time": (["UPDATE event SET at = at - interval '1 day' WHERE id = 5"], "event 5", "changed"),
    "a changed name": (["UPDATE event SET name = 'ticket.closed' WHERE id = 5"], "event 5", "changed"),
    "another actor": (["UPDATE event SET actor_id = 7, actor_kind = 'staff' WHERE id = 5"], "event 5", "changed"),
    "made public": (["UPDATE event SET public = true WHERE id = 5"], "event 5", "changed"),
    "a deleted event": (["DELETE FROM event WHERE id = 5"], "event 8", "number 2 of this chain is missing"),
    "a deleted last event": (["DELETE FROM event WHERE id = 9"], "seal 3", "made over 3 events"),
    "a whole chain deleted": (["DELETE FROM event WHERE subject_id = '2'"], "seal 1", "made over 3 events"),
    "two events exchanged": (
        ["UPDATE event SET seq = 0 WHERE id = 5", "UPDATE event SET seq = 2 WHERE id = 8", "UPDATE event SET seq = 3 WHERE id = 5"],
        "event 8", "does not follow",
    ),
    "two numbers exchanged": (
        ["UPDATE event SET id = 0 WHERE id = 5", "UPDATE event SET id = 5 WHERE id = 6", "UPDATE event SET id = 6 WHERE id = 0"],
        "seal 2", "replaced",
    ),
    "a deleted first seal": (["DELETE FROM audit_seal WHERE number = 1"], "seal 1", "missing"),
    "a deleted seal": (["DELETE FROM audit_seal WHERE number = 2"], "seal 2", "missing"),
    "a deleted last seal": (["DELETE FROM audit_seal WHERE number = 3"], "seal 3", "missing"),
    "a changed seal": (["UPDATE audit_seal SET event_count = 2 WHERE number = 2"], "seal 2", "changed"),
    "a deleted day": (["DELETE FROM audit_day WHERE day = '2026-11-19'"], "day 2026-11-20", "missing"),
    "a changed day": (["UPDATE audit_day SET root = 'x' WHERE day = '2026-11-19'"], "day 2026-11-19", "root"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
async def test_a_forgery_is_found(log: Database, what: str) -> None:
    statements, where, why = FORGERIES[what]
    await forge(log, *statements)
    verdict = await look(log)
    assert verdict.broken is not None
    assert where in verdict.broken.where
    assert why in verdict.broken.why


async def test_an_event_slipped_into_a_gap_is_found_even_with_a_right_hash(core: Core, log: Database, clock: ManualClock) -> None:
    """Hash and chain are right, only the seal knows that there was no such event."""
    try:
        async with log.transaction() as session:
            await record(session, at=clock.now(), name="x.never", subject="ticket", subject_id=1, who=SYSTEM)
            raise LookupError
    except LookupError:
        pass
    for ticket in (4, 5):
        async with log.transaction() as session:
            await record(session, at=clock.now(), name="ticket.edited", subject="ticket", subject_id=ticket, who=SYSTEM)
    await seal.run(core, log)
    async with log.transaction() as session:
        await record(session, at=clock.now(), name="ticket.edited", subject="ticket", subject_id=6, who=SYSTEM)
    await forge(log, "UPDATE event SET id = 10 WHERE subject_id = '6'")
    broken = (await look(log)).broken
    assert broken is not None
    assert (broken.where, "now there are 3" in broken.why) == ("seal 4", True)


async def test_a_chain_written_anew_after_a_change_is_found_by_the_seal(log: Database) -> None:
    """Somebody who knows how hashes are made forges the whole chain of a ticket: the seal is over the old hashes."""
    await forge(log, "UPDATE event SET name = 'ticket.closed' WHERE id = 8")
    async with log.transaction() as session:
        row = (await session.execute(text("SELECT * FROM event WHERE id = 8"))).one()
        from hotline.events import body_digest, link_digest

        forged = link_digest(row.previous_hash, row.seq, body_digest(dict(row._mapping)))
    await forge(log, f"UPDATE event SET hash = '{forged}' WHERE id = 8")
    broken = (await look(log)).broken
    assert broken is not None
    assert (broken.where, "replaced" in broken.why) == ("seal 3", True)


async def test_one_ticket_or_some_days_are_verified_alone(log: Database) -> None:
    assert (await look(log, ticket_id=2)).events == 3
    assert (await look(log, first_day=date(2026, 11, 19), last_day=date(2026, 11, 19))).events == 3
    await forge(log, "UPDATE event SET public = true WHERE id = 5")
    assert (await look(log, ticket_id=1)).whole
    assert not (await look(log, ticket_id=2)).whole
    assert (await look(log, first_day=date(2026, 11, 20))).whole
    assert not (await look(log, first_day=date(2026, 11, 19), last_day=date(2026, 11, 19))).whole


async def test_a_ticket_whose_last_event_was_deleted_is_found_by_day(log: Database) -> None:
    await forge(log, "DELETE FROM event WHERE id = 8")
    assert not (await look(log, first_day=date(2026, 11, 20), last_day=date(2026, 11, 20))).whole


@pytest.mark.parametrize("table", ["event", "audit_seal", "audit_day"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_database_refuses_change(log: Database, table: str, statement: str) -> None:
    column = {"event": "hash", "audit_seal": "hash", "audit_day": "root"}[table]
    with pytest.raises(DBAPIError, match="append-only"):
        async with log.transaction() as session:
            await session.execute(text(statement.format(table, column, column)))
