"""The portal in a real browser: accessibility, small screens, live chat. Skipped where Chromium is not installed."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from channels.web.static import NODE_MODULES
from hotline.database import Database
from knowledge.article.models import Article
from tests import pictures
from tests.channels.office import Office
from tests.channels.public import Client, MakeTicket, tickets
from tests.navigation import goto
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message
from ticketing.conversation.service import add_message, get_conversation

playwright_api = pytest.importorskip("playwright.async_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.slow,  # a real browser
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
needs_kit = pytest.mark.skipif(not (NODE_MODULES / "htmx.org").is_dir(), reason="front-end packages are not installed (script/bootstrap)")
PAGES = ("/", "/guide", "/guide?q=身份证", "/guide/id-card-renewal", "/appeal", "/ask", "/track")


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def open_ticket(page: Any, client: Client, made: Any) -> None:
    await goto(page, str(client.make_url("/track")))
    await page.fill("#f-number", made.ticket.number)
    await page.fill("#f-code", made.query_code)
    await page.click("main button[type=submit]")
    await page.wait_for_selector(".steps")


async def violations(page: Any) -> list[str]:
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE.read_text())
    result = await page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    return [f"{found['id']}: {found['nodes'][0]['html'][:160]}" for found in result["violations"]]


async def sideways(page: Any) -> int:
    width: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


async def look(page: Any, name: str) -> None:
    """Nothing is wider than the screen."""
    assert await sideways(page) <= 0, name


async def check(page: Any, name: str, problems: list[str]) -> None:
    for width in (320, 390, 1366):
        await page.set_viewport_size({"width": width, "height": 800})
        if (over := await sideways(page)) > 0:
            problems.append(f"{name} at {width}: {over} px too wide")
    problems += [f"{name}: {found}" for found in await violations(page)]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (script/bootstrap)")
@pytest.mark.parametrize("mode", ["standard", "elder"])
async def test_every_page_is_accessible_and_fits(
    chromium: Any, client: Client, city: Database, core: Core, articles: list[Article], make_ticket: MakeTicket, mode: str
) -> None:
    office = await Office(core, city).hire()
    made, rated = await make_ticket(address="滨河路188号江畔花园北门" * 4), await make_ticket()
    await office.work(await office.dispatch(made.ticket.number))
    await office.until_rating(rated.ticket.number)
    page = await chromium.new_page()
    await goto(page, str(client.make_url(f"/prefs?mode={mode}")))
    problems: list[str] = []
    for path in PAGES:
        await goto(page, str(client.make_url(path)))
        await check(page, path, problems)
    await goto(page, str(client.make_url("/appeal")))
    await page.click("main button[type=submit]")
    await page.wait_for_selector(".errors")
    assert await page.evaluate("document.activeElement.className") == "errors"
    await check(page, "appeal with errors", problems)
    for ticket in (made, rated):
        await open_ticket(page, client, ticket)
        await check(page, "ticket", problems)
        if ticket is rated:
            for path in ("/track/rate", "/track/supplement"):
                await goto(page, str(client.make_url(path)))
                await check(page, path, problems)
        await page.context.clear_cookies(name="hotline_track")
    assert problems == []


@needs_kit
async def test_chat_is_live_both_ways(chromium: Any, client: Client, city: Database, core: Core, articles: list[Article]) -> None:
    page = await chromium.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await goto(page, str(client.make_url("/ask")))
    await page.fill("#say", "身份证到期了怎么换")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#talk >> text=派出所")
    assert await page.input_value("#say") == ""
    assert await page.evaluate("document.activeElement.id") == "say"
    await page.click("#quick >> text=转人工")
    await page.wait_for_selector("#ask-state >> text=正在为您找话务员")
    await page.fill("#say", "写了一半")
    async with city.transaction() as session:
        known = (await session.scalars(select(Conversation.id))).one()
        await add_message(core, session, await get_conversation(session, known), Author.AGENT, "您好，我是话务员小林")
    await page.wait_for_selector("#talk >> text=我是话务员小林")
    assert await page.input_value("#say") == "写了一半", "what is being typed survives what comes in"
    assert complaints == []
    async with city.transaction() as session:
        said = select(func.count()).select_from(Message).where(Message.author == Author.CITIZEN.value)
        assert await session.scalar(said) == 2


@needs_kit
async def test_an_answer_is_read_from_its_beginning(chromium: Any, client: Client, articles: list[Article]) -> None:
    page = await chromium.new_page(viewport={"width": 390, "height": 560}, bypass_csp=True)  # wait_for_function evaluates text
    await goto(page, str(client.make_url("/ask")))
    for question in ("身份证到期了怎么换", "暖气不热找谁", "身份证到期了怎么换呢"):
        await page.fill("#say", question)
        await page.keyboard.press("Enter")
        await page.wait_for_function(
            "text => [...document.querySelectorAll('#talk > li.us')].pop()?.innerText.endsWith(text)", arg=question
        )
        await page.wait_for_function(
            "[...document.querySelectorAll('#talk > li.us')].pop().nextElementSibling.matches('.bot:not(#m-answering)')"
        )
    box = "document.querySelector('.talkbox').getBoundingClientRect()"
    await page.wait_for_function(f"[...document.querySelectorAll('#talk > li.us')].pop().getBoundingClientRect().top - {box}.top < 40")
    assert await page.evaluate("document.scrollingElement.scrollHeight - innerHeight") == 0, "only the talk scrolls, never the page"


async def test_a_double_click_makes_one_ticket(chromium: Any, client: Client, city: Database) -> None:
    page = await chromium.new_page()
    await goto(page, str(client.make_url("/appeal")))
    await page.fill("#f-what", "江畔花园北门对面工地连续三晚打桩，要求停止")
    await page.fill("#f-where", "滨河路188号")
    await page.fill("#f-phone", "13900002716")
    await page.dblclick("main button[type=submit]")
    await page.wait_for_selector("#code")
    assert len(await tickets(city)) == 1


async def test_without_javascript_an_appeal_goes_all_the_way(chromium: Any, client: Client, city: Database, tmp_path: Path) -> None:
    context = await chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = await context.new_page()
    await goto(page, str(client.make_url("/")))
    await page.click("text=我要反映")
    photo = tmp_path / "照片.png"
    photo.write_bytes(pictures.png())
    await page.set_input_files("#f-files", photo)
    await page.fill("#f-what", "江畔花园北门对面工地连续三晚打桩，要求停止")
    await page.fill("#f-where", "滨河路188号")
    await page.check("[name=anonymous]")
    await page.click("main button[type=submit]")
    await page.click("text=看办理进度")
    assert "照片.png" in await page.inner_text("main")
    assert len(await tickets(city)) == 1
