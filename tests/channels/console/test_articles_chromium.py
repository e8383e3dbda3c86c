"""The editor's pages in a real browser: keyboard from list to saved draft, the sound, accessibility and small screens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from knowledge.article import service
from knowledge.article.content import Content
from knowledge.article.models import KnowledgeTopic
from tests.channels.console.screen import Desk, in_browser
from tests.channels.console.test_articles import put_live
from tests.channels.staff import City

pytestmark = in_browser

BODY = {
    "conditions": "本市居民，在重点管理区内养犬的", "materials": ["身份证", "房产证或者租房合同", "犬只免疫证"],
    "procedure": ["到派出所申请", "拍照", "领证"],
    "time_limit": {"statutory": "10个工作日", "promised": "3个工作日"}, "fee": "每只每年200元",
    "fee_basis": "《云川市养犬管理条例》第十二条",
    "address": "各派出所户籍窗口", "hours": "工作日8:30至17:30", "phone": "0000-6510110", "basis": "《云川市养犬管理条例》第八条",
}  # fmt: skip


@pytest.fixture
async def kept(city: City) -> int:
    """A published article with a draft beside it, and a topic that is on."""
    article = await put_live(city, body=BODY, spoken_parts={"fee": "每只每年二百元。"}, unit_id=city.units["city"])
    async with city.database.transaction() as session:
        content = Content.loaded((await service.latest_version(session, article.id)).content)
        changed = replace(content, body={**BODY, "fee": "每只每年100元"}, spoken_parts={"fee": "每只每年一百元。"})
        await service.update(city.core, session, city.people["clerk"], article.id, changed, seen_version=1, note="收费降了")
        await service.submit(city.core, session, city.people["clerk"], article.id)
        session.add(KnowledgeTopic(name="防御台风", message="台风今晚登陆", active=True, changed_at=city.clock.now()))
    return article.id


async def test_every_page_of_the_editor_fits_and_is_accessible(chromium: Any, site: TestServer, city: City, kept: int) -> None:
    desk, problems = await Desk.of(chromium, site, "editor"), []
    for path in (
        "/console/articles", "/console/articles?view=drafts", f"/console/articles/{kept}", f"/console/articles/{kept}?draft=1",
        f"/console/articles/{kept}/edit", f"/console/articles/{kept}/compare", f"/console/articles/{kept}/told",
        "/console/articles/topics", "/console/articles/new",
    ):  # fmt: skip
        await desk.open(path)
        await desk.check(path, problems)
    await desk.open("/guide/dog")
    await desk.check("/guide/dog", problems)
    assert problems == []


async def test_an_article_is_written_by_keyboard_and_heard(chromium: Any, site: TestServer, city: City) -> None:
    desk = await Desk.of(chromium, site, "editor")
    page = desk.page
    await desk.open("/console/articles")
    await page.keyboard.press("n")
    await page.wait_for_url("**/articles/new")
    await page.fill("#f-title", "夜市开放时间")
    await page.select_option("#f-kind", "question")
    await page.fill("#f-scene", "城市管理")
    await page.fill("#f-questions", "夜市几点开\n夜市几点关")
    await page.fill("#f-spoken", "夜市每天下午六点到晚上十一点开放。")
    assert await page.text_content("[data-counts=f-spoken]") == "17 / 300"
    async with page.expect_response(lambda response: "/articles/speech" in response.url) as heard:
        await page.click("[data-hear=f-spoken]")
    assert (await (await heard.value).all_headers())["content-type"] == "audio/wav"
    await page.wait_for_function("document.getElementById('hear').duration > 1")
    await page.focus("#f-title")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector(".toast")
    assert "草稿已保存" in (await page.text_content(".toast") or "")
    assert await page.get_by_role("button", name="提交审核").count() == 1
    assert desk.complaints == []
