"""Text messages from citizens: who is let in, once and in order, through the real dialogue to a ticket, 退订 and the cost guard."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from channels.sms import replies
from channels.sms.inbox import Inbox
from channels.sms.sender import TOO_MANY, SmsSender
from channels.web.app import create_app
from chatbot.dialogue import Dialogue
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.events import Outbox, history
from hotline.settings import Settings
from tests.channels.wechat.conftest import _fill
from tests.channels.wechat.world import Parts
from tests.databases import Databases
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.conversation.models import Conversation, InboundMessage
from ticketing.conversation.service import messages
from ticketing.notice.preferences import preference_of
from ticketing.ticket.models import Ticket

KEY = "a-key-of-at-least-24-characters"
PHONE = "13900002716"
NUMBER = re.compile(r"12345-\d{8}-\d{5}")
MATTER = "滨河路188号门口井盖丢了，晚上很危险"


@dataclass
class Phone:
    """A gateway that is the citizen's telephone."""

    got: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, phone: str, text: str, message_id: str, **_more: object) -> None:
        self.got.append((phone, text))


@dataclass
class Sms:
    """Our application, the scheduler's step, a telephone."""

    services: Parts
    url: str
    http: aiohttp.ClientSession
    phone: Phone
    count: int = 0

    async def push(self, data: Any, *, provider: str = "alibaba", what: str = "messages", key: str = KEY) -> int:
        body = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
        async with self.http.post(f"{self.url}/sms/{provider}/{what}", params={"key": key}, data=body) as response:
            return response.status

    async def write(self, text: str, phone: str = PHONE) -> None:
        self.count += 1
        pushed = [{"phone_number": phone, "content": text, "send_time": "2026-11-18 10:00:00", "sequence_id": self.count, "dest_code": "1"}]
        assert await self.push(pushed) == 200

    async def say(self, text: str, phone: str = PHONE) -> str:
        """Write, let the scheduler work; the last message that the telephone got."""
        await self.write(text, phone)
        await self.tick()
        return self.phone.got[-1][1]

    async def tick(self) -> int:
        done = await Inbox(self.services).work_off()
        settings = self.services.settings
        sender = SmsSender(self.services.core, self.services.database, self.phone, settings.web_url, per_day=settings.sms_per_day)
        return done + await sender.send_waiting()

    async def all(self, model: Any) -> list[Any]:
        async with self.services.database.transaction() as session:
            return list(await session.scalars(select(model).order_by(model.id if model is not Conversation else model.created_at)))


@pytest.fixture
async def sms(settings: Settings, core: Core, databases: Databases) -> AsyncIterator[Sms]:
    template = await asyncio.to_thread(databases.template, "wechat_city", partial(_fill, core))
    async with databases.fresh(template, core.vault) as database:
        dialogue = Dialogue(core, database, None)
        ours = Settings.model_validate({**settings.model_dump(), "sms_inbound_key": KEY, "sms_per_day": 12})
        services = Parts(ours, core, database, dialogue)
        server = TestServer(create_app(services))
        await server.start_server()
        async with aiohttp.ClientSession() as http:
            yield Sms(services, str(server.make_url("")).rstrip("/"), http, Phone())
        await server.close()
        await dialogue.close()


async def test_an_appeal_by_text_message_becomes_one_ticket_of_the_number(sms: Sms) -> None:
    await sms.say("我要投诉")
    await sms.say(MATTER)
    text = ""
    for _step in range(6):
        text = await sms.say("1")
        if NUMBER.search(text):
            break
    [ticket] = await sms.all(Ticket)
    assert ticket.number in text
    assert (ticket.channel, ticket.contact_by, ticket.content) == ("sms", "sms", MATTER)
    assert not [text for _, text in sms.phone.got if "联系电话" in text], "the carrier has told it"
    [citizen] = await sms.all(Citizen)
    assert (ticket.citizen_id, citizen.phone_verified) == (citizen.id, True)
    assert {to for to, _ in sms.phone.got} == {PHONE}
    assert all(len(text) <= replies.MAX_TEXT for _, text in sms.phone.got if "【" not in text)
    answer = await sms.say("补充：井盖在公交站牌东边两米")
    assert ticket.number in answer
    async with sms.services.database.transaction() as session:
        events = await history(session, "ticket", ticket.id)
    assert [event.data["text"] for event in events if event.name == "ticket.supplemented"] == ["井盖在公交站牌东边两米"]
    assert ticket.number in await sms.say("我的工单")


async def test_a_repeat_is_stored_once_and_answered_once(sms: Sms) -> None:
    for _repeat in range(3):
        sms.count = 0
        await sms.write("居民身份证丢失补领")
    await sms.tick()
    await sms.tick()
    assert len(await sms.all(InboundMessage)) == len(sms.phone.got) == 1


async def test_tencents_form_has_no_number_so_all_fields_make_it(sms: Sms) -> None:
    item = {"extend": "01", "mobile": PHONE, "nationcode": "86", "sign": "云川12345", "text": "居民身份证丢失补领", "time": 1700000000}
    for _repeat in range(2):
        assert await sms.push(item, provider="tencent") == 200
    assert await sms.push({**item, "time": 1700000009}, provider="tencent") == 200
    assert len(await sms.all(InboundMessage)) == 2


async def test_two_schedulers_at_once_answer_in_order_and_once(sms: Sms) -> None:
    for text in ("我要投诉", MATTER, "1"):
        await sms.write(text)
    await sms.write("居民身份证丢失补领", "13800001111")
    await asyncio.gather(sms.tick(), sms.tick(), sms.tick())
    await sms.tick()
    told = []
    async with sms.services.database.transaction() as session:
        for conversation in await session.scalars(select(Conversation)):
            told.append([one.text for one in await messages(session, conversation.id) if one.author == "citizen"])
    said = max(told, key=len)
    assert said[:2] == ["我要投诉", MATTER]
    assert len(sms.phone.got) == 4


@pytest.mark.parametrize("key", ["", "wrong", "中文" * 20])
async def test_without_the_key_nothing_is_stored(sms: Sms, key: str) -> None:
    assert await sms.push([{"phone_number": PHONE, "content": "x", "sequence_id": 1}], key=key) == 403
    assert await sms.push([{"biz_id": "1", "success": True}], key=key, what="receipts") == 403
    assert await sms.all(InboundMessage) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b'[{"phone_number": 1, "content": "x"}]', b"\xff\xfe", b"[" * 50_000])
async def test_unreadable_pushes_are_refused(sms: Sms, body: bytes) -> None:
    assert await sms.push(body) == 400
    assert await sms.push(b"x" * (300 << 10)) == 413


async def test_company_numbers_and_empty_texts_are_left_out(sms: Sms) -> None:
    rows = [{"phone_number": "10690000", "content": "x", "sequence_id": 1}, {"phone_number": PHONE, "content": " ", "sequence_id": 2}]
    assert await sms.push(rows) == 200
    assert await sms.all(InboundMessage) == []


async def test_what_was_written_lies_sealed(sms: Sms) -> None:
    await sms.say("我家在滨河路188号")
    rows = [*await sms.all(InboundMessage), *await sms.all(Outbox)]
    stored = " ".join(str(vars(row)) for row in rows)
    assert "滨河" not in stored
    assert PHONE not in stored


async def test_opting_out_keeps_back_what_need_not_be_told(sms: Sms) -> None:
    assert "已退订" in await sms.say("td")
    assert "已退订" in await sms.say("退订。")
    [citizen] = await sms.all(Citizen)
    async with sms.services.database.transaction() as session:
        assert (await preference_of(sms.services.core, session, citizen)).opted_out
    assert "已恢复" in await sms.say("恢复")
    async with sms.services.database.transaction() as session:
        assert not (await preference_of(sms.services.core, session, citizen)).opted_out


async def test_no_number_gets_more_than_the_days_share(sms: Sms, clock: ManualClock) -> None:
    for _message in range(14):
        await sms.say("居民身份证丢失补领")
    assert len(sms.phone.got) == 12
    parked = [row for row in await sms.all(Outbox) if row.state == "parked"]
    assert {row.last_error for row in parked} == {TOO_MANY}
    clock.advance(hours=25)
    await sms.say("居民身份证丢失补领")
    assert len(sms.phone.got) == 13


async def test_a_failing_message_is_tried_again_then_the_citizen_is_told(sms: Sms, clock: ManualClock) -> None:
    class Broken:
        async def turn(self, *_args: object, **_more: object) -> object:
            raise RuntimeError("broken")

    sms.services = replace(sms.services, dialogue=Broken())
    await sms.write("居民身份证丢失补领")
    for _try in range(5):
        assert sms.phone.got == []
        await sms.tick()
        clock.advance(minutes=10)
    assert "没能处理" in sms.phone.got[0][1]
    await sms.tick()
    assert len(sms.phone.got) == 1


async def test_an_agents_words_are_never_cut(sms: Sms, core: Core, database: Database) -> None:
    await sms.say("居民身份证丢失补领")
    [conversation] = await sms.all(Conversation)
    async with sms.services.database.transaction() as session:
        with pytest.raises(InvalidInput):
            await replies.queue_agent_reply(core, session, conversation, "长" * 301)
        await replies.queue_agent_reply(core, session, conversation, "您好，我是人工客服。")
    await sms.tick()
    assert sms.phone.got[-1][1] == "您好，我是人工客服。"


def test_a_long_answer_ends_at_a_sentence() -> None:
    text = replies.fit("第一句话。" * 100)
    assert len(text) <= replies.MAX_TEXT
    assert "。…" in text
    assert replies.fit("短。\n\n  另一行 ") == "短。\n另一行"
