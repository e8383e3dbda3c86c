"""Registering a ticket must cost the same in an empty and in a full table (lesson 17). Prints milliseconds per ticket.

Run: `.venv/bin/python -m benchmarks.ticket_register [ROWS …]`
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import text

from hotline.clock import SystemClock
from hotline.database import Database
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from hotline.security import Vault
from ticketing.context import Core
from ticketing.people.actor import citizen_actor
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel

SAMPLE = 200
FILL = text(
    """
    INSERT INTO ticket (number, query_code_hash, version, state, line, channel, kind, urgency, confidentiality, title, content,
        occurred, district, address, anonymous, contact_by, received_at, updated_at, round)
    SELECT 'fill-' || n, 'x', 1, 'registered', '12345', 'web', 'complaint', 'normal', 'masked', '工地夜间施工', '工地夜间施工',
        '', '', '', false, 'phone', now() - n * interval '1 minute', now(), 1
    FROM generate_series(CAST(:low AS bigint), CAST(:high AS bigint)) AS n
    """
)


async def measure(database: Database, core: Core) -> list[float]:
    """Milliseconds of each of SAMPLE registrations, one transaction each."""
    found = []
    for number in range(SAMPLE):
        began = time.perf_counter()
        async with database.transaction() as session:
            appeal = Appeal(Channel.WEB, f"滨河路路灯不亮，已经{number}天", phone="13900002716", name="周女士")
            await register(core, session, citizen_actor(), appeal)
        found.append(1000 * (time.perf_counter() - began))
    return found


async def main(sizes: list[int], url: str) -> None:
    """Fill up to each size and measure."""
    vault = Vault([Fernet.generate_key().decode()], "k")
    database = Database(url, vault=vault)
    core = Core(SystemClock(), vault, "secret", "12345", Path(tempfile.gettempdir()))
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
    filled = 0
    for size in sizes:
        if size > filled:
            async with database.engine.begin() as connection:
                await connection.execute(text("SET statement_timeout = 0"))
                await connection.execute(FILL, {"low": filled + 1, "high": size})
            filled = size
        times = sorted(await measure(database, core))
        print(f"{size:>9} rows: median {statistics.median(times):6.2f} ms, p95 {times[int(0.95 * SAMPLE)]:6.2f} ms")
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(PrivatePostgres(Path(folder))) as server:
        server.create_database("bench")
        asyncio.run(main([int(size) for size in sys.argv[1:]] or [0, 100_000], server.url("bench")))
