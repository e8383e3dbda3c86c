"""Figures over a million tickets. Prints a table of milliseconds: best and median of five, and the CPU time of the server.

Run: `.venv/bin/python -m benchmarks.statistics [TICKETS]`
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import text

from benchmarks._million import seed
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import ActorKind
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from hotline.security import Vault
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.statistics import brief, day_fill, hot
from ticketing.statistics.drill import drill
from ticketing.statistics.figures import Cut, compute, total
from ticketing.statistics.indicators import BY_KEY, INDICATORS
from ticketing.statistics.period import PeriodKind, containing
from ticketing.statistics.scope import CITY
from ticketing.statistics.scores import score_cards

NOW = datetime(2026, 11, 18, 2, tzinfo=UTC)
RUNS = 5
TABLE = [
    BY_KEY[key] for key in ("received", "assigned", "signed", "contacted", "on_time", "solved", "satisfied", "first_pass", "yellow", "red")
]


class Meter:
    """Wall time here, and CPU time of the server's process: on a machine with other work only the second can be compared."""

    def __init__(self, pid: int) -> None:
        self.stat = Path(f"/proc/{pid}/stat")

    def cpu_ms(self) -> float:
        fields = self.stat.read_text().rsplit(")", 1)[1].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def measure(self, name: str, work: Callable[[], Awaitable[object]], runs: int = RUNS) -> None:
        times, cpu = [], self.cpu_ms()
        for _number in range(runs):
            began = time.perf_counter()
            await work()
            times.append(1000 * (time.perf_counter() - began))
        times.sort()
        cpu = (self.cpu_ms() - cpu) / runs
        print(f"| {name} | {times[0]:.0f} | {times[len(times) // 2]:.0f} | {cpu:.0f} |", flush=True)


async def measure_all(database: Database, core: Core) -> None:
    """Print what the figures of `database` cost; it holds what `_million.seed` makes, up to NOW."""
    month = containing(PeriodKind.MONTH, (NOW - timedelta(days=40)).date())
    year = containing(PeriodKind.YEAR, (NOW - timedelta(days=400)).date())
    leader = Actor(ActorKind.STAFF, "领导", 1, Role.LEADER)

    async with database.transaction() as session:
        await session.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))  # all the work in one process that can be measured
        meter = Meter(int(await session.scalar(text("SELECT pg_backend_pid()")) or 0))
        print("| what | best ms | median ms | server CPU ms |\n|---|---|---|---|")

        async def by_unit_and_category() -> object:
            return await compute(core, session, CITY, month, TABLE, by=(Cut.UNIT, Cut.CATEGORY))

        for key in ("received", "on_time", "solved"):
            await meter.measure(f"one indicator, a month by unit and category: {key}", lambda key=key: compute(
                core, session, CITY, month, [BY_KEY[key]], by=(Cut.UNIT, Cut.CATEGORY)))  # fmt: skip
        await meter.measure("ten indicators, a month by unit and category", by_unit_and_category)
        await meter.measure(f"all {len(INDICATORS)} indicators, a month", lambda: total(core, session, CITY, month, INDICATORS))
        await meter.measure("score cards of all units, a month", lambda: score_cards(core, session, CITY, month))
        await meter.measure("topics with rises, a month against four before", lambda: hot.topics(core, session, CITY, month))
        await meter.measure("drill-down: tickets answered late, a month", lambda: drill(core, session, leader, BY_KEY["on_time"], month))
        await meter.measure("ten indicators, a year by unit and category", lambda: compute(
            core, session, CITY, year, TABLE, by=(Cut.UNIT, Cut.CATEGORY)), 2)  # fmt: skip
        await meter.measure(f"all {len(INDICATORS)} indicators, a year", lambda: total(core, session, CITY, year, INDICATORS), 2)
        await meter.measure("the monthly brief", lambda: brief.compose(core, session, month), 2)


async def main(tickets: int, url: str) -> None:
    database = Database(url, statement_timeout_ms=600_000)
    core = Core(ManualClock(NOW), Vault([Fernet.generate_key().decode()], lookup_key="k"), "secret", "12345", Path(tempfile.gettempdir()))
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
    made = await seed(database, tickets=tickets, open_tickets=tickets // 10, now=NOW)
    print(f"seeded in {made.seconds:.0f} s: {made.rows}")
    print("from the rows alone:")
    await measure_all(database, core)
    began = time.perf_counter()
    kept = await day_fill.run(core, database, seconds=3600)
    print(f"{kept} days kept in {time.perf_counter() - began:.0f} s; from kept days:")
    await measure_all(database, core)
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hotline-") as folder, running(PrivatePostgres(Path(folder), fast=True)) as server:
        server.create_database("bench")
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, server.url("bench")))
