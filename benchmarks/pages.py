"""Any page at a million tickets: time and CPU of the server, first paint, weight.

Run: `.venv/bin/python -m benchmarks.pages [TICKETS]`; `HOTLINE_BENCH_URL` names a database that `_million.seed` has filled already.
Weight is the page with its styles, scripts and pictures as the browser got them (encoded, empty cache), charts apart. CPU is what the web
process and all processes of PostgreSQL used, from /proc: other work on the machine does not count.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import Browser, async_playwright
from sqlalchemy import text

from benchmarks._measure import KEY, cpu_of, cpu_of_server, fill, opened, prepare, site
from hotline.processes.postgres import PrivatePostgres, running

EACH = 10
CONSOLE = {
    "dispatcher": (
        "/console/tickets", "/console/tickets?queue=overdue", "/console/board", "/console/articles", "/console/notices",
        "/console/supervision", "/console/figures", "/console/statistics", "/console/me",
        "/console/tickets/{closed}", "/console/tickets/{working}",
    ),
    "clerk": ("/console/tickets", "/console/tickets?queue=overdue"),
    "agent": ("/console/desk", "/console/chats", "/console/tickets/new", "/console/tickets"),
    "callback": ("/console/callbacks", "/console/tickets"),
}  # fmt: skip
PORTAL = ("/", "/appeal", "/ask", "/track", "/guide", "/figures")
_PAINT = """() => new Promise(done => new PerformanceObserver(seen => seen.getEntriesByName('first-contentful-paint')
    .forEach(entry => done(entry.startTime))).observe({type: 'paint', buffered: true}))"""
_NUMBER = "(SELECT number FROM ticket WHERE state = '{}' AND confidentiality = 'masked' ORDER BY id DESC LIMIT 1)"
_NUMBERS = f"SELECT {_NUMBER.format('in_progress')} AS working, {_NUMBER.format('closed')} AS closed"


async def served(address: str, cookie: str, path: str, web: int, server: int) -> tuple[float, float, float]:
    """Median and p95 of a page in ms, and CPU of web and database per page."""
    times = []
    async with ClientSession(address, headers={"Cookie": cookie} if cookie else {}) as client:

        async def once() -> None:
            began = time.perf_counter()
            async with client.get(path) as response:
                body = await response.text()
                assert response.status == 200, (path, response.status, body[:300])
            times.append(1000 * (time.perf_counter() - began))

        for _turn in range(3):
            await once()
        times.clear()
        cpu = cpu_of(web) + cpu_of_server(server)
        for _turn in range(EACH):
            await once()
        cpu = (cpu_of(web) + cpu_of_server(server) - cpu) / EACH
    times.sort()
    return statistics.median(times), times[int(0.95 * len(times))], cpu


async def painted(browser: Browser, address: str, cookie: str, path: str) -> tuple[float, float]:
    """First contentful paint in ms (best of three with a cold cache) and the weight in kB, without charts."""
    paints, weight = [], 0.0
    for _turn in range(3):
        context = await browser.new_context(viewport={"width": 1366, "height": 860})
        if cookie:
            name, value = cookie.split("=", 1)
            await context.add_cookies([{"name": name, "value": value, "url": f"{address}/console"}])
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        sizes: dict[str, float] = {}
        charts: set[str] = set()

        def began(event: dict[str, Any], charts: set[str] = charts) -> None:
            if "echarts" in event["request"]["url"]:
                charts.add(event["requestId"])

        def ended(event: dict[str, Any], sizes: dict[str, float] = sizes) -> None:
            sizes[event["requestId"]] = event["encodedDataLength"]

        session.on("Network.requestWillBeSent", began)
        session.on("Network.loadingFinished", ended)
        await page.goto(address + path, wait_until="load")
        paints.append(float(await page.evaluate(_PAINT)))
        weight = sum(size for request, size in sizes.items() if request not in charts) / 1000
        await context.close()
    return min(paints), weight


async def main(url: str) -> None:
    """Print the table of pages."""
    core, database = opened(url)
    access, server = await prepare(core, database)
    async with database.transaction() as session:
        numbers = dict((await session.execute(text(_NUMBERS))).mappings().one())
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, site(url, KEY, folder) as (web, address):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            print("| page | median ms | p95 ms | CPU web + database ms | first paint ms | weight kB |\n|---|---|---|---|---|---|")
            asked = [(role, path.format(**numbers)) for role, paths in CONSOLE.items() for path in paths]
            for role, path in [*asked, *(("citizen", path) for path in PORTAL)]:
                cookie = access.get(role, "")
                middle, late, cpu = await served(address, cookie, path, web, server)
                paint, weight = await painted(browser, address, cookie, path)
                print(f"| {role} {path} | {middle:.1f} | {late:.1f} | {cpu:.1f} | {paint:.0f} | {weight:.0f} |", flush=True)
            await browser.close()
    await database.close()


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if given := os.environ.get("HOTLINE_BENCH_URL", ""):
        asyncio.run(main(given))
    else:
        with tempfile.TemporaryDirectory(prefix="hotline-") as home, running(PrivatePostgres(Path(home), fast=True)) as postgres:
            postgres.create_database("bench")
            asyncio.run(fill(postgres.url("bench"), size, size // 10))
            asyncio.run(main(postgres.url("bench")))
