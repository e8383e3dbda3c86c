"""Verifying the event log: every chain, every seal, every day's root. Streams, so memory does not grow with the log.

What is checked, in this order: each event's own hash and its link to the one before it of the same subject; each seal's
hash, its place after the one before, and the events it holds; each day's root. The first thing that is wrong is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, text

from hotline.clock import CITY_ZONE
from hotline.events import body_digest, link_digest
from ticketing.audit.models import AuditDay, AuditSeal
from ticketing.audit.seal import day_root, seal_digest

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from hotline.database import Database

_COLUMNS = "id, at, name, subject, subject_id, seq, actor_kind, actor_id, actor_label, data, public, previous_hash, hash"
_PAGE = 1000


@dataclass(frozen=True)
class Broken:
    """The first thing that is wrong."""

    where: str
    """For example `event 4711 (ticket 12, number 3)`, `seal 7`, `day 2026-11-18`."""
    why: str


@dataclass(frozen=True)
class Verdict:
    """What was looked at and what was found."""

    events: int
    seals: int
    days: int
    unsealed: int
    """Events after the last seal: their chains are checked, but that none is missing cannot be."""
    broken: Broken | None

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


class _Found(Exception):
    """Carries the first broken link out of the walk."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why)
        self.broken = Broken(where, why)


async def verify(
    database: Database, *, ticket_id: int | None = None, first_day: date | None = None, last_day: date | None = None
) -> Verdict:
    """Verify the whole log, one ticket's chain (and every seal that holds a part of it), or what was sealed on some days.

    Reads one snapshot in a transaction of its own, so that a log that grows meanwhile is no error.
    """
    async with database.transaction() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await session.execute(text("SET LOCAL statement_timeout = 0"))
        walk = _Walk(session, ticket_id, first_day, last_day)
        broken = None
        try:
            await walk.all()
        except _Found as found:
            broken = found.broken
    return Verdict(walk.events, walk.seals, walk.days, walk.unsealed, broken)


class _Walk:
    """One verification with its counts."""

    def __init__(self, session: AsyncSession, ticket_id: int | None, first_day: date | None, last_day: date | None) -> None:
        self._session = session
        self._ticket = str(ticket_id) if ticket_id is not None else None
        self._from = datetime.combine(first_day, time(0), CITY_ZONE) if first_day else None
        self._to = datetime.combine(last_day + timedelta(days=1), time(0), CITY_ZONE) if last_day else None
        self._first_day, self._last_day = first_day, last_day
        self.events = self.seals = self.days = self.unsealed = 0

    async def all(self) -> None:
        """Chains, seals, days."""
        await self._chains()
        await self._seals()
        if self._ticket is None:
            await self._days()

    async def _rows(self, statement: str, values: dict[str, Any]) -> AsyncIterator[Row[Any]]:
        result = await self._session.stream(text(statement).bindparams(**values), execution_options={"yield_per": _PAGE})
        async for row in result:
            yield row

    def _moments(self) -> tuple[str, dict[str, Any]]:
        conditions: list[str] = []
        values: dict[str, Any] = {}
        if self._ticket is not None:
            conditions.append("subject = 'ticket' AND subject_id = :ticket")
            values["ticket"] = self._ticket
        if self._from:
            conditions.append("at >= :first")
            values["first"] = self._from
        if self._to:
            conditions.append("at < :last")
            values["last"] = self._to
        return (" WHERE " + " AND ".join(conditions) if conditions else ""), values

    async def _chains(self) -> None:
        """Each event by itself and after the one before it. In the order of the chains: the index holds it."""
        where, values = self._moments()
        partly = self._from is not None or self._to is not None
        subject, seq, previous = ("", ""), 0, ""
        async for row in self._rows(f"SELECT {_COLUMNS} FROM event{where} ORDER BY subject, subject_id, seq", values):  # noqa: S608 - our own texts
            self.events += 1
            place = f"event {row.id} ({row.subject} {row.subject_id}, number {row.seq})"
            if (row.subject, row.subject_id) != subject:
                subject = (row.subject, row.subject_id)
                seq, previous = (row.seq - 1, row.previous_hash) if partly else (0, "")
            if row.seq != seq + 1:
                raise _Found(place, f"number {seq + 1} of this chain is missing")
            if row.previous_hash != previous:
                raise _Found(place, "it does not follow the event before it: one of them was replaced")
            if link_digest(row.previous_hash, row.seq, body_digest(dict(row._mapping))) != row.hash:
                raise _Found(place, "its content was changed after it was recorded")
            seq, previous = row.seq, row.hash

    async def _seals(self) -> None:
        """Each seal by itself, after the one before it, and over exactly the events it was made for."""
        before: AuditSeal | None = None
        async for seal in self._wanted_seals():
            if before is None and seal.number > 1:
                before = await self._session.get(AuditSeal, seal.number - 1)
                if before is None:
                    raise _Found(f"seal {seal.number - 1}", "it is missing")
            if self._ticket is not None and before is not None and before.number != seal.number - 1:
                before = await self._session.get(AuditSeal, seal.number - 1)
            await self._one_seal(seal, before)
            before = seal
        if self._ticket is None and self._from is None and self._to is None:
            last = before.last_event_id if before else 0
            self.unsealed = int(await self._session.scalar(text("SELECT count(*) FROM event WHERE id > :last"), {"last": last}) or 0)

    async def _wanted_seals(self) -> AsyncIterator[AuditSeal]:
        wanted = select(AuditSeal).order_by(AuditSeal.number)
        if self._ticket is not None:
            holds = text(
                "EXISTS (SELECT 1 FROM event WHERE subject = 'ticket' AND subject_id = :ticket"
                " AND id BETWEEN audit_seal.first_event_id AND audit_seal.last_event_id)"
            ).bindparams(ticket=self._ticket)
            wanted = wanted.where(holds)
        if self._from:
            wanted = wanted.where(AuditSeal.at >= self._from)
        if self._to:
            wanted = wanted.where(AuditSeal.at < self._to)
        number = 0
        while True:  # by pages: inside one seal another cursor runs
            page = list(await self._session.scalars(wanted.where(AuditSeal.number > number).limit(_PAGE)))
            for seal in page:
                number = seal.number
                yield seal
                self._session.expunge(seal)
            if len(page) < _PAGE:
                return

    async def _one_seal(self, seal: AuditSeal, before: AuditSeal | None) -> None:
        self.seals += 1
        place = f"seal {seal.number}"
        expected = (before.number + 1, before.hash, before.last_event_id + 1) if before else (1, "", 1)
        if seal.number != expected[0]:
            raise _Found(f"seal {expected[0]}", "it is missing")
        if seal.previous_hash != expected[1] or seal.first_event_id != expected[2]:
            raise _Found(place, "it does not follow the seal before it: one of them was replaced")
        if seal_digest(seal.previous_hash, seal) != seal.hash:
            raise _Found(place, "it was changed after it was made")
        digest, count = hashlib.sha256(), 0
        values = {"first": seal.first_event_id, "last": seal.last_event_id}
        async for row in self._rows("SELECT id, hash FROM event WHERE id BETWEEN :first AND :last ORDER BY id", values):
            digest.update(f"{row.id} {row.hash}\n".encode())
            count += 1
        if count != seal.event_count:
            raise _Found(
                place, f"it was made over {seal.event_count} events ({seal.first_event_id} to {seal.last_event_id}), now there are {count}"
            )
        if digest.hexdigest() != seal.batch_hash:
            raise _Found(place, f"one of its events ({seal.first_event_id} to {seal.last_event_id}) was replaced")

    async def _days(self) -> None:
        """The chain of the days' roots, each over the last seal of its day."""
        wanted = select(AuditDay).order_by(AuditDay.day)
        if self._first_day:
            wanted = wanted.where(AuditDay.day >= self._first_day)
        if self._last_day:
            wanted = wanted.where(AuditDay.day <= self._last_day)
        previous: AuditDay | None = None
        for day in await self._session.scalars(wanted):
            self.days += 1
            place = f"day {day.day.isoformat()}"
            if previous is None:
                earlier = select(AuditDay).where(AuditDay.day < day.day).order_by(AuditDay.day.desc()).limit(1)
                previous = (await self._session.scalars(earlier)).first()
            expected = (previous.root, previous.last_seal + 1) if previous else ("", 1)
            if (day.previous_root, day.first_seal) != expected:
                raise _Found(place, "it does not follow the day before it: a day is missing or was replaced")
            last = await self._session.get(AuditSeal, day.last_seal)
            if last is None:
                raise _Found(f"seal {day.last_seal}", f"it is missing, day {day.day.isoformat()} ends with it")
            if day_root(day.previous_root, day.day, last) != day.root:
                raise _Found(place, "its root does not fit its last seal: one of them was changed")
            previous = day
