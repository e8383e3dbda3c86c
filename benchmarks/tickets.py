"""Creating tickets through the API, and the pages that read them, with a million tickets. Wall time and CPU of web and server.

Run: `.venv/bin/python -m benchmarks.tickets [TICKETS]`; `HOTLINE_BENCH_URL` names a database that `_million.seed` has filled
already. CPU is what the web process and all processes of PostgreSQL used, from /proc: other work on the machine does not count.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from aiohttp import ClientSession
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from benchmarks._million import seed
from hotline.clock import SystemClock
from hotline.database import Database
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from hotline.security import Vault, hash_token
from ticketing.access_token import service as tokens
from ticketing.access_token.models import TokenScope
from ticketing.calendar.service import load_official
from ticketing.context import Core
from ticketing.deadline.book import load_policies
from ticketing.people.actor import staff_actor
from ticketing.people.models import LoginSession, User
from ticketing.ticket import workflow_versions

CLIENTS, WARM, EACH = 8, 3, 25
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
PAGES = {
    "dispatcher: to dispatch": ("dispatcher", "/console/tickets?queue=to_dispatch"),
    "dispatcher: in progress": ("dispatcher", "/console/tickets?queue=in_progress"),
    "dispatcher: overdue": ("dispatcher", "/console/tickets?queue=overdue"),
    "dispatcher: all": ("dispatcher", "/console/tickets?queue=all"),
    "clerk: mine": ("clerk", "/console/tickets?queue=mine"),
    "clerk: closed": ("clerk", "/console/tickets?queue=closed"),
    "search: 路灯不亮 (6 % of all)": ("dispatcher", "/console/tickets?q=路灯不亮"),
    "search: 无人机扰民 (none)": ("dispatcher", "/console/tickets?q=无人机扰民"),
    "search: 南湖新村 电梯 老人": ("dispatcher", "/console/tickets?q=南湖新村 电梯 老人"),
    "ticket page, closed": ("dispatcher", "/console/tickets/{closed}"),
    "ticket page, to dispatch": ("dispatcher", "/console/tickets/{waiting}"),
    "API: list of 50": ("api", "/api/v1/tickets"),
}


def _cpu(stat: str, *, children: bool = False) -> float:
    fields = stat.rsplit(")", 1)[1].split()
    return TICK_MS * sum(int(value) for value in fields[11 : 15 if children else 13])


def cpu_of(pid: int) -> float:
    """Milliseconds of CPU of one process."""
    return _cpu(Path(f"/proc/{pid}/stat").read_text())


def cpu_of_server(postmaster: int) -> float:
    """Of the server with its backends, also those that have ended."""
    total = _cpu(Path(f"/proc/{postmaster}/stat").read_text(), children=True)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            stat = path.read_text()
        except OSError:
            continue  # ended meanwhile
        if stat.rsplit(")", 1)[1].split()[1] == str(postmaster):
            total += _cpu(stat)
    return total


async def measure(name: str, work: Callable[[int], Awaitable[None]], web: int, server: int, *, clients: int, each: int) -> None:
    """Print one line: medians and CPU per request."""
    times: list[float] = []

    async def client(number: int) -> None:
        for turn in range(each):
            began = time.perf_counter()
            await work(number * each + turn)
            times.append(1000 * (time.perf_counter() - began))

    for turn in range(WARM):
        await work(10**6 + turn)
    web_cpu, server_cpu = cpu_of(web), cpu_of_server(server)
    await asyncio.gather(*(client(number) for number in range(clients)))
    count = clients * each
    web_cpu, server_cpu = (cpu_of(web) - web_cpu) / count, (cpu_of_server(server) - server_cpu) / count
    times.sort()
    cells = (statistics.median(times), times[int(0.95 * count)], web_cpu, server_cpu, web_cpu + server_cpu)
    print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in cells) + " |", flush=True)


@contextmanager
def site(url: str, key: str, folder: str) -> Iterator[tuple[int, str]]:
    """The web process: its id and address."""
    command = [sys.executable, "-m", "benchmarks._site", url, key, folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield process.pid, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


async def prepare(core: Core, database: Database) -> tuple[dict[str, str], int]:
    """What every installation has, tokens and sessions; returns them with the id of the server's first process."""
    found = {}
    async with database.transaction() as session:
        await load_official(core, session)
        await load_policies(core, session)
        await workflow_versions.seed(core, session)
        for role in ("dispatcher", "clerk", "callback"):
            user = (await session.scalars(select(User).where(User.login == f"bench-{role}"))).one()
            secret, now = os.urandom(8).hex(), core.clock.now()
            ends = now + timedelta(hours=8)
            session.add(
                LoginSession(
                    token_hash=hash_token(secret), user_id=user.id, csrf_token=secret, created_at=now, seen_at=now, expires_at=ends
                )
            )
            found[role] = f"hotline_staff={secret}"
            if role == "dispatcher":
                made = await tokens.issue(core, session, staff_actor(user), name="bench", scope=TokenScope.WRITE, days=1)
                found["api"] = made.text
        pid = int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
        parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return found, parent


def _appeal(number: int) -> dict[str, str]:
    """As people type it; every tenth says something longer."""
    words = "江畔花园北门工地夜间施工，噪音很大，影响老人休息，希望尽快处理。" * (1 if number % 10 else 4)
    return {
        "content": f"{words}{number}",
        "address": "滨河路",
        "name": "周女士",
        "phone": f"139{time.time_ns() % 10**8:08d}",
        "district": "江畔区",
    }


async def creating(url: str, label: str, core: Core, database: Database, key: str) -> None:
    """The line of the table about creating, with eight clients."""
    access, server = await prepare(core, database)
    with tempfile.TemporaryDirectory() as folder, site(url, key, folder) as (web, address):
        async with ClientSession(address, headers={"Authorization": f"Bearer {access['api']}"}) as client:

            async def create(number: int) -> None:
                async with client.post("/api/v1/tickets", json=_appeal(number)) as response:
                    assert response.status == 201, await response.text()

            await measure(f"create by API, {label}", create, web, server, clients=CLIENTS, each=EACH)


async def pages(url: str, core: Core, database: Database, key: str) -> None:
    """The lines about reading."""
    access, server = await prepare(core, database)
    async with database.transaction() as session:
        found = await session.execute(
            text(
                """SELECT (SELECT number FROM ticket WHERE state = 'closed' AND confidentiality = 'masked' AND id > 900000 LIMIT 1)
                    AS closed,
                (SELECT number FROM ticket WHERE state = 'to_dispatch' AND confidentiality = 'masked' ORDER BY id DESC LIMIT 1)
                    AS waiting"""
            )
        )
        names = dict(found.mappings().one())
    with tempfile.TemporaryDirectory() as folder, site(url, key, folder) as (web, address):
        for name, (who, path) in PAGES.items():
            headers = {"Authorization": f"Bearer {access['api']}"} if who == "api" else {"Cookie": access[who]}
            async with ClientSession(address, headers=headers) as client:

                async def read(_number: int, path: str = path, client: ClientSession = client) -> None:
                    async with client.get(path.format(**names)) as response:
                        assert response.status == 200, await response.text()
                        await response.read()

                await measure(name, read, web, server, clients=1, each=12)


async def main(tickets: int, url: str, *, filled: bool) -> None:
    """Empty, then full."""
    key = Fernet.generate_key().decode()
    vault = Vault([key], "k" * 32)
    database = Database(url, vault=vault, statement_timeout_ms=0)
    core = Core(SystemClock(), vault, "secret", "12345", Path(tempfile.gettempdir()))
    if not filled:
        async with database.engine.begin() as connection:
            for statement in initial.statements_of(initial.sql()):
                await connection.exec_driver_sql(statement)
        made = await seed(database, tickets=tickets, open_tickets=tickets // 10, say=lambda _line: None)
        print(f"seeded in {made.seconds:.0f} s: {made.rows}")
    print("| what | median ms | p95 ms | CPU web ms | CPU server ms | CPU in all ms |\n|---|---|---|---|---|---|")
    await creating(url, f"{tickets} tickets", core, database, key)
    await pages(url, core, database, key)
    await database.close()


async def empty(url: str) -> None:
    """Creating in a database with accounts and nothing else."""
    key = Fernet.generate_key().decode()
    vault = Vault([key], "k" * 32)
    database = Database(url, vault=vault)
    core = Core(SystemClock(), vault, "secret", "12345", Path(tempfile.gettempdir()))
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
    await seed(database, tickets=100, open_tickets=10, say=lambda _line: None)
    print("| what | median ms | p95 ms | CPU web ms | CPU server ms | CPU in all ms |\n|---|---|---|---|---|---|")
    await creating(url, "100 tickets", core, database, key)
    await database.close()


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="hotline-") as home, running(PrivatePostgres(Path(home), fast=True)) as postgres:
        postgres.create_database("small")
        asyncio.run(empty(postgres.url("small")))
        if given := os.environ.get("HOTLINE_BENCH_URL"):
            asyncio.run(main(size, given, filled=True))
        else:
            postgres.create_database("bench")
            asyncio.run(main(size, postgres.url("bench"), filled=False))
