"""The web chat beyond question and answer: queue, files, rating, what is kept, a restart of the server. Without JavaScript."""

from __future__ import annotations

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select

from channels.web.app import create_app
from chatbot.dialogue import Dialogue
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from knowledge.article.models import Article
from knowledge.gap.models import GapSentence
from tests import pictures
from tests.channels.portal.browser import Browser, Page
from tests.channels.public import Client, Parts, tickets
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message, Owner
from ticketing.conversation.service import place_in_queue
from ticketing.ticket.models import Attachment


async def _send(browser: Browser, *files: tuple[str, bytes], text: str = "") -> Page:
    data = FormData(quote_fields=False)
    for name, value in {**await browser.form("/ask"), "text": text}.items():
        data.add_field(name, value)
    for name, body in files:
        data.add_field("files", body, filename=name, content_type="application/octet-stream")
    return await browser.post("/ask", data)


async def test_the_place_in_the_queue_is_told_and_moves_up(client: Client, city: Database, clock: ManualClock) -> None:
    browsers = [Browser(client) for _each in range(3)]
    pages = []
    for browser in browsers:
        clock.advance(seconds=5)
        pages.append(await browser.submit("/ask", {"choice": "转人工"}))
    assert "您排在第一位" in pages[0].text
    assert "前面还有2位" in pages[2].text
    async with city.transaction() as session:
        first = (await session.scalars(select(Conversation).order_by(Conversation.queued_at))).first()
        assert first is not None
        first.owner = Owner.CLOSED.value
        assert await place_in_queue(session, first) == 0
    part = await browsers[2].get("/ask/talk", **{"HX-Request": "true"})
    assert "前面还有1位" in part.text
    assert 'hx-target="#ask-state"' in part.text


async def test_a_file_is_checked_kept_shown_to_its_sender_only_and_goes_into_the_ticket(client: Client, city: Database) -> None:
    browser = Browser(client)
    page = await _send(browser, ("路灯.png", pictures.png()))
    assert "附件收到" in page.text
    link = page.text.split('href="/ask/files/')[1].split('"')[0]
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    response = await client.get(f"/ask/files/{link}", headers={"Cookie": cookie})
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert (await response.read()).startswith(b"\x89PNG")
    client.session.cookie_jar.clear()
    assert (await Browser(client).get(f"/ask/files/{link}")).status == 404
    assert (await browser.get("/ask/files/nonsense")).status == 404
    for line in ("滨河路的路灯坏了三天没人修", "滨河路", "三天前", "我姓王", "13900002716", "对"):
        await browser.submit("/ask", {"text": line})
    (ticket,) = await tickets(city)
    async with city.transaction() as session:
        kept = (await session.scalars(select(Attachment))).one()
    assert (kept.ticket_id, kept.file_name) == (ticket.id, "路灯.png")


@pytest.mark.parametrize(("name", "body"), [("a.svg", b"<svg onload=alert(1)>"), ("a.png", b"MZ\x90\x00program"), ("leer.png", b"")])
async def test_a_bad_file_is_refused_and_nothing_is_said(client: Client, city: Database, name: str, body: bytes) -> None:
    page = await _send(Browser(client), (name, body), text="写好的话")
    assert page.status == 422
    assert "写好的话" in page.text, "what was typed comes back"
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 0
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0


async def test_the_same_message_with_a_file_twice_is_one(client: Client, city: Database) -> None:
    browser = Browser(client)
    form = {**await browser.form("/ask"), "text": ""}
    for _each in range(2):
        data = FormData(quote_fields=False)
        for field, value in form.items():
            data.add_field(field, value)
        data.add_field("files", pictures.png(), filename="a.png", content_type="image/png")
        await browser.post("/ask", data)
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 2, "the file and that it came"
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 1


async def test_too_many_files_from_one_address_wait(client: Client) -> None:
    browser = Browser(client)
    statuses = [(await _send(browser, *[(f"{n}{i}.png", pictures.png()) for i in range(3)])).status for n in range(12)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


async def test_a_file_sent_to_a_person_gets_no_word_of_the_assistant(client: Client, city: Database) -> None:
    browser = Browser(client)
    await browser.submit("/ask", {"choice": "转人工"})
    page = await _send(browser, ("a.png", pictures.png()))
    assert "附件收到" not in page.text
    assert "a.png" in page.text


async def test_a_bad_mark_goes_to_the_gap_list_once(client: Client, city: Database, articles: list[Article]) -> None:
    browser = Browser(client)
    page = await browser.submit("/ask", {"text": "身份证到期了怎么换"})
    message = page.text.split('name="message" value="')[1].split('"')[0]
    for useful in ("no", "yes", "no"):
        page = await browser.post("/ask/rate", {**page.fields, "message": message, "useful": useful})
    assert "已记下您的评价" in page.text
    stranger = Browser(client)
    await stranger.submit("/ask", {"text": "你好"})
    await stranger.post("/ask/rate", {**await stranger.form("/ask"), "message": message, "useful": "no"})
    async with city.transaction() as session:
        sentence = (await session.scalars(select(GapSentence))).one()
    assert (sentence.text, sentence.cause, sentence.article_id) == ("身份证到期了怎么换", "rated_badly", articles[0].id)


async def test_the_transcript_can_be_kept(client: Client, articles: list[Article]) -> None:
    browser = Browser(client)
    assert (await browser.get("/ask/transcript")).status == 404
    await browser.submit("/ask", {"text": "身份证到期了怎么换<b>"})
    shown = await browser.get("/ask/transcript")
    assert "身份证到期了怎么换&lt;b&gt;" in shown.text
    saved = await browser.get("/ask/transcript.txt")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert "身份证到期了怎么换<b>" in saved.text
    assert "派出所" in saved.text
    assert (await Browser(client).get("/ask/transcript.txt")).status == 404


async def test_the_talk_goes_on_after_the_server_was_started_again(
    client: Client, city: Database, core: Core, settings: Settings, articles: list[Article]
) -> None:
    browser = Browser(client)
    await browser.submit("/ask", {"text": "身份证到期了怎么换"})
    await browser.submit("/ask", {"choice": "转人工"})
    async with TestClient(TestServer(create_app(Parts(settings, core, city, Dialogue(core, city, None))))) as again:
        after = Browser(again, browser.cookies)
        page = await after.get("/ask")
        assert "身份证到期了怎么换" in page.text
        assert "您排在第一位" in page.text
        assert "还在吗" in (await after.submit("/ask", {"text": "还在吗"})).text
