"""A clerk in the street: photographs are sent one by one, the network drops, and nothing is lost or kept twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from PIL import Image
from sqlalchemy import func, select

from tests.channels.console.screen import Desk, in_browser
from tests.channels.staff import City
from ticketing.ticket.models import Attachment

pytestmark = in_browser


async def test_photos_go_on_after_the_network_dropped(chromium: Any, site: TestServer, city: City, tmp_path: Path) -> None:
    number = (await city.register()).ticket.number
    photos = []
    for place, colour in enumerate(("red", "green")):
        photos.append(tmp_path / f"现场{place}.jpg")
        Image.new("RGB", (40, 30), colour).save(photos[-1])
    desk = await Desk.of(chromium, site, "dispatcher")
    await desk.page.set_viewport_size({"width": 390, "height": 800})
    await desk.open(f"/console/tickets/{number}")
    sent = 0

    async def street(route: Any) -> None:
        """The first arrives but its answer is lost; then nothing goes through once; then the network is back."""
        nonlocal sent
        sent += 1
        if sent == 1:
            await route.fetch(max_redirects=0)
        if sent <= 2:
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await desk.page.route("**/files", street)
    await desk.page.click("summary:has-text('其他操作')")
    await desk.page.click("button[data-open=a-upload]")
    await desk.page.set_input_files("#upload-files", [str(photo) for photo in photos])
    await desk.page.click("#a-upload button[type=submit]")
    await desk.page.wait_for_selector("#a-upload:has-text('恢复后接着传')")
    await desk.page.wait_for_selector("text=附件 2 个")
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 2
    assert sent == 4
