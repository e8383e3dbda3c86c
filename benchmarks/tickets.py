"""The pages and lists that read a million tickets: wall time and CPU of web and server. Creating them: `benchmarks.tickets_create`.

Run: `.venv/bin/python -m benchmarks.tickets [TICKETS]` runs both; `HOTLINE_BENCH_URL` names a database that `_million.seed` has
filled already. CPU is what the web process and all processes of PostgreSQL used, from /proc: other work on the machine does not count.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import ClientSession
from sqlalchemy import text

from benchmarks import tickets_create
from benchmarks._measure import KEY, cpu_of, cpu_of_server, opened, prepare, site
from hotline.processes.postgres import PrivatePostgres, running

WARM = 3
PAGES = {
    "dispatcher: to dispatch": ("dispatcher", "/console/tickets?queue=to_dispatch"),
    "dispatcher: in progress": ("dispatcher", "/console/tickets?queue=in_progress"),
    "dispatcher: overdue": ("dispatcher", "/console/tickets?queue=overdue"),
    "dispatcher: all": ("dispatcher", "/console/tickets?queue=all"),
    "dispatcher: mine": ("dispatcher", "/console/tickets?queue=mine"),
    "dispatcher: due soon": ("dispatcher", "/console/tickets?queue=due_soon"),
    "dispatcher: closed": ("dispatcher", "/console/tickets?queue=closed"),
    "dispatcher: in progress, of one category": ("dispatcher", "/console/tickets?queue=in_progress&category=0501"),
    "clerk: mine": ("clerk", "/console/tickets?queue=mine"),
    "clerk: overdue": ("clerk", "/console/tickets?queue=overdue"),
    "clerk: closed": ("clerk", "/console/tickets?queue=closed"),
    "clerk: all": ("clerk", "/console/tickets?queue=all"),
    "clerk: overdue, of one category": ("clerk", "/console/tickets?queue=overdue&category=0501"),
    "callback: mine": ("callback", "/console/tickets?queue=mine"),
    "callback: all": ("callback", "/console/tickets?queue=all"),
    "agent: mine": ("agent", "/console/tickets?queue=mine"),
    "search: 路灯不亮 (6 % of all)": ("dispatcher", "/console/tickets?q=路灯不亮"),
    "search: 无人机扰民 (none)": ("dispatcher", "/console/tickets?q=无人机扰民"),
    "search: 南湖新村 电梯 老人": ("dispatcher", "/console/tickets?q=南湖新村 电梯 老人"),
    "search of a unit: 路灯不亮": ("clerk", "/console/tickets?q=路灯不亮"),
    "search of a unit: 无人机扰民 (none)": ("clerk", "/console/tickets?q=无人机扰民"),
    "search of an agent: 路灯不亮": ("agent", "/console/tickets?q=路灯不亮"),
    "ticket page, closed": ("dispatcher", "/console/tickets/{closed}"),
    "ticket page, to dispatch": ("dispatcher", "/console/tickets/{waiting}"),
    "ticket page, in progress": ("dispatcher", "/console/tickets/{working}"),
    "API: list of 50": ("api", "/api/v1/tickets"),
}


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


async def pages(url: str) -> None:
    """The lines about reading."""
    core, database = opened(url)
    access, server = await prepare(core, database)
    async with database.transaction() as session:
        found = await session.execute(
            text(
                """SELECT (SELECT number FROM ticket WHERE state = 'closed' AND confidentiality = 'masked' ORDER BY id DESC LIMIT 1)
                    AS closed,
                (SELECT number FROM ticket WHERE state = 'in_progress' AND confidentiality = 'masked' ORDER BY id DESC LIMIT 1)
                    AS working,
                (SELECT number FROM ticket WHERE state = 'to_dispatch' AND confidentiality = 'masked' ORDER BY id DESC LIMIT 1)
                    AS waiting"""
            )
        )
        names = dict(found.mappings().one())
    with tempfile.TemporaryDirectory() as folder, site(url, KEY, folder) as (web, address):
        for name, (who, path) in PAGES.items():
            headers = {"Authorization": f"Bearer {access['api']}"} if who == "api" else {"Cookie": access[who]}
            async with ClientSession(address, headers=headers) as client:

                async def read(_number: int, path: str = path, client: ClientSession = client) -> None:
                    async with client.get(path.format(**names)) as response:
                        assert response.status == 200, await response.text()
                        await response.read()

                await measure(name, read, web, server, clients=1, each=12)


async def main(small: str, large: str, tickets: int, *, filled: bool) -> None:
    """Creating, then reading."""
    await tickets_create.main(small, large, tickets, filled=filled)
    print("| what | median ms | p95 ms | CPU web ms | CPU server ms | CPU in all ms |\n|---|---|---|---|---|---|")
    await pages(large)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="hotline-") as home, running(PrivatePostgres(Path(home), fast=True)) as postgres:
        postgres.create_database("small")
        if not (given := os.environ.get("HOTLINE_BENCH_URL", "")):
            postgres.create_database("bench")
        asyncio.run(main(postgres.url("small"), given or postgres.url("bench"), size, filled=bool(given)))
