"""How long the sweep takes for 20,000 clocks that come due in the same minute, with events, cards and notices written.

Run: `.venv/bin/python -m benchmarks.sweep [CLOCKS]`. Target: under 20 s on two cores.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import func, insert, select, text

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import SYSTEM, Event, Happening, record_many
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from hotline.security import Vault
from ticketing.assignment.models import Assignment
from ticketing.calendar.service import load_official
from ticketing.context import Core
from ticketing.deadline.models import Deadline
from ticketing.people.models import Unit, User
from ticketing.supervision import sweep
from ticketing.supervision.models import Card, Rectification, StaffNotice
from ticketing.ticket.models import Ticket

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
UNITS = 91
"""As many as the sources name (domain.md G05)."""


def _ticket(n: int) -> dict[str, object]:
    fields = {"state": "in_progress", "line": "12345", "channel": "web", "kind": "complaint", "dispatch_mode": "phone"}
    texts = {"number": f"12345-20261115-{n:05}", "query_code_hash": "x", "title": "路灯不亮", "content": "滨河路路灯不亮"}
    return {**fields, **texts, "received_at": NOW - timedelta(days=3), "updated_at": NOW}


def _part(ticket_id: int, unit_id: int) -> dict[str, object]:
    return {"ticket_id": ticket_id, "unit_id": unit_id, "state": "working", "assigned_at": NOW - timedelta(days=3)}


def _clock(ticket_id: int, assignment_id: int, n: int) -> dict[str, object]:
    due = NOW - n * timedelta(milliseconds=2)
    of = {"ticket_id": ticket_id, "assignment_id": assignment_id, "kind": "handle", "stage": "amber"}
    limit = {"limit_value": 3, "limit_unit": "wd", "started_at": NOW - timedelta(days=3)}
    past = {"white_at": NOW - timedelta(days=2), "amber_at": NOW - timedelta(days=1)}
    return {**of, **limit, **past, "due_at": due, "red_at": due + timedelta(days=1), "next_stage_at": due}


async def seed(database: Database, core: Core, clocks: int) -> None:
    """Units with three people each; tickets in progress, each with a story so far and a clock that is due this minute."""
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
    async with database.transaction() as session:
        await load_official(core, session)
        units = [Unit(code=f"u{n}", name=f"单位{n}", level=2) for n in range(UNITS)]
        session.add_all(units)
        await session.flush()
        roles = ("clerk", "clerk", "chief")
        people = [(unit.id, role, f"{unit.id}-{n}") for unit in units for n, role in enumerate(roles)]
        accounts = [{"login": name, "name": name, "staff_number": name, "role": role, "unit_id": unit} for unit, role, name in people]
        await session.execute(insert(User), [{**account, "password_hash": "-"} for account in accounts])
        ids = list(await session.scalars(insert(Ticket).returning(Ticket.id), [_ticket(n) for n in range(clocks)]))
        parts = [_part(ticket_id, units[ticket_id % UNITS].id) for ticket_id in ids]
        rows = await session.execute(insert(Assignment).returning(Assignment.id, Assignment.ticket_id), parts)
        await session.execute(insert(Deadline), [_clock(row.ticket_id, row.id, n) for n, row in enumerate(rows)])
    for low in range(0, len(ids), 1000):
        async with database.transaction() as session:
            story = [Happening(name, key, SYSTEM) for key in ids[low : low + 1000] for name in ("ticket.registered", "ticket.dispatched")]
            await record_many(session, at=NOW - timedelta(days=3), subject="ticket", happenings=story)
    async with database.transaction() as session:
        await session.execute(text("ANALYZE"))  # as autovacuum does in a database that has lived for more than a minute


async def main(clocks: int, url: str) -> None:
    """Seed, sweep once, and count what was written."""
    vault = Vault([Fernet.generate_key().decode()], "k" * 32)
    database = Database(url, vault=vault)
    core = Core(ManualClock(NOW), vault, "secret", "12345", Path(tempfile.gettempdir()))
    await seed(database, core, clocks)
    async with database.transaction() as session:
        before = await session.scalar(select(func.count()).select_from(Event)) or 0
    cpu, began = time.process_time(), time.perf_counter()
    moved = await sweep.run(core, database)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    async with database.transaction() as session:
        counts = {
            table.__tablename__: await session.scalar(select(func.count()).select_from(table))
            for table in (Card, Rectification, StaffNotice)
        }
        counts["event"] = (await session.scalar(select(func.count()).select_from(Event)) or 0) - before
    await database.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{clocks} clocks, {os.cpu_count()} cores: {took:.1f} s, of it {cpu:.1f} s CPU of the scheduler; {moved} stages moved")
    print("written: " + ", ".join(f"{n} {name}" for name, n in counts.items()) + f"; peak memory {memory} MB")
    if counts["card"] != clocks:
        raise SystemExit("not every clock got its card")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(PrivatePostgres(Path(folder))) as server:
        server.create_database("bench")
        asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 20_000, server.url("bench")))
