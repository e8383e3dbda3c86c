"""The server goes away and comes back: an open page stays as it is, becomes live again by itself and shows what happened meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestServer, unused_port

from channels.web.app import create_app
from channels.web.static import NODE_MODULES
from hotline.assembly import Services
from tests.channels.console.screen import CHROMIUM, Desk
from tests.channels.staff import City

pytestmark = [
    pytest.mark.slow,  # a real browser
    pytest.mark.skipif(CHROMIUM is None or not NODE_MODULES.is_dir(), reason="chromium or the front-end packages are not installed"),
]


class Site:
    """The web application at one address, as often started as wanted."""

    def __init__(self, city: City) -> None:
        self.city, self.port = city, unused_port()
        self.server: TestServer | None = None

    async def start(self) -> TestServer:
        self.server = TestServer(create_app(Services(self.city.settings, self.city.core, self.city.database)), port=self.port)
        await self.server.start_server()
        return self.server

    async def stop(self) -> None:
        if self.server:
            await self.server.close()
        self.server = None


@pytest.fixture
async def place(city: City) -> AsyncIterator[Site]:
    place = Site(city)
    yield place
    await place.stop()


async def test_a_restart_needs_no_reload_and_loses_nothing(chromium: Any, place: Site, city: City) -> None:
    desk = await Desk.of(chromium, await place.start(), "dispatcher")
    await desk.connected()
    await desk.page.evaluate("window.never_reloaded = true")
    await desk.page.fill("#find", "写了一半")
    await place.stop()
    await desk.page.wait_for_selector("#live[data-live=off]", state="attached")
    during = (await city.register(title="停机时来的工单")).ticket.number
    await place.start()
    await desk.connected()
    await desk.page.wait_for_selector(f"tbody tr:has-text('{during[-5:]}')", timeout=20_000)
    after = (await city.register(title="恢复后来的工单")).ticket.number
    await desk.page.wait_for_selector(f"tbody tr:has-text('{after[-5:]}')", timeout=20_000)
    assert await desk.page.evaluate("window.never_reloaded")
    assert await desk.page.input_value("#find") == "写了一半"


async def test_a_page_from_before_the_restart_still_sends_its_form(chromium: Any, place: Site, city: City) -> None:
    desk = await Desk.of(chromium, await place.start(), "dispatcher")
    number = (await city.register()).ticket.number
    await desk.open(f"/console/tickets/{number}")
    await desk.connected()
    await place.stop()
    await desk.page.wait_for_selector("#live[data-live=off]", state="attached")
    await place.start()
    await desk.connected()
    await desk.page.keyboard.press("d")
    await desk.page.select_option("#dispatch-category_code", "0301")
    await desk.page.fill("#dispatch-instruction", "请尽快检修")
    await desk.page.keyboard.press("Control+Enter")
    await desk.page.wait_for_selector("text=已派单")
