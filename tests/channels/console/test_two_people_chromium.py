"""Two browsers on one ticket: who comes second sees both sides, takes what is right, and loses nothing."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestServer

from tests.channels.console.screen import Desk, in_browser, playwright_api
from tests.channels.console.test_chromium import _dispatched
from tests.channels.staff import City

pytestmark = in_browser


async def test_two_browsers_act_on_one_ticket(chromium: Any, site: TestServer, city: City) -> None:
    number = (await city.register()).ticket.number
    first, second = [await Desk.of(chromium, site, login) for login in ("dispatcher", "dispatcher2")]
    for desk in (first, second):
        await desk.open(f"/console/tickets/{number}")
        await desk.page.click("summary:has-text('其他操作')")
        await desk.page.click("button[data-open=a-edit]")
    await first.page.fill("#edit-title", "滨河路工地夜间打桩")
    await first.page.check("#a-edit input[name=urgency][value=urgent]", force=True)
    await first.page.keyboard.press("Control+Enter")
    await first.page.wait_for_selector("text=登记内容已更新")
    await second.page.fill("#edit-title", "江畔花园北门夜间施工")
    await second.page.keyboard.press("Control+Enter")
    await second.page.wait_for_selector("#a-edit[open] .clash")
    shown = await second.page.inner_text("#a-edit")
    assert "滨河路工地夜间打桩" in shown  # theirs
    assert await second.page.input_value("#edit-title") == "江畔花园北门夜间施工"  # mine is kept
    problems: list[str] = []
    second.complaints.clear()  # the browser itself notes an answer of 409
    await second.check("409", problems)
    assert problems == []
    await second.page.click("button[data-take=urgency][data-value=urgent]")
    await second.page.keyboard.press("Control+Enter")
    await second.page.wait_for_selector("text=登记内容已更新")
    assert "江畔花园北门夜间施工" in await second.page.inner_text(".matter")
    await playwright_api.expect(second.page.locator("article .urgent")).to_have_text("紧急")


async def test_the_reply_editor_tells_what_is_missing_while_it_is_typed(chromium: Any, site: TestServer, city: City) -> None:
    number = await _dispatched(city)
    desk = await Desk.of(chromium, site, "clerk")
    await desk.open(f"/console/tickets/{number}")
    await desk.page.keyboard.press("d")
    await desk.page.click("#a-sign button[type=submit]")
    await desk.page.wait_for_selector("text=已签收")
    if not await desk.page.is_visible(".next button[data-open=a-reply]"):
        await desk.page.click("summary:has-text('其他操作')")
    await desk.page.click("button[data-open=a-reply]")
    await desk.page.fill("#reply-measures", "已处理")
    await desk.page.wait_for_selector("#preview-reply:has-text('至少写30个字')")
    await desk.page.fill("#reply-measures", "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排连续三晚巡查。")
    await playwright_api.expect(desk.page.locator("#preview-reply")).not_to_contain_text("至少写30个字")
    await playwright_api.expect(desk.page.locator("#preview-reply")).to_contain_text("首席代表审签")
    problems: list[str] = []
    await desk.check("reply", problems)
    assert problems == []
