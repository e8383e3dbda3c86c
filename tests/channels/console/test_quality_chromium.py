"""One call under inspection in a real browser: the transcript goes with the sound, keys, the sum, and axe on every page."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestServer

from tests.channels.console.screen import Desk, in_browser
from tests.channels.console.test_quality import APPEAL, PAGE, POOR, check_of, recorded
from tests.channels.staff import City
from ticketing.quality import appeals, checks

pytestmark = in_browser

POINTS = {name.removeprefix("p-"): int(value) for name, value in POOR.items()}


async def test_listening_by_lines_and_keys_and_scoring(chromium: Any, site: TestServer, city: City) -> None:
    check_id, following = await check_of(city, await recorded(city)), await check_of(city, await recorded(city))
    desk, problems = await Desk.of(chromium, site, "quality"), list[str]()
    await desk.open(f"{PAGE}/{check_id}")
    page = desk.page
    await page.click("[data-start='1.0'] .say")
    await page.wait_for_selector("[data-start='1.0'][aria-current=true]")
    await page.wait_for_selector("[data-start='2.0'][aria-current=true]")
    await page.check("[data-speed][value='1.5']", force=True)
    assert await page.evaluate("document.getElementById('player').playbackRate") == 1.5
    await page.evaluate("document.activeElement.blur(); document.getElementById('player').pause()")
    await page.evaluate("document.getElementById('player').currentTime = 2.5")
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_selector("[data-start='0.0'][aria-current=true]")
    await page.keyboard.press(" ")
    await page.wait_for_selector("[data-start='1.0'][aria-current=true]")
    for name, value in POOR.items():
        await page.fill(f"#{name}", value)
    assert await page.inner_text("[data-total]") == "80"
    await page.check("input[name=fatal] >> nth=0")
    assert await page.inner_text("[data-total]") == "0"
    await page.uncheck("input[name=fatal] >> nth=0")
    await page.fill("#f-remark", "没有查知识库，答错了材料")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url(f"**{PAGE}/{following}")
    assert not problems, problems


async def test_every_page_is_accessible_and_fits(chromium: Any, site: TestServer, city: City) -> None:
    waiting, check_id = await check_of(city, await recorded(city)), await check_of(city, await recorded(city))
    async with city.database.transaction() as session:
        await checks.score(city.core, session, city.people["quality"], check_id, points=POINTS, fatal=["rude"], remark="没有查知识库" * 20)
        await appeals.appeal(city.core, session, city.people["agent"], check_id, APPEAL * 10)
    problems: list[str] = []
    tabs = [f"{PAGE}?tab={tab}" for tab in ("waiting", "appealed", "done", "averages")]
    paths = {
        "quality": [*tabs, f"{PAGE}/{waiting}", f"{PAGE}/book"],
        "supervisor": [f"{PAGE}/{check_id}", f"{PAGE}/book"],
        "agent": [f"{PAGE}?tab=appealed", f"{PAGE}/{check_id}"],
    }
    for login, theirs in paths.items():
        desk = await Desk.of(chromium, site, login)
        for theme in ("light", "dark"):
            await desk.page.evaluate(f"localStorage.setItem('ui.theme', '{theme}')")
            for path in theirs:
                await desk.open(path)
                await desk.check(f"{login} {theme} {path}", problems)
    assert not problems, problems
