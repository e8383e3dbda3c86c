"""Sealing the event log in batches. A job does it, so that no commit waits for another (docs/decisions/0097).

Numbers of events are given before their transactions commit, so a lower number may become visible later. A batch is
closed only when every transaction that was under way when its end was chosen is over: then no number in it can come late.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from hotline.clock import CITY_ZONE, to_city
from ticketing.audit.models import AuditDay, AuditSeal

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from hotline.database import Database
    from ticketing.context import Core

BATCH = 20_000
"""Most event numbers in one seal."""
PATIENCE_S = 3.0
"""How long a tick waits for transactions under way; after that the next tick tries again."""
_LOCK = 0x6175646974  # "audit": one sealer at a time, however many schedulers run


def batch_digest(events: Iterable[tuple[int, str]]) -> tuple[str, int]:
    """The hash over a batch of (id, hash) and how many there are."""
    digest, count = hashlib.sha256(), 0
    for number, value in events:
        digest.update(f"{number} {value}\n".encode())
        count += 1
    return digest.hexdigest(), count


def seal_digest(previous: str, seal: AuditSeal) -> str:
    """The hash of a seal: over the one before it and everything it says."""
    at = seal.at.astimezone(CITY_ZONE).isoformat(timespec="microseconds")
    told = f"{previous}\n{seal.number}\n{at}\n{seal.first_event_id}\n{seal.last_event_id}\n{seal.event_count}\n{seal.batch_hash}"
    return hashlib.sha256(told.encode()).hexdigest()


def day_root(previous: str, day: date, last: AuditSeal) -> str:
    """The root of a day: over the root before it, the day and the day's last seal, which stands for all before."""
    return hashlib.sha256(f"{previous}\n{day.isoformat()}\n{last.hash}".encode()).hexdigest()


async def run(core: Core, database: Database, *, batch: int = BATCH, patience_s: float = PATIENCE_S) -> int:
    """Seal what is safe to seal and make the roots of days that are over; returns the number of events sealed.

    For the scheduler. Several at once are harmless: one seals, the others find nothing to do.
    """
    end = await _safe_end(database, patience_s)
    sealed = 0
    while end is not None:
        async with database.transaction() as session:
            done = await _seal_one(core, session, end, batch)
        if done is None:
            break
        sealed += done
    async with database.transaction() as session:
        await _make_days(core, session)
    return sealed


async def _safe_end(database: Database, patience_s: float) -> int | None:
    """The highest event number below which nothing can appear any more; None when a transaction is still under way.

    The end is read first and our own transaction number taken afterwards: whoever holds a lower event number has a lower
    transaction number (`append_events` takes them in this order). When no transaction up to ours is running any more,
    everything below the end is either visible or will never be.
    """
    async with database.transaction() as session:
        end = await session.scalar(text("SELECT max(id) FROM event"))
        if end is None or (await _last(session), end) == (end, end):
            return None
        ours = int(str(await session.scalar(text("SELECT pg_current_xact_id()::text"))))
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        async with database.transaction() as session:
            oldest = int(str(await session.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))))
        if oldest > ours:
            return int(end)
        if asyncio.get_running_loop().time() > deadline:
            return None
        await asyncio.sleep(0.05)  # asks again whether they are over


async def _last(session: AsyncSession) -> int:
    return int(await session.scalar(select(func.max(AuditSeal.last_event_id))) or 0)


async def _seal_one(core: Core, session: AsyncSession, end: int, batch: int) -> int | None:
    """One seal, at most to `end`. Returns how many events it holds; None when there is nothing left."""
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
        return None
    before = (await session.scalars(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))).first()
    first = before.last_event_id + 1 if before else 1
    ids = text("SELECT id, hash FROM event WHERE id >= :first AND id <= :end ORDER BY id LIMIT :batch")
    rows = [(row.id, row.hash) for row in await session.execute(ids, {"first": first, "end": end, "batch": batch})]
    if not rows:
        return None
    batch_hash, count = batch_digest(rows)
    seal = AuditSeal(
        number=before.number + 1 if before else 1,
        at=core.clock.now(),
        first_event_id=first,
        last_event_id=rows[-1][0],
        event_count=count,
        batch_hash=batch_hash,
        previous_hash=before.hash if before else "",
    )
    seal.hash = seal_digest(seal.previous_hash, seal)
    session.add(seal)
    await session.flush()
    return count


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), CITY_ZONE)


async def _make_days(core: Core, session: AsyncSession) -> None:
    """The roots of all days that are over and have a seal."""
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
        return
    today = to_city(core.clock.now()).date()
    before = (await session.scalars(select(AuditDay).order_by(AuditDay.day.desc()).limit(1))).first()
    while True:
        after = before.last_seal if before else 0
        first = (await session.scalars(select(AuditSeal).where(AuditSeal.number > after).order_by(AuditSeal.number).limit(1))).first()
        if first is None:
            return
        day = to_city(first.at).date()
        if day >= today:
            return
        theirs = (AuditSeal.number >= first.number, AuditSeal.at < _midnight(day + timedelta(days=1)))
        last = (await session.scalars(select(AuditSeal).where(*theirs).order_by(AuditSeal.number.desc()).limit(1))).one()
        count = await session.scalar(select(func.sum(AuditSeal.event_count)).where(*theirs))
        previous = before.root if before else ""
        before = AuditDay(
            day=day, first_seal=first.number, last_seal=last.number, event_count=int(count or 0),
            previous_root=previous, root=day_root(previous, day, last), made_at=core.clock.now(),
        )  # fmt: skip
        session.add(before)
        await session.flush()
