"""The editor's pages: writing, both reviews, comparison, trace, topics, sound; who may open what."""

from __future__ import annotations

import io
import re
import wave
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import func, select

from chatbot.dialogue import Dialogue
from hotline.clock import to_city
from knowledge.article import service, sweep
from knowledge.article.content import Content
from knowledge.article.models import Article, KnowledgeTopic
from knowledge.article.topics import active_topics
from tests.channels.staff import Browser, City, Opener, hidden_fields
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, open_conversation
from ticketing.people.actor import SYSTEM, staff_actor
from ticketing.people.models import User

FILLED = {
    "title": "养犬登记", "kind": "guide", "scene": "城市管理", "questions": "狗证怎么办\n养狗要登记吗",
    "spoken": "带上身份证和免疫证到派出所办理。",
    "spoken_fee": "登记不收钱。", "body_conditions": "本市居民", "body_materials": "身份证\n免疫证", "body_procedure": "到窗口申请",
    "time_limit_statutory": "十日", "time_limit_promised": "三日", "body_fee": "不收费",
    "body_address": "各派出所", "body_phone": "0000-1234567", "body_basis": "《云川市养犬管理条例》",
    "valid_from": "2026-01-01", "checked_on": "2026-11-01", "valid_until": "2027-12-31",
    "audiences": "person",
}  # fmt: skip


@pytest.fixture
async def editor2(city: City) -> None:
    """A second editor of the centre."""
    async with city.database.transaction() as session:
        first = (await session.scalars(select(User).where(User.login == "editor"))).one()
        second = User(login="editor2", name="编辑二", staff_number="2002", role="editor", unit_id=first.unit_id,
                      password_hash=first.password_hash)  # fmt: skip
        session.add(second)
        await session.flush()
        city.people["editor2"] = staff_actor(second)


async def write(browser: Browser, **fields: str) -> int:
    """A draft by the form; returns the article's id."""
    hidden = await browser.form("/console/articles/new", "/console/articles/new")
    response = await browser.post("/console/articles/new", {**hidden, **FILLED, **fields})
    assert response.status == 303, await response.text()
    return int(response.headers["Location"].rsplit("/", 1)[1])


async def act(browser: Browser, article: int, step: str, *, status: int = 303, **fields: str) -> str:
    page = f"/console/articles/{article}"
    hidden = await browser.form(page, f"{page}/{step}")
    response = await browser.post(f"{page}/{step}", {**hidden, **fields})
    body = await response.text()
    assert response.status == status, body[:3000]
    return body


async def put_live(city: City, **fields: Any) -> Article:
    values: dict[str, Any] = {"title": "养犬登记", "scene": "城市管理", "spoken": "到派出所办理。", "questions": ("狗证怎么办",),
                              "valid_from": city.clock.now().date(), "checked_on": city.clock.now().date(), **fields}  # fmt: skip
    unit, slug = values.pop("unit_id", None), values.pop("slug", "dog")
    async with city.database.transaction() as session:
        article = await service.create(city.core, session, SYSTEM, slug, Content(**values), unit_id=unit)
        return await service.publish(city.core, session, SYSTEM, article.id, version=1)


def shown(body: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", body))


@pytest.mark.usefixtures("editor2")
async def test_from_a_units_clerk_to_the_citizen_by_four_people(browser: Opener, city: City) -> None:
    clerk, chief, first, second = [await browser(name) for name in ("clerk", "chief", "editor", "editor2")]
    article = await write(clerk)
    async with city.database.transaction() as session:
        slug = (await session.get_one(Article, article)).slug
    assert (await first.get(f"/guide/{slug}")).status == 404
    await act(clerk, article, "submit")
    assert f"/console/articles/{article}" in await chief.text("/console/articles?view=review")
    await act(chief, article, "send_back", reason="收费依据没有写")
    assert "收费依据没有写" in await clerk.text(f"/console/articles/{article}")
    page = f"/console/articles/{article}/edit"
    hidden = await clerk.form(page, page)
    assert (await clerk.post(page, {**hidden, **FILLED, "body_fee_basis": "《收费目录》", "note": "补上收费依据"})).status == 303
    await act(clerk, article, "submit")
    await act(chief, article, "pass")
    body = await second.text(f"/console/articles/{article}")
    assert "补上收费依据" in body
    await act(second, article, "publish")
    public = await (await first.get(f"/guide/{slug}")).text()
    assert "《收费目录》" in public
    assert "法定时限" in public


@pytest.mark.usefixtures("editor2")
async def test_the_author_is_not_offered_to_publish(browser: Opener, city: City) -> None:
    first, second = await browser("editor"), await browser("editor2")
    article = await write(first)
    await act(first, article, "submit")
    assert f'action="/console/articles/{article}/publish"' not in await first.text(f"/console/articles/{article}")
    hidden = await second.form(f"/console/articles/{article}", f"/console/articles/{article}/publish")
    forged = {"csrf": await csrf(first), "version": hidden["version"]}
    assert (await first.post(f"/console/articles/{article}/publish", forged)).status == 403
    later = to_city(city.clock.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    await act(second, article, "publish", at=later)
    assert "定时发布" in await second.text(f"/console/articles/{article}")
    city.clock.advance(hours=3)
    assert await sweep.run(city.core, city.database) == 1


async def csrf(browser: Browser) -> str:
    return hidden_fields(await browser.text("/console/articles"), "/console/logout")["csrf"]


async def test_two_editors_at_once_and_nothing_typed_is_lost(browser: Opener, city: City) -> None:
    one = await put_live(city)
    clerk, page = await browser("editor"), f"/console/articles/{one.id}/edit"
    first, second = await clerk.form(page, page), await clerk.form(page, page)
    assert (await clerk.post(page, {**first, **FILLED})).status == 303
    response = await clerk.post(page, {**second, **FILLED, "title": "我写的标题", "body_fee": "我写的十元"})
    body = await response.text()
    assert response.status == 409
    assert "我写的标题" in body
    assert "我写的十元" in body
    assert f"/console/articles/{one.id}/compare?a=1&amp;b=2" in body


async def test_a_faulty_form_names_every_field(browser: Opener, city: City) -> None:
    editor = await browser("editor")
    hidden = await editor.form("/console/articles/new", "/console/articles/new")
    response = await editor.post("/console/articles/new", {**hidden, **FILLED, "title": "", "spoken": "见https://x", "valid_until": "昨天"})
    body = await response.text()
    assert response.status == 422
    assert "请填日期" in body
    response = await editor.post("/console/articles/new", {**hidden, **FILLED, "title": "", "spoken": "见https://x", "spoken_fee": "<b>"})
    body = await response.text()
    for words in ("标题应为2到60个字", "口头答复里不能有括号", "多少钱："):
        assert words in body


@pytest.mark.usefixtures("editor2")
async def test_two_versions_stand_side_by_side(browser: Opener, city: City) -> None:
    one = await put_live(city, body={"fee": "每只200元"}, kind="question")
    editor, page = await browser("editor"), f"/console/articles/{one.id}"
    hidden = await editor.form(f"{page}/edit", f"{page}/edit")
    assert (await editor.post(f"{page}/edit", {**hidden, **FILLED, "kind": "question", "body_fee": "每只300元"})).status == 303
    body = await editor.text(f"{page}/compare?a=1&b=2")
    assert re.search(r"每只<del>2</del>00元", body)
    assert re.search(r"每只<ins>3</ins>00元", body)
    hidden = await editor.form(page, f"{page}/restore")
    assert (await editor.post(f"{page}/restore", {**hidden, "version": "1"})).status == 303
    assert "两个版本的内容一样" in await editor.text(f"{page}/compare?a=1&b=3")


async def test_answers_given_can_be_followed(browser: Opener, city: City) -> None:
    one = await put_live(city)
    async with city.database.transaction() as session:
        talk = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, talk, Author.CITIZEN, "我叫王小明，狗证怎么办")
        await add_message(city.core, session, talk, Author.BOT, "到派出所办理。", article=(one.id, 1))
    editor = await browser("editor")
    body = await editor.text(f"/console/articles/{one.id}/told?version=1")
    assert str(talk.id)[:8] in body
    assert "王小明" not in body  # an editor has no case content
    assert "还没有用过" in await editor.text(f"/console/articles/{one.id}/told?version=2")
    assert (await (await browser("agent")).get(f"/console/articles/{one.id}/told")).status == 403


async def test_a_topic_is_switched_on_and_off_at_once(browser: Opener, city: City) -> None:
    editor = await browser("editor")
    token = await csrf(editor)
    assert (await editor.post("/console/articles/topics", {"csrf": token, "name": "防御台风", "message": "台风今晚登陆"})).status == 303
    async with city.database.transaction() as session:
        topic = (await session.scalars(select(KnowledgeTopic))).one().id
    switch = f"/console/articles/topics/{topic}"
    assert (await editor.post(f"{switch}/on", {"csrf": token})).status == 409  # nothing to tell yet
    await put_live(city, kind="emergency", topic_id=topic, slug="typhoon", title="台风停课安排")
    assert (await editor.get("/guide/typhoon")).status == 404
    assert (await editor.post(f"{switch}/on", {"csrf": token, "until": "2026-11-20"})).status == 303
    assert (await editor.get("/guide/typhoon")).status == 200
    assert "台风今晚登陆" in await (await editor.get("/")).text()
    city.clock.advance(days=3)
    assert (await editor.get("/guide/typhoon")).status == 404  # before any sweep
    assert await sweep.run(city.core, city.database) == 1
    async with city.database.transaction() as session:
        assert await active_topics(city.core, session) == []
    assert (await (await browser("agent")).get("/console/articles/topics")).status == 403


async def test_the_sound_is_that_of_the_telephone(browser: Opener) -> None:
    agent = await browser("agent")
    response = await agent.get("/console/articles/speech", params={"text": "登记费二十元。"})
    assert (response.status, response.content_type) == (200, "audio/wav")
    with wave.open(io.BytesIO(await response.read())) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (8000, 1)
        assert sound.getnframes() > 4000
        assert any(sound.readframes(sound.getnframes()))
    assert (await agent.get("/console/articles/speech", params={"text": "字" * 301})).status == 422
    assert (await (await browser("quality")).get("/console/articles/speech", params={"text": "字"})).status == 403


async def test_an_attachment_is_public_only_while_it_is_published(browser: Opener, city: City) -> None:
    one = await put_live(city, kind="question")
    editor, page = await browser("editor"), f"/console/articles/{one.id}/edit"
    hidden = await editor.form(page, page)
    form = FormData()
    for name, value in {**hidden, **FILLED, "kind": "question"}.items():
        form.add_field(name, value)
    form.add_field("new_files", b"%PDF-1.4 form", filename="申请表.pdf", content_type="text/html")
    response = await editor.client.post(page, data=form, allow_redirects=False)
    assert response.status == 303, await response.text()
    found = re.search(rf'/console/articles/{one.id}/files/([0-9a-f-]{{36}})"', await editor.text(f"/console/articles/{one.id}?draft=1"))
    assert found is not None
    assert (await editor.get(f"/guide/dog/files/{found[1]}")).status == 404
    assert (await (await browser("agent")).get(f"/console/articles/{one.id}/files/{found[1]}")).status == 404
    async with city.database.transaction() as session:
        await service.publish(city.core, session, SYSTEM, one.id, version=2)
    response = await editor.get(f"/guide/dog/files/{found[1]}")
    assert (response.status, response.content_type, response.headers["X-Content-Type-Options"]) == (200, "application/pdf", "nosniff")
    assert response.headers["Content-Disposition"].startswith("attachment")
    other = await put_live(city, slug="cat", kind="question")
    async with city.database.transaction() as session:
        latest = await service.latest_version(session, one.id)
        stolen = Content.loaded({**latest.content})
        with pytest.raises(service.InvalidInput):
            await service.update(city.core, session, SYSTEM, other.id, stolen, seen_version=1)


async def test_an_agent_suggests_and_says_what_is_wrong(browser: Opener, city: City) -> None:
    one, agent = await put_live(city), await browser("agent")
    token = await csrf(agent)
    assert (await agent.post("/console/articles/suggest", {"csrf": token, "title": "夜市几点开"})).status == 303
    await act(agent, one.id, "wrong", reason="电话已经换了")
    editor = await browser("editor")
    assert "夜市几点开" in await editor.text("/console/articles?view=drafts")
    assert "电话已经换了" in await editor.text(f"/console/articles/{one.id}")
    assert "养犬登记" in await editor.text("/console/articles?view=wrong")
    assert "夜市几点开" not in await agent.text("/console/articles")
    assert 'action="/console/articles/suggest"' in await agent.text("/console/articles")


@pytest.mark.parametrize("login", ["clerk", "chief", "dispatcher"])
async def test_who_may_not_suggest_is_neither_offered_it_nor_let_in(browser: Opener, city: City, login: str) -> None:
    person = await browser(login)
    page = await person.text("/console/articles")
    assert "/console/articles/suggest" not in page
    refused = await person.post("/console/articles/suggest", {**hidden_fields(page, "/console/logout"), "title": "夜市几点开"})
    assert refused.status == 403
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Article)) == 0


async def test_a_unit_sees_its_own_drafts_only(browser: Opener, city: City) -> None:
    clerk, other, agent = await browser("clerk"), await browser("water_clerk"), await browser("agent")
    article = await write(clerk)
    assert "养犬登记" in await clerk.text("/console/articles?view=drafts")
    for stranger in (other, agent):
        assert (await stranger.get(f"/console/articles/{article}")).status == 404
    assert (await other.get(f"/console/articles/{article}/edit")).status == 404
    assert (await agent.get(f"/console/articles/{article}/edit")).status == 403
    assert "养犬登记" not in await other.text("/console/articles?view=all")


async def test_filters(browser: Opener, city: City) -> None:
    await put_live(city, slug="a", title="企业办照", audiences=("company",), scene="企业与经营", unit_id=city.units["city"])
    await put_live(
        city, slug="b", title="老人公交卡", audiences=("elderly",), scene="车辆与出行", also_scenes=("民政与残疾人",), district="临江区"
    )
    await put_live(city, slug="c", title="人人都问", scene="其他")
    agent = await browser("agent")

    async def titles(query: str) -> set[str]:
        body = await agent.text(f"/console/articles?{query}")
        return {title for title in ("企业办照", "老人公交卡", "人人都问") if f"<b>{title}</b>" in body}

    assert await titles("") == {"企业办照", "老人公交卡", "人人都问"}
    assert await titles("audience=company") == {"企业办照", "人人都问"}
    assert await titles("scene=民政与残疾人") == {"老人公交卡"}
    assert await titles("district=临江区") == {"老人公交卡"}
    assert await titles(f"unit={city.units['city']}") == {"企业办照"}
    assert await titles("kind=notice") == set()
    assert await titles("q=公交") == {"老人公交卡"}
    assert await titles("view=drafts") == {"企业办照", "老人公交卡", "人人都问"}  # an agent has no such list


@pytest.mark.usefixtures("editor2")
async def test_a_new_fee_is_heard_on_the_next_question(browser: Opener, city: City) -> None:
    """An editor's change, both reviews, and the assistant says the new fee in writing and on the phone, without any training."""
    clerk, chief, second = [await browser(name) for name in ("clerk", "chief", "editor2")]
    dialogue = Dialogue(city.core, city.database, None)

    async def said() -> tuple[str, str]:
        async with city.database.transaction() as session:
            talk = await open_conversation(city.core, session, channel="phone")
        [answer] = (await dialogue.turn(talk.id, "办狗证多少钱")).answers
        return answer.text, answer.spoken

    for number, title in enumerate(
        ("护照首次申领", "供暖报停", "二手房过户", "结婚登记", "驾驶证换证", "失业金申领", "生育津贴", "公租房申请")
    ):
        await put_live(city, slug=f"other-{number}", title=title, questions=(f"{title}要带什么", f"怎么办{title}"), spoken="请到窗口办理。")
    questions = "狗证怎么办\n办狗证多少钱\n养狗要登记吗\n狗证去哪里办"
    article = await write(clerk, questions=questions, body_fee="每只200元", spoken_fee="每只二百元。")
    for step, person in (("submit", clerk), ("pass", chief), ("publish", second)):
        await act(person, article, step)
    text, spoken = await said()
    assert "每只200元" in text
    assert spoken.startswith("每只二百元。")
    page = f"/console/articles/{article}/edit"
    hidden = await clerk.form(page, page)
    changed = {**hidden, **FILLED, "questions": questions, "body_fee": "每只100元", "spoken_fee": "每只一百元。"}
    assert (await clerk.post(page, changed)).status == 303
    await act(clerk, article, "submit")
    await act(chief, article, "pass")
    assert "每只200元" in (await said())[0]  # what is published stays until it is replaced
    await act(second, article, "publish")
    text, spoken = await said()
    assert "每只100元" in text
    assert spoken.startswith("每只一百元。")
    await act(second, article, "recall", reason="条例暂停执行")
    assert "元" not in "".join(await said())
