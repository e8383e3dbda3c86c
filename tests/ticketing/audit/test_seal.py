"""Sealing the log: no event is skipped, however late its transaction commits, and no commit waits."""

from __future__ import annotations

import asyncio
import random
from datetime import date

from sqlalchemy import func, select, text

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, Event, record
from ticketing.audit import seal
from ticketing.audit.models import AuditDay, AuditSeal
from ticketing.audit.verify import verify
from ticketing.context import Core


async def write(database: Database, clock: ManualClock, subject_id: int, *, note: str = "字") -> None:
    async with database.transaction() as session:
        await record(
            session, at=clock.now(), name="ticket.edited", subject="ticket", subject_id=subject_id, who=SYSTEM, data={"note": note}
        )


async def test_batches_follow_each_other_without_a_gap(core: Core, database: Database, clock: ManualClock) -> None:
    for number in range(7):
        await write(database, clock, number % 3)
    assert await seal.run(core, database, batch=3) == 7
    assert await seal.run(core, database) == 0
    async with database.transaction() as session:
        seals = list(await session.scalars(select(AuditSeal).order_by(AuditSeal.number)))
    verdict = await verify(database)
    assert [(each.number, each.event_count) for each in seals] == [(1, 3), (2, 3), (3, 1)]
    assert (verdict.events, verdict.seals, verdict.unsealed, verdict.broken) == (7, 3, 0, None)


async def test_an_event_that_commits_late_is_waited_for_and_not_skipped(core: Core, database: Database, clock: ManualClock) -> None:
    """The late one has the lower number: a seal by numbers alone would pass it over and never come back."""
    async with database.transaction() as late:
        await record(late, at=clock.now(), name="x.late", subject="ticket", subject_id=1, who=SYSTEM)
        await write(database, clock, 2)  # a higher number, committed first; it did not wait for the late one
        assert await seal.run(core, database, patience_s=0.2) == 0
    assert await seal.run(core, database) == 2
    assert (await verify(database)).broken is None
    async with database.transaction() as session:
        names = list(await session.scalars(select(Event.name).order_by(Event.id)))
    assert names == ["x.late", "ticket.edited"]


async def test_a_rolled_back_event_leaves_a_gap_that_is_no_error(core: Core, database: Database, clock: ManualClock) -> None:
    await write(database, clock, 1)
    try:
        async with database.transaction() as session:
            await record(session, at=clock.now(), name="x.never", subject="ticket", subject_id=1, who=SYSTEM)
            raise LookupError
    except LookupError:
        pass
    await write(database, clock, 1)
    assert await seal.run(core, database) == 2
    assert (await verify(database)).broken is None


async def test_many_writers_while_two_sealers_run(core: Core, database: Database, clock: ManualClock) -> None:
    chance = random.Random(20261122)
    running = True

    async def writer(number: int) -> int:
        kept = 0
        for _ in range(12):
            keep = chance.random() > 0.2
            try:
                async with database.transaction() as session:
                    await record(session, at=clock.now(), name="x.y", subject="ticket", subject_id=chance.randrange(6), who=SYSTEM)
                    await session.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() / 100})
                    if not keep:
                        raise LookupError
                kept += 1
            except LookupError:
                continue
        return kept

    async def sealer() -> int:
        sealed = 0
        while running:
            sealed += await seal.run(core, database, batch=5)
        return sealed

    sealers = [asyncio.create_task(sealer()) for _ in range(2)]
    kept = sum(await asyncio.gather(*(writer(number) for number in range(8))))
    running = False
    sealed = sum(await asyncio.gather(*sealers)) + await seal.run(core, database)
    async with database.transaction() as session:
        counted = await session.scalar(select(func.sum(AuditSeal.event_count)))
    verdict = await verify(database)
    assert sealed == counted == kept == verdict.events
    assert verdict.broken is None
    assert verdict.unsealed == 0


async def test_each_day_that_is_over_gets_its_root_once(core: Core, database: Database, clock: ManualClock) -> None:
    for _ in range(3):
        await write(database, clock, 1)
        await seal.run(core, database)
        clock.advance(days=1)
    await seal.run(core, database)
    await seal.run(core, database)
    async with database.transaction() as session:
        days = list(await session.scalars(select(AuditDay).order_by(AuditDay.day)))
    verdict = await verify(database)
    assert [day.day for day in days] == [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)]
    assert [(day.first_seal, day.last_seal) for day in days] == [(1, 1), (2, 2), (3, 3)]
    assert days[1].previous_root == days[0].root
    assert verdict.whole


async def test_a_day_is_cut_at_midnight_of_the_city__lesson_19(core: Core, database: Database, clock: ManualClock) -> None:
    clock.advance(hours=13, minutes=59)  # 23:59 in the city, 15:59 UTC
    await write(database, clock, 1)
    await seal.run(core, database)
    clock.advance(minutes=2)
    await write(database, clock, 1)
    await seal.run(core, database)
    async with database.transaction() as session:
        day = (await session.scalars(select(AuditDay))).one()
    assert (day.day, day.event_count) == (date(2026, 11, 18), 1)
