"""Creating tickets through the API: what it costs with few and with a million tickets, and what PostgreSQL alone needs for the same rows.

Run: `.venv/bin/python -m benchmarks.tickets_create [TICKETS]` (`benchmarks.tickets` runs it with the pages). Four things take turns in
short batches, so that all of them meet the same load of the machine: the API on the small and on the large database, and
pgbench with the same inserts (`tickets_create.sql`, prepared) on both. Measured is CPU from /proc, of web process, pgbench
and server; shown is the median of the batches.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession

from benchmarks._measure import KEY, cpu_of, cpu_of_server, fill, opened, prepare, site
from hotline.processes.postgres import PrivatePostgres, binaries, running

CLIENTS, BATCH, ROUNDS = 8, 160, 12
SCRIPT = Path(__file__).with_suffix(".sql")


@dataclass
class Side:
    """One of those that take turns."""

    name: str
    run: Callable[[int], Awaitable[None]]
    """Create so many tickets with eight clients."""
    client_cpu: Callable[[], float]
    server: int
    client_ms: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)

    async def measure(self) -> None:
        """One batch; CPU and wall time for each ticket."""
        client, server, began = self.client_cpu(), cpu_of_server(self.server), time.perf_counter()
        await self.run(BATCH)
        self.wall_ms.append(1000 * (time.perf_counter() - began) / BATCH)
        self.client_ms.append((self.client_cpu() - client) / BATCH)
        self.server_ms.append((cpu_of_server(self.server) - server) / BATCH)

    @property
    def in_all(self) -> float:
        """Median of client and server together."""
        return statistics.median(map(sum, zip(self.client_ms, self.server_ms, strict=True)))

    def line(self) -> str:
        """A row of the table."""
        cells = (statistics.median(self.wall_ms), statistics.median(self.client_ms), statistics.median(self.server_ms), self.in_all)
        return f"| {self.name} | " + " | ".join(f"{value:.2f}" for value in cells) + " |"


def appeal(number: int) -> dict[str, str]:
    """As people type it; every tenth says something longer."""
    words = "江畔花园北门工地夜间施工，噪音很大，影响老人休息，希望尽快处理。" * (1 if number % 10 else 4)
    phone = f"139{time.time_ns() % 10**8:08d}"
    return {"content": f"{words}{number}", "address": "滨河路", "name": "周女士", "phone": phone, "district": "江畔区"}


@asynccontextmanager
async def by_api(name: str, url: str) -> AsyncIterator[Side]:
    """The API on one database, in a web process of its own."""
    core, database = opened(url)
    access, server = await prepare(core, database)
    await database.close()
    with tempfile.TemporaryDirectory() as folder, site(url, KEY, folder) as (web, address):
        async with ClientSession(address, headers={"Authorization": f"Bearer {access['api']}"}) as client:

            async def create(count: int) -> None:
                await asyncio.gather(*(_client(client, count // CLIENTS, number) for number in range(CLIENTS)))

            yield Side(f"create by API, {name}", create, lambda: cpu_of(web), server)


async def _client(client: ClientSession, count: int, number: int) -> None:
    for turn in range(count):
        async with client.post("/api/v1/tickets", json=appeal(number * count + turn)) as response:
            assert response.status == 201, await response.text()


def by_pgbench(name: str, url: str, server: int) -> Side:
    """pgbench with the same inserts."""

    async def create(count: int) -> None:
        command = [binaries() / "pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-t", str(count // CLIENTS)]
        process = await asyncio.create_subprocess_exec(*command, "-f", SCRIPT, url, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _out, said = await process.communicate()
        assert process.returncode == 0, said.decode()

    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)  # web processes count only when they have ended, after the last batch
        return 1000 * (used.ru_utime + used.ru_stime)

    return Side(f"pgbench, the same inserts, {name}", create, cpu, server)


async def compare(small: str, large: str, tickets: int) -> None:
    """Print the table and the difference between few and many."""
    async with AsyncExitStack() as stack:
        names = ("100 tickets", f"{tickets} tickets")
        api = [await stack.enter_async_context(by_api(name, url)) for name, url in zip(names, (small, large), strict=True)]
        limit = [by_pgbench(name, url, side.server) for name, url, side in zip(names, (small, large), api, strict=True)]
        sides = [*api, *limit]
        for side in api:
            await side.run(BATCH)  # what a process keeps after the first requests
        for turn in range(ROUNDS):
            for side in sides if turn % 2 else reversed(sides):
                await side.measure()
    print("| what | wall ms for each | CPU client ms | CPU server ms | CPU in all ms |\n|---|---|---|---|---|")
    for side in sides:
        print(side.line())
    for few, many, name in ((*api, "API"), (*limit, "pgbench")):
        print(f"{name}: {100 * (many.in_all / few.in_all - 1):+.1f} % of CPU from 100 to {tickets} tickets")
    print(f"{ROUNDS} rounds of {BATCH} each, {CLIENTS} clients, load average {os.getloadavg()[0]:.1f}", flush=True)


async def main(small: str, large: str, tickets: int, *, filled: bool) -> None:
    """Fill what is empty, and compare."""
    await fill(small, 100, 10)
    if not filled:
        await fill(large, tickets, tickets // 10)
    await compare(small, large, tickets)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="hotline-") as home, running(PrivatePostgres(Path(home), fast=True)) as postgres:
        postgres.create_database("small")
        if not (given := os.environ.get("HOTLINE_BENCH_URL", "")):
            postgres.create_database("bench")
        asyncio.run(main(postgres.url("small"), given or postgres.url("bench"), size, filled=bool(given)))
