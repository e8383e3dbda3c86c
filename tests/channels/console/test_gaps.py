"""The pages of the gap list and of the sampled checks."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from sqlalchemy import select

from knowledge.article import service as articles
from knowledge.article.content import Content
from knowledge.article.models import Article
from knowledge.gap import service
from knowledge.gap.models import AnswerCheck, Cause, Gap, GapSentence
from knowledge.gap.service import Asked
from tests.channels.staff import Browser, City, Opener
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, open_conversation
from ticketing.people.actor import SYSTEM


async def _asked(city: City, text: str, cause: Cause = Cause.UNANSWERED) -> int:
    async with city.database.transaction() as session:
        talk = await open_conversation(city.core, session, channel="web", conversation_id=uuid4())
        message = await add_message(city.core, session, talk, Author.CITIZEN, text)
        return (await service.note(city.core, session, Asked(talk.id, message.id, text, "web", cause))).id


async def _told(city: City) -> Article:
    content = Content(
        title="居住证补办", scene="户籍与证件", spoken="带身份证到派出所补办。", questions=("居住证补办",), valid_from=date(2026, 1, 1),
        checked_on=date(2026, 11, 1), kind="question",
    )  # fmt: skip
    async with city.database.transaction() as session:
        made = await articles.create(city.core, session, SYSTEM, "permit", content)
        article = await articles.publish(city.core, session, SYSTEM, made.id, version=1)
        talk = await open_conversation(city.core, session, channel="web", conversation_id=uuid4())
        asked = await add_message(city.core, session, talk, Author.CITIZEN, "居住证丢了，我叫李小明，电话13900002716")
        await add_message(city.core, session, talk, Author.BOT, "带身份证补办。", article=(article.id, 1), data={"reply_to": asked.id})
        return article


async def _post(person: Browser, path: str, at: str, **fields: str) -> tuple[int, str]:
    response = await person.post(path, {**await person.form(at, path), **fields})
    return response.status, response.headers.get("Location", "")


async def test_an_editor_works_through_the_list(browser: Opener, city: City) -> None:
    first, other = await _asked(city, "居住证丢了怎么补<b>"), await _asked(city, "帮我写一首关于春天的诗")
    await _asked(city, "居住证丢了咋补办")
    editor = await browser("editor")
    page = await editor.text("/console/gaps")
    assert page.index("居住证丢了") < page.index("春天"), "what is asked most comes first"
    assert "&lt;b&gt;" in page
    assert page.count('id="g') == 2
    assert "帮我写" in (await editor.text("/console/gaps?order=recent&page=1"))
    status, target = await _post(editor, f"/console/gaps/{first}/article", f"/console/gaps/{first}")
    assert (status, target[:18]) == (303, "/console/articles/")
    assert "居住证丢了咋补办" in await editor.text(target)
    assert await _post(editor, f"/console/gaps/{other}/no-need", f"/console/gaps/{other}", reason="与政务无关") == (303, "/console/gaps")
    assert "都处理完了" in await editor.text("/console/gaps")
    assert "与政务无关" in await editor.text("/console/gaps?state=no_need")
    assert (await _post(editor, f"/console/gaps/{other}/reopen", f"/console/gaps/{other}"))[0] == 303
    async with city.database.transaction() as session:
        assert (await session.get_one(Gap, other)).state == "open"


async def test_sentences_go_to_an_article_and_two_editors_do_not_do_it_twice(browser: Opener, city: City) -> None:
    article = await _told(city)
    gap = await _asked(city, "居住证补办丢了不见了")
    editor = await browser("editor")
    path = f"/console/gaps/{gap}/examples"
    assert "居住证补办" in await editor.text(f"/console/gaps/{gap}?q=居住证补办")
    chosen = {"article": str(article.id), "sentences": "居住证补办丢了不见了"}
    form = await editor.form(f"/console/gaps/{gap}", path)
    assert (await editor.post(path, {**form, **chosen})).status == 303
    again = await editor.post(path, {**form, **chosen})
    assert again.status == 409
    assert "别人已经处理了" in await again.text()
    assert (await editor.post(f"/console/gaps/{gap}/no-need", {**form, "reason": ""})).status in (409, 422)


async def test_answers_are_drawn_judged_and_counted(browser: Opener, city: City) -> None:
    await _told(city)
    quality = await browser("quality")
    at = "/console/answer-checks"
    assert (await _post(quality, f"{at}/draw", at))[0] == 303
    page = await quality.text(at)
    assert "带身份证补办" in page
    assert "13900002716" not in page
    assert "李小明" not in page
    async with city.database.transaction() as session:
        check = (await session.scalars(select(AnswerCheck.id))).one()
    form = await quality.form(at, f"{at}/{check}/wrong")
    refused = await quality.post(f"{at}/{check}/wrong", {**form})
    assert refused.status == 422
    assert "错在哪里" in await refused.text()
    assert (await quality.post(f"{at}/{check}/wrong", {**form, "remark": "费用不对"})).status == 303
    page = await quality.text(at)
    assert "费用不对" in page
    assert "100" in page.split("错误答复率")[1][:60]
    async with city.database.transaction() as session:
        assert (await session.scalars(select(GapSentence.cause))).one() == "judged_wrong"


async def test_others_do_not_meet_the_pages(browser: Opener, city: City) -> None:
    gap = await _asked(city, "居住证丢了怎么补")
    agent, quality = await browser("agent"), await browser("quality")
    for path in ("/console/gaps", f"/console/gaps/{gap}"):
        assert (await agent.get(path)).status == 403
        assert (await quality.get(path)).status == 403
    assert (await agent.get("/console/answer-checks")).status == 403
    assert "/console/gaps" not in await agent.text("/console/desk")
    editor = await browser("editor")
    assert (await editor.get("/console/gaps/999999")).status == 404
