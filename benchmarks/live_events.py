"""How long after a commit 500 open pages at one web process know of it: real connections to /console/stream, and one page of Chromium.

Run: `.venv/bin/python -m benchmarks.live_events [LISTENERS]`. The listeners are agents, dispatchers, clerks and supervisors in turn, each
with a connection of its own, as browsers are; the moment is the one at which COMMIT was sent, so what the commit itself takes is counted.
Target: on screen within 300 ms (issue 6). What the page then fetches is the page's own time (benchmarks.pages).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from playwright.async_api import async_playwright
from sqlalchemy import text

from benchmarks._measure import KEY, cpu_of, fill, opened, prepare, site
from hotline.database import Database
from hotline.events import SYSTEM, record
from hotline.processes.postgres import PrivatePostgres, running
from ticketing.context import Core

TICKETS, EVENTS, PATIENCE_S = 1000, 50, 60
ROLES = ("agent", "dispatcher", "clerk", "supervisor")
_SPOKEN = (b": open\n", b"event: tickets\n")
_LISTEN = "() => { window.heard = []; document.body.addEventListener('tickets', () => window.heard.push(Date.now()), true); }"
_HEARD = """wanted => new Promise(done => { const look = () =>
    window.heard.length > wanted ? done(window.heard[wanted]) : setTimeout(look, 5);
    look(); })"""


class Heard:
    """When each of the listeners was told, and whether all were."""

    def __init__(self, listeners: int) -> None:
        """Nothing heard yet."""
        self._listeners = listeners
        self.forget()

    def note(self) -> None:
        """One listener was told something."""
        self.moments.append(time.time())
        if len(self.moments) >= self._listeners:
            self.all.set()

    def forget(self) -> None:
        """Before the next event."""
        self.moments: list[float] = []
        self.all = asyncio.Event()


async def listen(client: ClientSession, cookie: str, heard: Heard) -> None:
    """One open page, until it is cancelled."""
    async with client.get("/console/stream", headers={"Cookie": cookie}) as response:
        assert response.status == 200, response.status
        async for line in response.content:
            if line in _SPOKEN:
                heard.note()


async def tell(core: Core, database: Database, page: Any, heard: Heard) -> tuple[list[float], list[float]]:
    """Milliseconds from each COMMIT to each listener, and to the event in the page."""
    lags, pages = [], []
    for number in range(EVENTS):
        heard.forget()
        async with database.transaction() as session:
            ticket = await session.scalar(text("SELECT id FROM ticket ORDER BY id DESC LIMIT 1"))
            await record(session, at=core.clock.now(), name="benchmark.seen", subject="ticket", subject_id=str(ticket), who=SYSTEM)
            await session.flush()
            sent = time.time()
        await asyncio.wait_for(heard.all.wait(), PATIENCE_S)
        lags += [1000 * (moment - sent) for moment in heard.moments]
        pages.append(float(await page.evaluate(_HEARD, number)) - 1000 * sent)
    return sorted(lags), sorted(pages)


async def measure(core: Core, database: Database, page: Any, address: str, access: dict[str, str], web: int, listeners: int) -> None:
    """Print what `listeners` connections and one page see of the events."""
    heard = Heard(listeners)
    connections = TCPConnector(limit=0)
    async with ClientSession(address, connector=connections, timeout=ClientTimeout(total=None)) as client:
        cookies = islice(cycle(access[role] for role in ROLES), listeners)
        tasks = [asyncio.create_task(listen(client, cookie, heard)) for cookie in cookies]
        opened_all = asyncio.create_task(heard.all.wait())
        done, _pending = await asyncio.wait({opened_all, *tasks}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a listener ends only when it was refused: then this raises
        assert opened_all.done(), f"{len(heard.moments)} of {listeners} are connected"
        cpu = cpu_of(web)
        lags, pages = await tell(core, database, page, heard)
        cpu = (cpu_of(web) - cpu) / EVENTS
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(f"{listeners} listeners and one page of Chromium at one process, {EVENTS} events; load {os.getloadavg()[0]:.1f}")
    print(
        f"commit to a listener: median {statistics.median(lags):.0f} ms, p95 {lags[int(0.95 * len(lags))]:.0f} ms, last {lags[-1]:.0f} ms"
    )
    print(f"commit to the page's event: median {statistics.median(pages):.0f} ms, last {pages[-1]:.0f} ms")
    print(f"CPU of the web process per event: {cpu:.1f} ms", flush=True)


async def main(url: str, listeners: int) -> None:
    """A small city, its web process, a browser, and the listeners."""
    await fill(url, TICKETS, TICKETS // 10)
    core, database = opened(url)
    access, _server = await prepare(core, database)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, site(url, KEY, folder) as (web, address):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            context = await browser.new_context()
            name, value = access["dispatcher"].split("=", 1)
            await context.add_cookies([{"name": name, "value": value, "url": f"{address}/console"}])
            page = await context.new_page()
            await page.goto(f"{address}/console/tickets")
            await page.wait_for_selector("#live[data-live=on]", state="attached")
            await page.evaluate(_LISTEN)
            await measure(core, database, page, address, access, web, listeners)
            await browser.close()
    await database.close()


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory(prefix="hotline-") as home, running(PrivatePostgres(Path(home), fast=True)) as postgres:
        postgres.create_database("bench")
        asyncio.run(main(postgres.url("bench"), wanted))
