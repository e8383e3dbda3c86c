"""Rows of several tables in one statement come out as if each had been written by itself."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from sqlalchemy import event, func, select

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, Outbox, enqueue, history, record
from hotline.together import _columns, get, next_number, put, together
from ticketing.citizen.models import Citizen
from ticketing.ticket.models import NUMBER_SEQUENCE, Ticket
from ticketing.ticket.workflow_versions import WorkflowVersion


def _citizen(clock: ManualClock, needs: str = "") -> Citizen:
    return Citizen(created_at=clock.now(), needs=needs)


async def _message(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        await enqueue(session, at=clock.now(), channel="sms", kind="text", recipient="1", payload={"字": [1, None]}, dedupe_key="once")


async def test_numbers_by_one_statement_and_everything_written_by_a_second(database: Database, clock: ManualClock) -> None:
    seen: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda _c, _k, statement, *_: seen.append(statement))
    async with database.transaction() as session:
        async with together(session, Citizen, Citizen, NUMBER_SEQUENCE):
            number = await next_number(session, NUMBER_SEQUENCE)
            first, second = await put(session, _citizen(clock)), await put(session, _citizen(clock))
            assert await get(session, Citizen, first.id) is first
            first.needs = "deaf"  # until the end of the block a row may change
            for name in ("one", "two"):
                await record(session, at=clock.now(), name=name, subject="person", subject_id=first.id, who=SYSTEM)
            await enqueue(session, at=clock.now(), channel="sms", kind="text", recipient="1", payload={"字": [1]}, dedupe_key="k")
        assert len(seen) == 2, seen
        assert number != await next_number(session, NUMBER_SEQUENCE)
        second.needs = "elderly"  # they belong to the session now
    async with database.transaction() as session:
        chain = await history(session, "person", first.id)
        assert [each.name for each in chain] == ["one", "two"]
        assert all(later.previous_hash == earlier.hash for earlier, later in pairwise(chain))
        stored = {row.id: row for row in await session.scalars(select(Citizen))}
        assert {first.id: "deaf", second.id: "elderly"} == {number: row.needs for number, row in stored.items()}
        assert stored[first.id].phone_verified is False, "defaults of the model are filled in"
        assert (await session.scalars(select(Outbox))).one().payload == {"字": [1]}


async def test_an_error_in_the_block_writes_nothing_and_leaves_the_session_usable(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        with suppress(ZeroDivisionError):
            async with together(session, Citizen):
                await put(session, _citizen(clock))
                await record(session, at=clock.now(), name="one", subject="person", subject_id=1, who=SYSTEM)
                raise ZeroDivisionError
        kept = await put(session, _citizen(clock, "deaf"))  # outside: written at once
        assert await session.scalar(select(func.count()).select_from(Citizen)) == 1
        assert await get(session, Citizen, kept.id) is kept
        assert await history(session, "person", 1) == []


async def test_a_message_with_a_known_key_is_passed_over_in_a_block_as_outside(database: Database, clock: ManualClock) -> None:
    await _message(database, clock)
    await _message(database, clock)
    async with database.transaction() as session, together(session, Citizen):
        await put(session, _citizen(clock))
        await enqueue(session, at=clock.now(), channel="sms", kind="text", recipient="2", payload={}, dedupe_key="once")
    async with database.transaction() as session:
        assert [row.recipient for row in await session.scalars(select(Outbox))] == ["1"]
        assert await session.scalar(select(func.count()).select_from(Citizen)) == 1


async def test_blocks_are_not_nested(database: Database) -> None:
    async with database.transaction() as session, together(session):
        with pytest.raises(RuntimeError, match="not nested"):
            await together(session).__aenter__()


async def test_what_only_the_database_fills_in_is_refused_instead_of_left_unknown(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkflowVersion.__table__.c.note, "default", None)
    async with database.transaction() as session, together(session):
        with pytest.raises(TypeError, match="note"):
            await put(session, WorkflowVersion(version=9, document="", sha256="", published_at=clock.now()))


async def test_all_columns_of_a_ticket_have_the_names_of_their_attributes() -> None:
    assert set(_columns(Ticket)) == set(Ticket.__table__.columns.keys())
