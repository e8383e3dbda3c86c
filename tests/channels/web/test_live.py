from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestServer

from channels.web.keys import HUB
from channels.web.live import Hub
from hotline.database import Database
from hotline.processes.postgres import PrivatePostgres, running
from tests.channels.staff import City, Opener


async def _events(response: ClientResponse) -> AsyncIterator[tuple[str, str]]:
    """(id, event) of each named message."""
    number = name = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("id: "):
            number = line[4:]
        elif line.startswith("event: "):
            name = line[7:]
        elif not line and name:
            yield number, name
            name = ""


async def _until(events: AsyncIterator[tuple[str, str]], wanted: str) -> str:
    async with asyncio.timeout(10):
        async for number, name in events:
            if name == wanted:
                return number
    raise AssertionError("the stream ended")


async def _ready(site: TestServer) -> Hub:
    hub: Hub = site.app[HUB]
    async with asyncio.timeout(10):
        await hub.connected.wait()
    return hub


async def test_a_new_ticket_is_told_to_open_pages(site: TestServer, browser: Opener, city: City) -> None:
    await _ready(site)
    dispatcher = await browser("dispatcher")
    response = await dispatcher.get("/console/stream")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["X-Accel-Buffering"] == "no"
    events = _events(response)
    await city.register()
    await _until(events, "tickets")
    response.close()


async def test_a_page_that_comes_back_gets_what_it_missed(site: TestServer, browser: Opener, city: City) -> None:
    await _ready(site)
    dispatcher = await browser("dispatcher")
    response = await dispatcher.get("/console/stream")
    events = _events(response)
    await city.register()
    seen = await _until(events, "tickets")
    response.close()
    await city.register()
    again = await dispatcher.get("/console/stream", headers={"Last-Event-ID": seen})
    later = await _until(_events(again), "tickets")
    again.close()
    assert int(later.split("-")[1]) > int(seen.split("-")[1])


@pytest.mark.parametrize("stale", ["otherboot-17", "nonsense", "-", "é"])
async def test_a_page_that_was_away_too_long_is_told_to_load_everything(site: TestServer, browser: Opener, city: City, stale: str) -> None:
    await _ready(site)
    dispatcher = await browser("dispatcher")
    response = await dispatcher.get("/console/stream", headers={"Last-Event-ID": stale})
    await _until(_events(response), "reload")
    response.close()


async def test_streams_tell_names_only_and_only_to_those_concerned(site: TestServer, browser: Opener, city: City) -> None:
    hub = await _ready(site)
    agent, admin = await browser("agent"), await browser("admin")
    number = (await city.register()).ticket.number
    first, second = await agent.get("/console/stream"), await admin.get("/console/stream")
    await city.register(content="只有编号能出去，内容不能")
    async with asyncio.timeout(10):
        text = await first.content.readuntil(b"tickets\ndata: ticket.registered\n\n")
    assert "内容" not in text.decode()
    assert number not in text.decode()
    hub.publish("ticket.probe", "ticket", "1", {})
    hub.publish("live.gap", "", "", {})  # told to every stream: what the administrator got before it is all there is
    async with asyncio.timeout(10):
        everything = await second.content.readuntil(b"event: reload\ndata: live.gap\n\n")
    assert b"ticket" not in everything
    first.close()
    second.close()


async def test_a_stream_that_is_opened_while_the_service_stops_ends_at_once(site: TestServer, browser: Opener) -> None:
    """Otherwise the service would wait for it for two minutes."""
    hub = await _ready(site)
    dispatcher = await browser("dispatcher")
    await hub.stop()
    async with asyncio.timeout(10):
        response = await dispatcher.get("/console/stream")
        assert b"open" in await response.read()


async def test_a_slow_browser_loses_the_oldest_notices_and_nothing_else() -> None:
    hub = Hub("postgresql://nowhere")
    for _ in range(1500):
        hub.publish("ticket.registered", "ticket", "1", {})
    assert hub.missed(f"{hub._boot}-100") is None  # fell off the ring: reload
    missed = hub.missed(f"{hub._boot}-1498")
    assert missed is not None
    assert [notice.number for notice in missed] == [1499, 1500]


async def test_a_notice_that_makes_no_sense_is_skipped() -> None:
    hub = Hub("postgresql://nowhere")
    for payload in ("", "[]", "{}", '{"name": 1}', "\0"):
        hub._on_notice(payload)
    assert hub._last == 0


async def test_the_stream_lives_on_after_the_database_was_away(tmp_path: Path) -> None:
    """No restart is needed: the hub connects again and tells every page to load anew."""
    private = PrivatePostgres(tmp_path / "pg", fast=True)
    hub = Hub("")
    with running(private):
        private.create_database("live")
        hub = Hub(private.url("live"))
        await hub.start()
        async with asyncio.timeout(10):
            await hub.connected.wait()
        hub.publish("ticket.registered", "ticket", "1", {})
    while hub.connected.is_set():
        await asyncio.sleep(0)
    with running(private):
        async with asyncio.timeout(20):
            await hub.connected.wait()
        assert hub._recent[-1].name == "live.gap"
        database = Database(private.url("live"))
        await database.ping()
        await database.close()
    await hub.stop()


async def test_what_happens_between_the_page_and_its_stream_is_not_missed(site: TestServer, browser: Opener, city: City) -> None:
    await _ready(site)
    dispatcher = await browser("dispatcher")
    body = await dispatcher.text("/console/tickets")
    address = re.findall(r'hx-sse:connect="([^"]+)"', body)[0]
    await city.register()
    response = await dispatcher.get(address)
    await _until(_events(response), "tickets")
    response.close()
