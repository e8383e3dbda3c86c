"""An editor changes a fee; another one publishes it; within the same minute the web chat and the telephone say the new one."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from telephony.speech.voice import EspeakVoice
from tests.e2e.demo import Demo
from tests.e2e.test_journey import CHROMIUM, PASSWORD, TIMEOUT_MS
from tests.e2e.test_phone import newest_call, now, number, said, talk, voice
from tests.navigation import goto

__all__ = ["number", "voice"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
ARTICLE, QUESTION = "id-card-lost", "身份证丢了怎么补办"


class Desk:
    """Browsers of the demo's people."""

    def __init__(self, demo: Demo, browser: object) -> None:
        self.demo, self._browser = demo, browser

    async def page(self) -> Page:
        context = await self._browser.new_context(locale="zh-CN", base_url=self.demo.url)  # type: ignore[attr-defined]
        page: Page = await context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        return page

    async def staff(self, login: str) -> Page:
        page = await self.page()
        await goto(page, "/console/login")
        await page.fill("input[name=login]", login)
        await page.fill("input[name=password]", PASSWORD)
        await page.click("form button[type=submit]")
        await page.wait_for_url(re.compile(r"/console/(?!login)"))
        return page


@pytest.fixture
async def desk(demo: Demo) -> AsyncIterator[Desk]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Desk(demo, browser)
        await browser.close()


async def _change_fee(desk: Desk, article: str, fee: int) -> None:
    """The editor writes the fee everywhere it stands, with the unit's letter; the other editor publishes."""
    editor = await desk.staff("editor")
    await goto(editor, f"/console/articles/{article}/edit")
    for field in ("spoken", "spoken_fee", "body_fee"):
        text = await editor.input_value(f"#f-{field}")
        await editor.fill(f"#f-{field}", re.sub(r"四十元|40元|\d+元(?=；|，)", f"{fee}元", text, count=1))
    await editor.fill("#f-note", "工本费调整")
    await editor.click("form[data-article] footer button[type=submit]")
    await editor.wait_for_url(re.compile(rf"/console/articles/{article}$"))
    await editor.fill("#f-unit_note", "云公函〔2026〕18号")
    await editor.click(f"form[action='/console/articles/{article}/submit'] button[type=submit]")
    await editor.wait_for_load_state()
    other = await desk.staff("editor2")
    await goto(other, f"/console/articles/{article}")
    await other.click(f"form[action='/console/articles/{article}/publish'] button[type=submit]")
    await other.wait_for_load_state()


async def test_a_new_fee_is_said_on_web_chat_and_telephone_within_the_minute(
    demo: Demo, desk: Desk, number: str, voice: EspeakVoice
) -> None:
    fee = 41 + time.time_ns() % 40
    article = demo.sql(f"SELECT id FROM article WHERE slug = '{ARTICLE}'")[0]
    before = await desk.page()
    await goto(before, "/ask")
    await before.fill("#say", QUESTION)
    await before.keyboard.press("Enter")
    await before.wait_for_selector("#talk li.bot .answer")
    assert f"{fee}元" not in await before.inner_text("#talk")
    await _change_fee(desk, article, fee)
    published = time.monotonic()
    citizen = await desk.page()
    await goto(citizen, "/ask")
    await citizen.fill("#say", QUESTION)
    await citizen.keyboard.press("Enter")
    await citizen.wait_for_selector(f"#talk >> text={fee}元")
    on_the_web = time.monotonic() - published
    since = now(demo)
    assert await talk(demo, number, voice, QUESTION) == 1
    call = newest_call(demo, since)
    assert f"{fee}元" in said(demo, call, "bot")
    version = demo.sql(f"SELECT version FROM article WHERE id = {article}")[0]
    told = f"SELECT count(*) FROM message m JOIN call c USING (conversation_id) WHERE c.id = '{call}' AND m.article_id = {article}"
    assert demo.sql(f"{told} AND m.article_version = {version}") == ["1"]
    assert on_the_web < 60
