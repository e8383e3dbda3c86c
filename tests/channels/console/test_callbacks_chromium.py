"""The pages of callbacks and notices in a real browser: accessible, and as wide as the screen at every width."""

from __future__ import annotations

import os
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from channels.sms.sender import SmsSender
from tests.channels.console.screen import Desk, in_browser
from tests.channels.console.test_callbacks import by_web, link, to_callback
from tests.channels.staff import City
from tests.navigation import goto

pytestmark = in_browser

SHOTS = os.environ.get("CALLBACK_SHOTS", "")
"""A folder for pictures, when somebody wants to look at the pages."""


async def _picture(desk: Desk, name: str) -> None:
    if SHOTS:
        await desk.page.set_viewport_size({"width": 1366, "height": 900})
        await desk.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


async def _dialogs(desk: Desk, number: str, problems: list[str], names: tuple[str, ...]) -> None:
    await desk.open(f"/console/tickets/{number}")
    await desk.check(f"ticket {number}", problems)
    for name in names:
        await desk.page.evaluate(
            "id => { document.querySelectorAll('dialog[open]').forEach(d => d.close()); document.getElementById(id).showModal(); }", name
        )
        await desk.check(name, problems)
        await _picture(desk, name)


@pytest.mark.parametrize("login", ["callback", "supervisor", "admin"])
async def test_the_pages_of_callbacks_and_notices(chromium: Any, site: TestServer, city: City, login: str) -> None:
    waiting, unhappy = await to_callback(city), await to_callback(city)
    await by_web(city, unhappy)
    await SmsSender(city.core, city.database, None, "https://hotline.example").send_waiting()
    desk, problems = await Desk.of(chromium, site, login), []
    pages = {
        "callback": ("/console/callbacks",),
        "supervisor": ("/console/callbacks", "/console/notices-sent"),
        "admin": ("/console/notices-sent", "/console/notices-templates", "/console/notices-templates/supplement"),
    }[login]
    for path in pages:
        await desk.open(path)
        await desk.check(path, problems)
        await _picture(desk, login + path.replace("/", "_"))
    if login == "callback":
        await _dialogs(desk, waiting, problems, ("a-visit", "a-attempt"))
        await _dialogs(desk, unhappy, problems, ("a-decide_redo",))
    if login == "supervisor":
        await _dialogs(desk, unhappy, problems, ("a-decide_redo", "a-close_disputed"))
        await desk.open(f"/console/tickets/{unhappy}")
        await _picture(desk, "ticket")
    assert problems == []


async def test_the_page_behind_the_link(chromium: Any, site: TestServer, city: City) -> None:
    path = await link(city, await to_callback(city))
    context = await chromium.new_context(viewport={"width": 390, "height": 800})
    desk = Desk(await context.new_page(), site)
    problems: list[str] = []
    await goto(desk.page, str(site.make_url(path)))
    await desk.check("link", problems)
    await _picture(desk, "link")
    await desk.page.get_by_label("非常满意").first.check()
    await desk.page.locator("#f-solved").get_by_label("是").check()
    await desk.page.get_by_role("button", name="提交评价").click()
    await desk.page.get_by_text("谢谢您的评价").wait_for()
    await desk.check("thanks", problems)
    assert problems == []
