"""Many events in a few statements make the same chains as one by one."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from hotline import events
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, Happening, history, record, record_many


async def test_bulk_events_continue_each_chain_and_single_ones_continue_after_them(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        await record(session, at=clock.now(), name="ticket.registered", subject="ticket", subject_id=7, who=SYSTEM, data={"a": 1})
        many = [Happening("supervise.reminded", 7, SYSTEM, {"n": n}) for n in range(3)] + [Happening("supervise.red", 8, SYSTEM)]
        await record_many(session, at=clock.now(), subject="ticket", happenings=many)
        await record(session, at=clock.now(), name="ticket.closed", subject="ticket", subject_id=7, who=SYSTEM)
    async with database.transaction() as session:
        chain = await history(session, "ticket", 7)
        other = await history(session, "ticket", 8)
    assert [event.seq for event in chain] == [1, 2, 3, 4, 5]
    assert [event.name for event in chain][1:4] == ["supervise.reminded"] * 3
    assert all(later.previous_hash == earlier.hash for earlier, later in pairwise(chain))
    assert len({event.hash for event in chain}) == 5
    assert (other[0].seq, other[0].previous_hash) == (1, "")


async def test_the_hash_of_a_bulk_event_is_the_one_that_a_single_event_gets(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        for subject_id in (1, 2):
            what: dict[str, Any] = {"name": "supervise.red", "who": SYSTEM, "data": {"文": "字", "half": 0.5, "whole": 2.0, "many": 1e16}}
            if subject_id == 1:
                await record(session, at=clock.now(), subject="other", subject_id=1, **what)
            else:
                await record_many(session, at=clock.now(), subject="other", happenings=[Happening(subject_id=2, **what)])
        for subject_id in (1, 2):
            event = (await history(session, "other", subject_id))[0]
            told = {name: getattr(event, name) for name in ("at", "name", "subject", "subject_id", "actor_kind", "actor_id", "actor_label")}
            body = events.body_digest({**told, "data": event.stored, "public": event.public})
            assert event.hash == events.link_digest("", 1, body), "what comes back from the database gives the same hash"


async def test_bulk_writers_at_once_do_not_block_each_other_for_ever(database: Database, clock: ManualClock) -> None:
    async def write(order: list[int]) -> None:
        async with database.transaction() as session:
            await record_many(session, at=clock.now(), subject="t", happenings=[Happening("e", n, SYSTEM) for n in order])

    await asyncio.gather(*(write(list(range(20))[::step]) for step in (1, -1, 1, -1)))
    async with database.transaction() as session:
        assert [event.seq for event in await history(session, "t", 5)] == [1, 2, 3, 4]
