"""Home, guide, faces and languages, and the chat without JavaScript."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from hotline.clock import ManualClock
from hotline.database import Database
from knowledge.article import service as knowledge
from knowledge.article.models import Article
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, tickets
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message, open_conversation
from ticketing.people.actor import SYSTEM


async def test_home_has_every_door_and_the_emergency_numbers(client: Client, articles: list[Article]) -> None:
    page = await Browser(client).get("/")
    for href in (
        "/appeal",
        "/track",
        "/ask",
        "/guide",
        "/track/rate",
        "/guide/id-card-renewal",
        "tel:12345",
        "tel:110",
        "tel:119",
        "tel:120",
        "tel:122",
    ):
        assert f'href="{href}"' in page.text, href
    assert page.text.count("<h1") == 1
    assert '<html lang="zh-CN"' in page.text
    assert "演示网站" in page.text


async def test_no_page_holds_inline_style_or_script(client: Client, articles: list[Article]) -> None:
    for path in ("/", "/guide", "/guide/id-card-renewal", "/appeal", "/track", "/ask"):
        text = (await Browser(client).get(path)).text
        assert not re.search(r'\sstyle="|<style|<script>|\son[a-z]+="', text), path


async def test_guide_lists_by_scene_and_finds_words_inside(client: Client, articles: list[Article]) -> None:
    browser = Browser(client)
    everything = await browser.get("/guide")
    assert [everything.text.index(scene) > 0 for scene in ("户籍与证件", "公用事业")] == [True, True]
    assert "居民身份证到期换领" in (await browser.get("/guide?q=身份证")).text
    assert "家里暖气不热怎么办" in (await browser.get("/guide?q=暖气")).text
    assert "家里暖气不热怎么办" not in (await browser.get("/guide?q=身份证")).text
    nothing = await browser.get("/guide?q=%3Cscript%3E%07')--")
    assert (nothing.status, "没有找到" in nothing.text, "<script>'" in nothing.text) == (200, True, False)


async def test_article_shows_its_sections_and_where_to_go_on(client: Client, articles: list[Article]) -> None:
    page = await Browser(client).get("/guide/id-card-renewal")
    for words in (
        "所需材料",
        "旧身份证",
        "办理流程",
        "20元",
        'href="tel:00001234567"',
        "第十一条",
        "虚构城市的样例",
        'href="/ask"',
        "/appeal?kind=complaint",
    ):
        assert words in page.text, words


async def test_recalled_and_expired_articles_are_gone(
    client: Client, articles: list[Article], city: Database, core: Core, clock: ManualClock
) -> None:
    async with city.transaction() as session:
        await knowledge.recall(core, session, SYSTEM, articles[0].id, "依据已废止")
        await session.execute(update(Article).where(Article.id == articles[1].id).values(valid_until=clock.now().date()))
    browser = Browser(client)
    gone = await browser.get("/guide/id-card-renewal")
    assert (gone.status, "没有这条办事指南" in gone.text) == (404, True)
    assert "居民身份证到期换领" not in (await browser.get("/guide")).text
    assert (await browser.get("/guide/heating-repair")).status == 200, "its last day still counts"
    clock.advance(days=2)
    assert (await browser.get("/guide/heating-repair")).status == 404
    assert (await browser.get("/guide/no-such-thing")).status == 404


async def test_elder_face_and_language_are_remembered_without_javascript(client: Client) -> None:
    browser = Browser(client)
    page = await browser.get("/prefs?mode=elder&to=/track")
    assert (page.path, 'data-mode="elder"' in page.text, "标准版" in page.text) == ("/track", True, True)
    assert 'data-mode="elder"' in (await browser.get("/")).text
    assert 'data-mode="elder"' not in (await browser.get("/prefs?mode=standard&to=/")).text
    assert '<html lang="en"' in (await browser.get("/prefs?lang=en&to=/appeal")).text
    assert '<html lang="zh-CN"' in (await browser.get("/prefs?lang=zh&to=/")).text


async def test_one_persons_language_is_not_the_next_ones(client: Client) -> None:
    """Both share the test client's connections, as people behind one proxy do."""
    english = Browser(client)
    await english.get("/prefs?lang=en")
    assert "您有什么事要办" in (await Browser(client).get("/")).text
    assert '<html lang="en"' in (await english.get("/")).text
    assert (await (await client.get("/open311/v2/services/0000.json")).json())[0]["description"].startswith("没有")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "",
        "/%0d%0aX: 1 y",
        "///x",
    ],
)
async def test_prefs_lead_nowhere_else(client: Client, target: str) -> None:
    response = await client.get("/prefs", params={"mode": "elder", "to": target}, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/")


async def test_wrong_preferences_are_ignored(client: Client) -> None:
    response = await client.get("/prefs?mode=<x>&lang=xx", allow_redirects=False)
    assert "hotline_mode" not in response.headers.getall("Set-Cookie", [])
    assert (await Browser(client, {"hotline_mode": "<x>", "hotline_lang": "../../x"}).get("/")).status == 200


async def test_unknown_page_helps_on(client: Client) -> None:
    page = await Browser(client).get("/nothing-here")
    assert (page.status, "没有找到" in page.text, 'href="/"' in page.text) == (404, True, True)


async def test_chat_without_javascript(client: Client, articles: list[Article]) -> None:
    browser = Browser(client)
    page = await browser.submit("/ask", {"text": "身份证到期了怎么换"})
    assert (page.path.partition("#")[0], page.status) == ("/ask", 200)
    assert "身份证到期了怎么换" in page.text
    assert "派出所" in page.text
    assert 'href="/guide/id-card-renewal"' in page.text
    assert "身份证到期了怎么换" in (await browser.get("/ask")).text, "the conversation is remembered"
    assert "身份证到期了怎么换" not in (await Browser(client).get("/ask")).text


async def test_asking_from_the_home_page(client: Client, articles: list[Article]) -> None:
    page = await Browser(client).submit("/ask", {"text": "暖气不热找谁"}, at="/")
    assert "供热公司" in page.text


async def test_reading_a_page_never_says_anything(client: Client, city: Database) -> None:
    page = await Browser(client).get("/ask?q=我要投诉")
    assert 'value="我要投诉"' in page.text
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Conversation)) == 0


async def test_a_complaint_by_chat_gives_number_and_code_once(client: Client, city: Database, clock: ManualClock) -> None:
    browser = Browser(client)
    page = await browser.submit("/ask", {"text": "我要投诉，滨河路的路灯坏了三天没人修"})
    for answer in ("滨河路18号门口", "昨天晚上", "周敏，13900002716", "确认", "提交"):
        if "已登记，编号" in page.text:
            break
        page = await browser.submit("/ask", {"text": answer})
    [ticket] = await tickets(city)
    assert ticket.number in page.text
    code = re.search(r"[2-9A-HJKMNP-Z]{8}", page.text.split("<ol")[1])
    assert code
    assert ticket.number in (await browser.get("/track")).text
    assert ticket.number in (await browser.get("/appeal/done")).text
    clock.advance(minutes=31)
    later = await browser.get("/ask")
    assert "••••••••" in later.text
    assert code[0] not in later.text


async def test_choices_are_buttons_that_post(client: Client, city: Database) -> None:
    browser = Browser(client)
    page = await browser.get("/ask")
    assert re.search(r'<button class="chip" type="submit" name="choice" value="转人工">', page.text)
    page = await browser.submit("/ask", {"choice": "转人工", "text": "ignored"})
    assert "正在为您找话务员" in page.text
    async with city.transaction() as session:
        assert (await session.scalars(select(Conversation.owner))).one() == Owner.QUEUE.value
        assert "ignored" not in list(await session.scalars(select(Message.text)))


async def test_the_same_message_sent_twice_is_said_once(client: Client, city: Database) -> None:
    browser = Browser(client)
    form = {**await browser.form("/ask"), "text": "你好"}
    for _ in range(2):
        await browser.post("/ask", form)
    async with city.transaction() as session:
        said = select(func.count()).select_from(Message).where(Message.author == Author.CITIZEN.value)
        assert await session.scalar(said) == 1


@pytest.mark.parametrize("text", ["", "  ", "字" * 2001])
async def test_a_message_that_cannot_be_sent_comes_back(client: Client, city: Database, text: str) -> None:
    page = await Browser(client).submit("/ask", {"text": text})
    assert (page.status, 'class="error"' in page.text) == (422, True)
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 0


async def test_htmx_gets_only_the_parts(client: Client, articles: list[Article]) -> None:
    browser = Browser(client)
    form = await browser.form("/ask")
    part = await browser.post("/ask", {**form, "text": "身份证到期了怎么换"}, **{"HX-Request": "true"})
    assert (part.status, "<html" in part.text) == (200, False)
    assert part.text.count("<hx-partial") == 3
    refreshed = await browser.get("/ask/talk", **{"HX-Request": "true"})
    assert refreshed.text.count("<hx-partial") == 2, "the composer is left alone: the citizen may be typing"
    refused = await browser.post("/ask", {**form, "text": ""}, **{"HX-Request": "true"})
    assert (refused.status, "请输入要问的事" in refused.text) == (422, True)


async def test_ending_the_talk_closes_it_and_starts_afresh(client: Client, city: Database) -> None:
    browser = Browser(client)
    await browser.submit("/ask", {"choice": "转人工"})
    page = await browser.submit("/ask/new", {}, at="/ask")
    assert "转人工，" not in page.text
    async with city.transaction() as session:
        assert (await session.scalars(select(Conversation.owner))).one() == Owner.CLOSED.value
    assert "你好啊" in (await browser.submit("/ask", {"text": "你好啊"})).text


async def test_after_an_agent_ended_the_talk_a_new_one_begins(client: Client, city: Database) -> None:
    browser = Browser(client)
    await browser.submit("/ask", {"choice": "转人工"})
    async with city.transaction() as session:
        await session.execute(update(Conversation).values(owner=Owner.CLOSED.value))
    assert "这次对话已经结束" in (await browser.get("/ask")).text
    page = await browser.submit("/ask", {"text": "还有一件事"})
    assert ("还有一件事" in page.text, "正在为您找话务员" in page.text) == (True, False)
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Conversation)) == 2


async def test_a_chat_cookie_cannot_be_made_up(client: Client, city: Database, core: Core) -> None:
    async with city.transaction() as session:
        phone = await open_conversation(core, session, channel="phone")
        other = await open_conversation(core, session, channel="web")
        await add_message(core, session, phone, Author.CITIZEN, "电话里的秘密")
        await add_message(core, session, other, Author.CITIZEN, "别人的秘密")
    good = Browser(client)
    await good.get("/ask")
    _id, until, signature = good.cookies["hotline_chat"].rsplit(".", 2)
    for known in (phone.id, other.id, uuid4()):
        page = await Browser(client, {"hotline_chat": f"{known}.{until}.{signature}"}).get("/ask")
        assert (page.status, "秘密" in page.text) == (200, False)


async def test_stream_needs_a_conversation(client: Client) -> None:
    assert (await client.get("/ask/stream")).status == 204


async def test_the_portal_answers_503_while_the_database_is_away(client: Client, city: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(client)
    form = await browser.form("/track")
    await city.engine.dispose()
    monkeypatch.setattr(city.engine.sync_engine.pool, "connect", _refuse)
    page = await browser.post("/track", {**form, "number": "12345-20261118-00001", "code": "ABCD2345"})
    assert (page.status, page.headers.get("Retry-After")) == (503, "15")
    assert "稍后再试" in page.text


def _refuse() -> None:
    raise OSError("connection refused")
