"""The guide: filters that narrow it, the district that stays, and the ways on from an article."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from hotline.database import Database
from knowledge.article import service as knowledge
from knowledge.article.content import current_content
from knowledge.article.models import Article, KnowledgeTopic
from knowledge.gap.models import GapSentence
from tests.channels.portal.browser import Browser
from tests.channels.portal.test_appeal import GOOD
from tests.channels.public import Client, tickets
from ticketing.context import Core
from ticketing.people.actor import SYSTEM

TITLE = "居民身份证到期换领"


@pytest.fixture
async def local(city: Database, core: Core, articles: list[Article]) -> None:
    """临江区 renews identity cards elsewhere; companies have a heating rule of their own."""
    identity, heating = (current_content(one) for one in articles)
    async with city.transaction() as session:
        for slug, content in (
            ("id-card-lj", replace(identity, district="临江区", spoken="临江区的居民到滨河路十八号换领。")),
            ("heating-company", replace(heating, title="企业用热报修", audiences=("company",))),
        ):
            article = await knowledge.create(core, session, SYSTEM, slug, content, unit_id=1)
            await knowledge.publish(core, session, SYSTEM, article.id, version=1)


async def _listed(browser: Browser, query: str) -> set[str]:
    text = (await browser.get(f"/guide?{query}")).text
    return {slug for slug in ("id-card-renewal", "id-card-lj", "heating-repair", "heating-company") if f"/guide/{slug}" in text}


async def test_filters_narrow_the_guide_and_the_search(client: Client, local: None) -> None:
    everything = {"id-card-renewal", "id-card-lj", "heating-repair", "heating-company"}
    assert await _listed(Browser(client), "") == everything
    assert await _listed(Browser(client), "district=南湖区") == everything - {"id-card-lj"}
    assert await _listed(Browser(client), "for=person") == everything - {"heating-company"}
    assert await _listed(Browser(client), "scene=公用事业") == {"heating-repair", "heating-company"}
    assert await _listed(Browser(client), "unit=1") == {"id-card-lj", "heating-company"}
    assert await _listed(Browser(client), "q=暖气不热找谁&for=person") == {"heating-repair"}
    assert await _listed(Browser(client), "district=nowhere&for=x&unit=x") == everything
    nothing = await Browser(client).get("/guide?scene=户籍与证件&for=elderly&unit=1&district=南湖区")
    assert "这些条件下没有办事指南" in nothing.text


async def test_the_district_stays_for_the_home_page_and_the_web_chat(client: Client, local: None) -> None:
    browser, stranger = Browser(client), Browser(client)
    assert 'href="/guide/id-card-lj"' not in (await stranger.get("/")).text
    await browser.get("/guide?district=临江区")
    assert 'href="/guide/id-card-lj"' in (await browser.get("/")).text
    assert await _listed(browser, "q=身份证") == {"id-card-renewal", "id-card-lj"}
    answered = await browser.submit("/ask", {"text": "身份证到期了怎么换"})
    assert "滨河路十八号" in answered.text
    asked = await stranger.submit("/ask", {"text": "身份证到期了怎么换"})
    assert "您在哪个区" in asked.text
    assert "滨河路十八号" not in asked.text
    await browser.get("/guide?district=")
    assert 'href="/guide/id-card-lj"' not in (await browser.get("/")).text


async def test_a_complaint_begun_at_an_article_names_it(client: Client, city: Database, articles: list[Article]) -> None:
    browser = Browser(client)
    assert "/appeal?kind=complaint&amp;about=id-card-renewal" in (await browser.get("/guide/id-card-renewal")).text
    page = await browser.get("/appeal?kind=complaint&about=id-card-renewal")
    assert f"关于办事指南“{TITLE}”" in page.text
    again = await browser.post("/appeal", {**page.fields, **GOOD, "what": "短"})
    assert (again.status, again.fields["about"]) == (422, TITLE)
    await browser.post("/appeal", {**again.fields, **GOOD})
    (ticket,) = await tickets(city)
    assert ticket.content == f"{TITLE}：{GOOD['what']}"
    assert "about" not in (await browser.get("/appeal?about=nothing-like-this")).fields


async def test_what_an_article_did_not_say_is_answered_and_goes_to_the_gap_list(
    client: Client, city: Database, articles: list[Article]
) -> None:
    browser = Browser(client)
    page = await browser.get("/guide/id-card-renewal")
    answered = await browser.post("/ask", {**page.fields, "text": "在国外的人身份证到期了能不能让家里人代办"})
    assert answered.path == "/ask#last"
    assert "代办" in answered.text
    await browser.post("/ask", {**page.fields, "text": "你好", "about": "no-such-article"})
    async with city.transaction() as session:
        sentence = (await session.scalars(select(GapSentence))).one()
    assert (sentence.text, sentence.cause, sentence.article_id) == (
        "在国外的人身份证到期了能不能让家里人代办",
        "rated_badly",
        articles[0].id,
    )


async def test_what_is_urgent_stands_first_on_every_page_until_it_ends(
    client: Client, city: Database, core: Core, articles: list[Article]
) -> None:
    async with city.transaction() as session:
        topic = KnowledgeTopic(name="台风", message="台风今晚登陆，请不要外出", active=True, changed_at=core.clock.now())
        session.add(topic)
        await session.flush()
        content = replace(current_content(articles[1]), title="台风天停课吗", kind="emergency", topic_id=topic.id)
        article = await knowledge.create(core, session, SYSTEM, "typhoon", content)
        await knowledge.publish(core, session, SYSTEM, article.id, version=1)
    for path in ("/", "/guide", "/ask"):
        text = (await Browser(client).get(path)).text
        assert "请不要外出" in text, path
        assert ("/guide/typhoon" in text) is (path != "/ask")
    browser = Browser(client)
    assert "请不要外出" in (await browser.submit("/ask", {"text": "你好"})).text
    async with city.transaction() as session:
        (await session.get_one(KnowledgeTopic, topic.id)).active = False
    for path in ("/", "/guide", "/ask", "/guide?q=台风"):
        assert "请不要外出" not in (await Browser(client).get(path)).text
    assert (await browser.get("/guide/typhoon")).status == 404


async def test_what_helped_is_counted_once_for_each_browser(client: Client, city: Database, articles: list[Article]) -> None:
    path, first, second = "/guide/id-card-renewal", Browser(client), Browser(client)
    assert "人觉得有用" not in (await first.get(path)).text
    thanked = await first.submit(f"{path}/useful", {}, at=path)
    assert "谢谢，已记下您的评价" in thanked.text
    assert "1人觉得有用" in thanked.text
    await first.submit(f"{path}/useful", {}, at=path)
    first.cookies["hotline_useful"] = "999.9999999999.forged"
    assert "2人觉得有用" in (await second.submit(f"{path}/useful", {}, at=path)).text
    assert (await first.post("/guide/nothing-like-this/useful", await first.form(path))).status == 404
    async with city.transaction() as session:
        counted = {row.slug: row.helpful_count for row in await session.execute(select(Article.slug, Article.helpful_count))}
    assert counted == {"id-card-renewal": 2, "heating-repair": 0}


async def test_an_answer_of_the_chat_that_helped_counts_for_its_article(client: Client, city: Database, articles: list[Article]) -> None:
    browser = Browser(client)
    answered = await browser.submit("/ask", {"text": "身份证到期了怎么换"})
    await browser.post("/ask/rate", {**answered.fields, "useful": "yes"})
    async with city.transaction() as session:
        assert await session.scalar(select(Article.helpful_count).where(Article.slug == "id-card-renewal")) == 1
