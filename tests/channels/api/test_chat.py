"""`POST /api/v1/chat` over HTTP with the real dialogue (without Rasa, so rules and search answer)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from channels.api.chat import conversation_id, new_name
from hotline.clock import ManualClock
from hotline.database import Database
from knowledge.article.models import Article
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, tickets
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message, close_conversation, get_conversation, open_conversation

CHAT = "/api/v1/chat"


async def say(client: Client, text: Any, conversation: Any = None, status: int = 200, **more: Any) -> dict[str, Any]:
    response = await client.post(CHAT, json={"conversation": conversation, "text": text, **more})
    body: dict[str, Any] = await response.json()
    assert response.status == status, body
    assert response.content_type == "application/json"
    return body


async def test_a_guide_question_is_answered_with_its_article(client: Client, articles: list[Article]) -> None:
    body = await say(client, "身份证到期了怎么换")
    assert UUID(body["conversation"])
    assert body["replies"][0]["article"] == {"id": articles[0].id, "version": 1}
    assert "派出所" in body["replies"][0]["text"]
    assert {"conversation", "replies", "handover", "ticket", "owner", "degraded"} <= set(body)
    assert (body["handover"], body["ticket"], body["owner"]) == (False, None, "bot")
    assert all(set(reply) == {"text", "article", "choices"} for reply in body["replies"])


async def test_a_complaint_becomes_a_ticket_with_number_and_query_code(client: Client, city: Database) -> None:
    body = await say(client, "我要投诉，滨河路的路灯坏了三天没人修")
    for answer in ("滨河路18号门口", "昨天晚上", "周敏，13900002716", "不用了", "是的", "提交", "确认"):
        if body["ticket"]:
            break
        body = await say(client, answer, body["conversation"])
    assert body["ticket"] is not None, body
    assert re.fullmatch(r"12345-\d{8}-\d{5}", body["ticket"]["number"])
    assert re.fullmatch(r"[2-9A-Z]{8}", body["ticket"]["query_code"])
    [ticket] = await tickets(city)
    assert (ticket.number, ticket.channel) == (body["ticket"]["number"], "web")


async def test_a_person_is_asked_for_and_answers_through_messages(client: Client, city: Database, core: Core) -> None:
    body = await say(client, "转人工")
    assert (body["handover"], body["owner"]) == (True, "queue")
    again = await say(client, "有人吗", body["conversation"])
    assert (again["handover"], again["owner"], again["replies"]) == (False, "queue", [])
    name = body["conversation"]
    known = conversation_id(core, name)
    seen = await (await client.get(f"{CHAT}/{name}/messages")).json()
    last = seen["messages"][-1]["id"]
    async with city.transaction() as session:
        await add_message(core, session, await get_conversation(session, known), Author.AGENT, "您好，我是话务员")
    fresh = await (await client.get(f"{CHAT}/{name}/messages", params={"after": str(last)})).json()
    assert [(message["author"], message["text"]) for message in fresh["messages"]] == [("agent", "您好，我是话务员")]
    assert sorted(fresh["messages"][0]) == ["article", "at", "author", "choices", "id", "text"]


async def test_any_text_names_a_conversation_and_the_same_text_the_same_one(client: Client, city: Database, core: Core) -> None:
    first = await say(client, "你好", "my-own-id 中文")
    assert first["conversation"] == "my-own-id 中文"
    await say(client, "你好", "my-own-id 中文")
    async with city.transaction() as session:
        assert list(await session.scalars(select(Conversation.id))) == [conversation_id(core, "my-own-id 中文")]
    seen = await (await client.get(f"{CHAT}/my-own-id%20%E4%B8%AD%E6%96%87/messages")).json()
    assert [message["author"] for message in seen["messages"]].count("citizen") == 2


def test_names_are_hashed_with_the_installations_key(core: Core) -> None:
    assert conversation_id(core, "x") == conversation_id(core, "x")
    assert conversation_id(core, "x") != conversation_id(core, "y")
    ours = new_name()
    assert conversation_id(core, ours) != UUID(ours)
    assert conversation_id(core, ours.upper()) == conversation_id(core, ours), "a UUID may be written in either case"


async def test_the_id_that_staff_sees_opens_no_conversation(client: Client, city: Database) -> None:
    """It stands in the console's addresses, in events and in logs: only the name that the citizen's program holds counts."""
    name = (await say(client, "我要投诉邻居，请不要告诉别人"))["conversation"]
    async with city.transaction() as session:
        [internal] = await session.scalars(select(Conversation.id))
    for written in (str(internal), str(internal).upper()):
        assert written != name
        answer = await client.get(f"{CHAT}/{written}/messages")
        assert answer.status == 404
        assert "邻居" not in await answer.text()
        await say(client, "我是谁", written, 404)
    async with city.transaction() as session:
        assert list(await session.scalars(select(Conversation.id))) == [internal], "and none was opened in its name"
        assert await session.scalar(select(func.count()).select_from(Message).where(Message.text == "我是谁")) == 0
    assert (await say(client, "你好", name))["conversation"] == name


async def test_the_id_that_staff_sees_opens_no_conversation_of_the_portal_either(client: Client, city: Database) -> None:
    browser = Browser(client)
    await browser.submit("/ask", {"text": "我要投诉邻居，请不要告诉别人"})
    async with city.transaction() as session:
        [internal] = await session.scalars(select(Conversation.id))
    assert "邻居" in (await browser.get("/ask")).text
    assert (await client.get(f"{CHAT}/{internal}/messages")).status == 404
    await say(client, "我是谁", str(internal), 404)
    for forged in (f"{internal}", f"{internal}.9999999999.{'0' * 64}"):
        other = Browser(client, {"hotline_chat": forged})
        assert "邻居" not in (await other.get("/ask")).text


async def test_a_repeated_message_gets_the_stored_answer(client: Client, city: Database, articles: list[Article]) -> None:
    known = str(uuid4())
    answers = await asyncio.gather(*(say(client, "身份证到期了怎么换", known, message_id="m1") for _ in range(4)))
    assert all(answer["replies"] == answers[0]["replies"] for answer in answers)
    async with city.transaction() as session:
        said = select(func.count()).select_from(Message).where(Message.author == Author.CITIZEN.value)
        assert await session.scalar(said) == 1


async def test_a_closed_conversation_says_how_to_go_on(client: Client, city: Database, core: Core) -> None:
    body = await say(client, "你好")
    async with city.transaction() as session:
        await close_conversation(core, session, await get_conversation(session, conversation_id(core, body["conversation"])))
    refused = await say(client, "你好", body["conversation"], 409)
    assert "null" in refused["error"]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"conversation": None}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n "}, "text"),
        ({"text": 5}, "text"),
        ({"text": None}, "text"),
        ({"text": ["a"]}, "text"),
        ({"text": {"a": 1}}, "text"),
        ({"text": "字" * 2001}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"text": "好", "conversation": 5}, "conversation"),
        ({"text": "好", "conversation": True}, "conversation"),
        ({"text": "好", "conversation": ["x"]}, "conversation"),
        ({"text": "好", "conversation": "x" * 201}, "conversation"),
        ({"text": "好", "conversation": "a\u0000b"}, "conversation"),
        ({"text": "好", "conversation": "\udfff"}, "conversation"),
        ({"text": "好", "message_id": {}}, "message_id"),
        ({"text": "好", "admin": True}, "admin"),
    ],
)
async def test_wrong_fields_are_named(client: Client, city: Database, body: dict[str, Any], field: str) -> None:
    response = await client.post(CHAT, data=json.dumps(body), headers={"Content-Type": "application/json"})
    answer = await response.json()
    assert response.status == 422, answer
    assert list(answer["error"]["fields"]) == [field]
    assert answer["error"]["code"] == "invalid_input"
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Conversation)) == 0


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"text": "\xff"}', "application/json", 400),
        (b"[" * 30_000, "application/json", 400),
        (b"text=a", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
        (b'{"text": "' + b"a" * 40_000 + b'"}', "application/json", 413),
        (b'{"text": "' + b"a" * 400_000 + b'"}', "application/json", 413),
    ],
)
async def test_unreadable_bodies(client: Client, body: bytes, kind: str, status: int) -> None:
    response = await client.post(CHAT, data=body, headers={"Content-Type": kind})
    assert response.status == status
    assert (await response.json())["error"]["message"]


async def test_control_characters_are_taken_out_of_the_text(client: Client, city: Database) -> None:
    await say(client, "你\u0000好\u0007")
    async with city.transaction() as session:
        assert await session.scalar(select(Message.text).where(Message.author == Author.CITIZEN.value)) == "你好"


async def test_conversations_of_other_channels_do_not_exist_here(client: Client, city: Database, core: Core) -> None:
    for channel in ("phone", "wechat"):
        async with city.transaction() as session:
            theirs = await open_conversation(core, session, channel=channel)
            await add_message(core, session, theirs, Author.CITIZEN, "电话里说的话")
        assert (await client.get(f"{CHAT}/{theirs.id}/messages")).status == 404
        answer = await client.post(CHAT, json={"conversation": str(theirs.id), "text": "你好"})
        assert answer.status == 404
        assert "电话里说的话" not in await answer.text()
    assert (await client.get(f"{CHAT}/{uuid4()}/messages")).status == 404


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "٣"])
async def test_after_must_be_a_message_number(client: Client, after: str) -> None:
    body = await say(client, "你好")
    response = await client.get(f"{CHAT}/{body['conversation']}/messages", params={"after": after})
    assert (response.status, list((await response.json())["error"]["fields"])) == (422, ["after"])


async def test_too_many_messages_from_one_address_have_to_wait(client: Client, clock: ManualClock) -> None:
    for _ in range(120):
        assert (await client.post(CHAT, json={})).status == 422
    refused = await client.post(CHAT, json={"text": "你好"})
    assert (refused.status, (await refused.json())["error"]["code"]) == (429, "too_many_requests")
    clock.advance(seconds=1)
    assert (await client.post(CHAT, json={"text": "你好"})).status == 200


async def test_queue_owner_is_told_to_programs_that_only_read(client: Client) -> None:
    body = await say(client, "转人工")
    seen = await (await client.get(f"{CHAT}/{body['conversation']}/messages")).json()
    assert seen["owner"] == Owner.QUEUE.value
