"""The optional language model: what of its words is used and what is not, against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select, update

from chatbot.claims import claims
from chatbot.dialogue import Dialogue
from chatbot.rephrase import EndpointRephraser, Source, fault
from hotline.database import Database
from hotline.settings import Settings
from knowledge.article.models import Article
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message, Owner

SHORT = "带上旧身份证到就近派出所办理，二十个工作日内领取。"
ARTICLE = """【居民身份证到期换领】
所需材料：
1. 旧身份证
2. 近期照片两张
收费：20元，丢失补领40元
办公时间：周一至周五 9:00-17:00
办理地点：青石区政务服务中心二楼3号窗口
咨询电话：0000-1234567
办理依据：《中华人民共和国居民身份证法》第十一条"""
SOURCE = Source(SHORT, ARTICLE)
GOOD = "您带着旧身份证去就近派出所就可以办理，20个工作日内领取。"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "您带上旧身份证到就近派出所办理就行，收费二十块钱，二十个工作日内领取。",
        "您周一到周五上午九点到下午五点带旧身份证去就近派出所办理，二十个工作日内可以领取，收费贰拾元。",
        "您可以带旧身份证到青石区政务服务中心2楼三号窗口办理，也可以去就近派出所，二十个工作日领取。",
        "您带旧身份证去就近派出所办理，二十个工作日内领取，电话零零零零一二三四五六七。",
    ],
)
def test_the_same_facts_in_other_words_are_used(text: str) -> None:
    assert fault(text, SOURCE) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("您带上旧身份证到就近派出所办理，十五个工作日内领取。", "15工作日"),
        ("您带上旧身份证到就近派出所办理，二十天内领取，二十个工作日。", "20天"),
        ("您带上旧身份证到就近派出所办理，收费三十元，二十个工作日内领取。", "30元"),
        ("您带上旧身份证到就近派出所办理，收费叁拾元，二十个工作日内领取。", "30元"),
        ("您带上旧身份证到就近派出所免费办理，二十个工作日内领取。", "free"),
        ("您带上旧身份证到翠湖路派出所办理，二十个工作日内领取。", "翠湖路"),
        ("您带上旧身份证到金鼎大厦办理，二十个工作日内领取。", "金鼎大厦"),
        ("您带上旧身份证到就近派出所办理，周六也可以，二十个工作日内领取。", "weekday 6"),
        ("您带上旧身份证晚上九点到就近派出所办理，二十个工作日内领取。", "21点"),
        ("您十二月一日带上旧身份证到就近派出所办理，二十个工作日内领取。", "12月"),
        ("您带上旧身份证到就近派出所办理，二十个工作日内领取，电话幺二三四五六七八。", "telephone 12345678"),
        ("您带上旧身份证到就近派出所办理，交百分之五的费用，二十个工作日内领取。", "5%"),
        ("您带上旧身份证到就近派出所办理，照片不用带，二十个工作日内领取。", "not needed"),
        ("您明天就能领，带上旧身份证到就近派出所办理，二十个工作日内领取。", "明天"),
        ("您带上旧身份证到就近派出所办理。", "20工作日"),
        ("自己不会看吗，带上旧身份证到就近派出所办理，二十个工作日内领取。", "rude"),
        ("您看www点坏人com，带上旧身份证到就近派出所办理，二十个工作日内领取。", "form"),
        ("带上旧身份证到就近派出所办理，二十个工作日内领取。" * 20, "form"),
        ("", "form"),
        ("二十个工作日，春眠不觉晓，处处闻啼鸟，夜来风雨声，花落知多少，白日依山尽，黄河入海流。", "something else"),
    ],
)
def test_what_the_article_does_not_say_is_refused(text: str, why: str) -> None:
    refused = fault(text, SOURCE)
    assert refused is not None
    assert why in refused


def test_one_number_has_one_form_however_it_is_written() -> None:
    for same in (
        ("20元", "二十元", "２０块", "廿元", "贰拾元", "20.0元"),
        ("5%", "百分之五"),
        ("9:30", "九点半", "上午9点30分"),
        ("3000元", "3千元", "三千块钱"),
    ):
        assert len({claims(text).facts for text in same}) == 1, same
    for first, second in (("20天", "20个工作日"), ("3个月", "3月"), ("2元", "2万元"), ("13元", "30元")):
        assert claims(first).facts != claims(second).facts


class Model:
    """A server that speaks the protocol; what it says is set by the test."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.says(GOOD)

    @staticmethod
    def says(text: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(_request: web.Request) -> web.StreamResponse:
            return web.json_response({"choices": [{"message": {"role": "assistant", "content": text}}]})

        return handler

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        return await self.answer(request)


@pytest.fixture
async def model() -> AsyncIterator[tuple[Model, str]]:
    told = Model()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", told.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        yield told, str(server.make_url("/v1"))


@pytest.fixture
async def rephraser(model: tuple[Model, str]) -> AsyncIterator[EndpointRephraser]:
    made = EndpointRephraser(model[1], "test-model", "key-1", timeout_s=0.5)
    yield made
    await made.close()


async def test_the_endpoint_is_asked_with_the_article_as_the_only_source(model: tuple[Model, str], rephraser: EndpointRephraser) -> None:
    assert await rephraser.rephrase("身份证快到期了咋办", SOURCE) == GOOD
    (heard,) = model[0].heard
    assert heard["model"] == "test-model"
    assert ARTICLE in heard["messages"][1]["content"]
    assert model[0].keys == ["Bearer key-1"]


async def test_a_slow_model_is_not_waited_for_and_then_left_alone(model: tuple[Model, str], rephraser: EndpointRephraser) -> None:
    never = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    model[0].answer = slow
    began = time.monotonic()
    assert await rephraser.rephrase("问", SOURCE) is None
    assert time.monotonic() - began < 5
    assert await rephraser.rephrase("问", SOURCE) is None
    assert len(model[0].heard) == 1, "after a failure nobody waits again"
    never.set()


async def _huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _piece in range(1000):
        await response.write(b"x" * 8192)
    return response


async def _moved(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/elsewhere")


async def _broken(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="no")


@pytest.mark.parametrize(
    "answer",
    [
        _huge,
        _moved,
        _broken,
        Model.says(None),
        Model.says(["a"]),
        Model.says("滚，别来烦我"),
        Model.says("收费三十元"),
        Model.says("字" * 50_000),
    ],
)
async def test_whatever_else_it_says_the_original_stands(model: tuple[Model, str], rephraser: EndpointRephraser, answer: Any) -> None:
    model[0].answer = answer
    assert await rephraser.rephrase("问", SOURCE) is None


async def test_nothing_of_it_runs_unless_it_is_set(settings: Settings) -> None:
    assert EndpointRephraser.of(settings) is None


Begin = Callable[[str], Awaitable[UUID]]


@pytest.fixture
async def worded(core: Core, database: Database, rephraser: EndpointRephraser) -> AsyncIterator[Dialogue]:
    talk = Dialogue(core, database, None, rephraser)
    yield talk
    await talk.close()


async def _short_answer(database: Database) -> str:
    async with database.transaction() as session:
        told = (await session.scalars(select(Message).where(Message.article_id.is_not(None)))).first()
        return (await session.get_one(Article, told.article_id)).spoken if told else ""


async def test_a_turn_says_the_reworded_short_answer_and_keeps_the_fields_and_the_original(
    begin: Begin, worded: Dialogue, database: Database, model: tuple[Model, str]
) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        content = json.loads(await request.text())["messages"][1]["content"]
        short = content.split("原答复：")[1].split("\n")[0]
        return await Model.says("您好，" + short)(request)

    model[0].answer = echo
    conversation = await begin("web")
    turn = await worded.turn(conversation, "我叫李小明，电话13900002716，身份证丢了怎么补办", external_id="a")
    short = await _short_answer(database)
    assert "您好，" + short in turn.answers[0].text
    assert "办理依据" in turn.answers[0].text
    assert turn.answers[0].spoken.startswith("您好，")
    said = model[0].heard[0]["messages"][1]["content"]
    assert "13900002716" not in said
    assert "李小明" not in said
    again = await worded.turn(conversation, "我叫李小明，电话13900002716，身份证丢了怎么补办", external_id="a")
    assert again.answers == turn.answers
    assert len(model[0].heard) == 1, "a repeat asks nobody"
    async with database.transaction() as session:
        kept = (await session.scalars(select(Message).where(Message.article_id.is_not(None)))).one()
    assert (kept.data["original"], kept.data["worded"]) == (short, "test-model")


async def test_a_wrong_model_changes_nothing(begin: Begin, worded: Dialogue, database: Database, model: tuple[Model, str]) -> None:
    model[0].answer = Model.says("这件事收费九百九十九元，到金鼎大厦办理。")
    turn = await worded.turn(await begin("phone"), "身份证丢了怎么补办")
    assert await _short_answer(database) in turn.answers[0].text
    assert "金鼎" not in turn.answers[0].text + turn.answers[0].spoken


async def test_words_that_come_after_a_person_took_over_are_not_used(
    begin: Begin, worded: Dialogue, database: Database, model: tuple[Model, str]
) -> None:
    conversation = await begin("web")

    async def meanwhile(request: web.Request) -> web.StreamResponse:
        async with database.transaction() as session:
            await session.execute(update(Conversation).where(Conversation.id == conversation).values(owner=Owner.QUEUE.value))
        content = json.loads(await request.text())["messages"][1]["content"]
        return await Model.says("您好，" + content.split("原答复：")[1].split("\n")[0])(request)

    model[0].answer = meanwhile
    turn = await worded.turn(conversation, "身份证丢了怎么补办")
    assert "您好，" not in turn.answers[0].text
