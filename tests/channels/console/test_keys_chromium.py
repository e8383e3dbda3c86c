"""Without a mouse: photographs by the arrow keys, and a callback clerk's calls from the desk to the next citizen."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestServer

from tests.channels.console.screen import Desk, in_browser, playwright_api
from tests.channels.console.test_callbacks import to_callback
from tests.channels.console.test_story_pages import photograph
from tests.channels.staff import City, Opener

pytestmark = in_browser

expect = playwright_api.expect


async def test_photographs_go_on_by_the_arrow_keys(chromium: Any, site: TestServer, city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    sender = await browser("dispatcher")
    for seed, name in ((1, "北门.png"), (2, "南门.png")):
        await photograph(sender, number, name, seed)
    desk = await Desk.of(chromium, site, "dispatcher")
    await desk.open(f"/console/tickets/{number}")
    await desk.page.locator("[data-picture]").first.focus()
    await desk.page.keyboard.press("Enter")
    large, place = desk.page.locator("#gallery [data-large]"), desk.page.locator("#gallery [data-place]")
    await expect(place).to_have_text("第1张，共2张")
    await desk.page.keyboard.press("ArrowRight")
    await expect(place).to_have_text("第2张，共2张")
    await expect(large).to_have_attribute("alt", "工作人员上传的照片，第2张，共2张：南门.png")
    problems: list[str] = []
    await desk.check("gallery", problems)
    await desk.page.keyboard.press("ArrowRight")
    await expect(place).to_have_text("第1张，共2张")
    await desk.page.keyboard.press("Escape")
    await expect(desk.page.locator("#gallery")).not_to_be_visible()
    await expect(desk.page.locator("[data-picture]").first).to_be_focused()
    await desk.check("ticket with photographs", problems)
    await desk.open(f"/console/tickets/{number}/print")
    await desk.check("print", problems)
    assert problems == []


async def test_a_callback_clerk_calls_one_citizen_after_the_other_by_keys_alone(chromium: Any, site: TestServer, city: City) -> None:
    first, second = await to_callback(city), await to_callback(city, content="滨河路工地凌晨还在打桩")
    desk = await Desk.of(chromium, site, "callback")
    await desk.open("/console/callbacks")
    await desk.page.keyboard.press("n")
    await desk.page.wait_for_url(f"**/console/tickets/{first}")
    await expect(desk.page.locator("#dial-why")).to_contain_text("还没有话机")  # the button says why it rests
    await desk.page.keyboard.press("r")
    questions = desk.page.locator("#a-visit [data-digits] fieldset")
    for place in range(await questions.count()):  # the first answer to each, one digit after the other
        await desk.page.keyboard.press("1")
        assert await questions.nth(place).locator("input").first.is_checked(), place
    assert await desk.page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    await desk.page.keyboard.press("Control+Enter")
    await desk.page.wait_for_url(f"**/console/tickets/{second}")
    await desk.page.keyboard.press("n")
    await desk.page.keyboard.press("1")
    await desk.page.keyboard.press("Control+Enter")
    await desk.page.wait_for_url("**/console/callbacks")
