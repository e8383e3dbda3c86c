"""Screen pop: what the desk of the agent shows whose telephone rings, and what it shows nobody else."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select

from knowledge.article import service as knowledge
from knowledge.article.service import Content
from tests.channels.console.test_queue import at_desk, caller
from tests.channels.staff import Browser, City, Opener, hidden_fields
from ticketing.call_flow.document import package_document
from ticketing.citizen.models import Citizen
from ticketing.conversation.calls import answered_by_person, end_call
from ticketing.conversation.captions import Saying, show
from ticketing.conversation.models import Author, Call
from ticketing.conversation.service import add_message, get_conversation
from ticketing.duty.models import DutyState
from ticketing.duty.service import after_call, change, duty_of, end_wrap_ups
from ticketing.people.actor import SYSTEM
from ticketing.queue.service import ask_for_tongue, distribute, served
from ticketing.ticket.drafts import TicketDraft
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

SAID = ("我要投诉，临江区滨河路188号工地昨天晚上十点还在施工，吵得睡不着", "我姓周", "嗯")


async def say(city: City, call: UUID, *words: str, author: Author = Author.CITIZEN) -> None:
    async with city.database.transaction() as session:
        conversation = await get_conversation(session, (await session.get_one(Call, call)).conversation_id)
        for text in words:
            await add_message(city.core, session, conversation, author, text)


async def ringing(city: City, *words: str) -> UUID:
    """A call that rings for `agent`."""
    await at_desk(city, "agent")
    call = await caller(city)
    await say(city, call, "您好，请讲。", author=Author.BOT)
    await say(city, call, *(words or SAID))
    async with city.database.transaction() as session:
        assert await distribute(city.core, session, package_document())
    return call


async def answer(city: City, call: UUID) -> None:
    async with city.database.transaction() as session:
        user = city.people["agent"].user_id or 0
        assert await served(city.core, session, call, user)
        await answered_by_person(city.core, session, call, user)


async def hang_up(city: City, call: UUID) -> None:
    async with city.database.transaction() as session:
        await end_call(city.core, session, call, reason="caller_hung_up", recording_path="recordings/none.wav", recording_seconds=9.0)


async def earlier(city: City, call: UUID, **fields: object) -> str:
    async with city.database.transaction() as session:
        citizen = (await session.get_one(Call, call)).citizen_id
    return (await city.register(citizen_id=citizen, name="", phone="", **fields)).ticket.number


async def test_the_language_that_the_caller_wishes_is_shown(city: City, browser: Opener) -> None:
    call = await ringing(city)
    agent = await browser("agent")
    assert "希望说" not in await (await agent.get("/console/desk")).text()
    async with city.database.transaction() as session:
        await ask_for_tongue(session, call, language="zh", dialect="yue")
    assert "希望说粤语" in await (await agent.get("/console/desk")).text()


async def fields_of(agent: Browser, call: UUID) -> dict[str, str]:
    response = await agent.get(f"/console/calls/{call}/fields")
    assert response.status == 200
    found: dict[str, str] = await response.json()
    return found


async def test_while_it_rings_the_agent_sees_who_calls_and_what_was_said(browser: Opener, city: City) -> None:
    call = await ringing(city)
    number = await earlier(city, call, content="滨江壹号电梯停运三天了")
    secret = await earlier(city, call, content="举报某某收钱办事", confidentiality=Confidentiality.SECRET,
                           named_user_ids=(city.people["supervisor"].user_id,))  # fmt: skip
    agent = await browser("agent")
    body = await agent.text("/console/desk")
    assert "来电，请接听" in body
    assert 'data-bell="1" data-bell-text="来电，请接听"' in body
    assert "139 **** 2716" in body
    assert "139 0000 2716" not in body, "masked until answered"
    assert "您好，请讲" in body, "what the assistant said"
    assert re.search(r"<time[^>]*>00:0\d</time></div><div class=\"say\">您好，请讲", body), (
        "by the clock of the call, like what has a place in the recording"
    )
    assert "还在施工" in body
    assert number in body
    assert secret not in body
    assert (await agent.get(f"/console/calls/{call}/form")).status == 404, "no form before the answer"
    assert (await agent.get(f"/console/calls/{call}/fields")).status == 404


async def test_another_agent_sees_nothing_of_it(browser: Opener, city: City) -> None:
    call = await ringing(city)
    await say_now(city, call, "煤气味很大")
    other = await browser("agent2")
    for answered in (False, True):
        if answered:
            await answer(city, call)
        body = await other.text(f"/console/desk?call={call}")
        assert "还在施工" not in body
        assert "139 0000 2716" not in body
        assert "煤气" not in await other.text(f"/console/calls/{call}/captions")
        for part in ("form", "fields", "hints"):
            for login in ("agent2", "supervisor"):
                assert (await (await browser(login)).get(f"/console/calls/{call}/{part}")).status == 404, (part, login)
        hidden = await other.form("/console/tickets/new", "/console/tickets/new")
        assert (await other.post(f"/console/calls/{call}/draft", {**hidden, "content": "别人的电话"})).status == 404
        conversation = await conversation_of(city, call)
        assert (await other.get(f"/console/tickets/new?conversation={conversation}")).status == 404
    for login in ("clerk", "editor"):
        assert (await (await browser(login)).get(f"/console/calls/{call}/hints")).status == 403


async def conversation_of(city: City, call: UUID) -> UUID:
    async with city.database.transaction() as session:
        return (await session.get_one(Call, call)).conversation_id


async def say_now(city: City, call: UUID, text: str) -> None:
    async with city.database.transaction() as session:
        await show(city.core, session, [Saying(call, (await session.get_one(Call, call)).conversation_id, "citizen", text)])


async def test_after_the_answer_the_form_is_filled_and_one_post_registers_it(browser: Opener, city: City) -> None:
    call = await ringing(city)
    await answer(city, call)
    agent = await browser("agent")
    body = await agent.text("/console/desk")
    assert "139 0000 2716" in body
    assert "三方通话" in body
    found = await fields_of(agent, call)
    assert found["address"] == "临江区滨河路188号工地"
    assert found["occurred"].startswith("昨天晚上十点")
    assert (found["name"], found["phone"], found["kind"]) == ("周", "13900002716", "complaint")
    assert "施工" in found["content"]
    assert "我姓周" not in found["content"]
    form = await agent.text(f"/console/calls/{call}/form")
    assert 'field--machine" data-machine="address"' in form
    assert 'field--machine" data-machine="contact_by"' not in form, "only what the machine filled is marked"
    sent = {**hidden_fields(form, "/console/tickets/new"), **found, "contact_by": "phone"}
    await hang_up(city, call)  # the caller is quicker than the key
    made = await agent.post("/console/tickets/new", dict(sent))
    assert (made.status, made.headers["Location"]) == (303, "/console/desk"), await made.text()
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        kept = await session.get_one(Call, call)
    assert (ticket.conversation_id, ticket.channel, ticket.citizen_id) == (kept.conversation_id, "phone", kept.citizen_id)
    again = await agent.text("/console/desk")
    assert ticket.number in again
    assert "查询码" in again, "the caller is told it"
    assert 'id="form-' not in again, "the same key again registers nothing"
    assert (await agent.post(f"/console/calls/{call}/draft", dict(sent))).status == 204, "a page that was still saving"
    async with city.database.transaction() as session:
        assert not list(await session.scalars(select(TicketDraft)))
    assert "录音" in await agent.text(f"/console/tickets/{ticket.number}")
    assert (await agent.post("/console/tickets/new", dict(sent))).headers["Location"].endswith(ticket.number), "twice is once"


async def test_nothing_typed_is_lost_and_the_machine_leaves_it_alone(browser: Opener, city: City) -> None:
    call = await ringing(city)
    await answer(city, call)
    agent = await browser("agent")
    form = await agent.text(f"/console/calls/{call}/form")
    typed = {**hidden_fields(form, "/console/tickets/new"), **await fields_of(agent, call), "address": "滨河路190号", "touched": "address"}
    save = f"/console/calls/{call}/draft"
    answers = await asyncio.gather(*(agent.post(save, dict(typed)) for _ in range(3)))
    assert [one.status for one in answers] == [200, 200, 200]
    async with city.database.transaction() as session:
        assert len(list(await session.scalars(select(TicketDraft)))) == 1
    await say(city, call, "就在滨河路的江畔花园北门旁边")
    await hang_up(city, call)
    city.clock.advance(minutes=5)
    async with city.database.transaction() as session:
        assert await end_wrap_ups(city.core, session) == 1  # ready again; the draft is still open on the desk
    body = await agent.text(f"/console/calls/{call}/form")
    assert 'value="滨河路190号"' in body
    assert 'field--machine" data-machine="address"' not in body
    assert 'field--machine" data-machine="occurred"' in body
    assert "北门旁边" in body, "what was said since is in the field that nobody touched"
    assert 'name="touched" value="address"' in body
    city.clock.advance(hours=3)
    agent = await browser("agent")
    assert (await agent.get(f"/console/calls/{call}/form")).status == 404


async def test_who_was_handed_the_call_writes_it_up_and_who_left_it_does_not(browser: Opener, city: City) -> None:
    call = await ringing(city)
    await answer(city, call)
    await at_desk(city, "agent2")
    async with city.database.transaction() as session:
        user = city.people["agent2"].user_id or 0
        await change(city.core, session, await duty_of(city.core, session, user), DutyState.BUSY, call_id=call)
        await after_call(city.core, session, city.people["agent"].user_id or 0, wrap_s=30)
        await answered_by_person(city.core, session, call, user)
    first, second = await browser("agent"), await browser("agent2")
    assert "139 0000 2716" not in await first.text("/console/desk")
    assert (await first.get(f"/console/calls/{call}/form")).status == 404
    for over in (False, True):
        if over:
            await hang_up(city, call)
        assert "139 0000 2716" in await second.text("/console/desk")
        assert "滨河路188号" in await second.text(f"/console/calls/{call}/form")
    assert "话后整理" in await second.text("/console/desk")


async def test_danger_in_the_words_being_said_is_shown_with_its_number(browser: Opener, city: City) -> None:
    call = await ringing(city, "你好")
    agent = await browser("agent")
    assert "可能有危险" not in await agent.text(f"/console/calls/{call}/hints")
    await say_now(city, call, "我家着火了，里面还有人")
    body = await agent.text(f"/console/calls/{call}/hints")
    assert "可能有危险" in body
    assert "119" in body


@pytest.mark.parametrize("call", ["x", "00000000-0000-0000-0000-000000000000"])
async def test_a_call_that_is_not_there(browser: Opener, city: City, call: str) -> None:
    assert (await (await browser("agent")).get(f"/console/calls/{call}/hints")).status == 404


async def test_the_best_articles_come_with_the_sentence_that_fits(browser: Opener, city: City) -> None:
    for slug, title, spoken, fee in (
        ("id-card", "居民身份证到期换领", "带上旧身份证到就近派出所办理。二十个工作日内领取。", "换领收20元，丢失补领收40元"),
        ("heating", "家里暖气不热怎么办", "先看阀门有没有打开，再打供热公司电话报修。", ""),
        ("water", "家里停水怎么办", "先看小区公告，再打供水公司电话。", ""),
    ):
        content = Content(title=title, scene="户籍与证件", spoken=spoken, questions=(title, f"请问{title}"), valid_from=date(2026, 1, 1),
                          checked_on=date(2026, 11, 1), body={"fee": fee} if fee else {}, sample_data=True)  # fmt: skip
        async with city.database.transaction() as session:
            article = await knowledge.create(city.core, session, SYSTEM, slug, content, unit_id=city.units["centre"])
            await knowledge.publish(city.core, session, SYSTEM, article.id, version=1)
    call = await ringing(city, "你好")
    agent = await browser("agent")
    assert "没有找到相关的条目" in await agent.text(f"/console/calls/{call}/hints")
    await say_now(city, call, "我身份证丢失了，补领收多少钱")  # not a whole sentence yet
    body = await agent.text(f"/console/calls/{call}/hints")
    assert "居民身份证到期换领" in body
    assert "换领收20元，丢失补领收40元" in body
    assert "暖气" not in body


async def test_a_withheld_number_has_no_earlier_tickets(browser: Opener, city: City) -> None:
    call = await ringing(city)
    async with city.database.transaction() as session:
        row = await session.get_one(Call, call)
        row.citizen_id = row.caller_sealed = row.caller_hash = None
        assert (await session.scalars(select(Citizen))).first() is not None
    body = await (await browser("agent")).text("/console/desk")
    assert "号码未显示" in body


async def test_the_open_page_is_woken_by_the_words_of_the_call_that_rings(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    response = await agent.get("/console/stream")  # the page was opened before anybody called
    assert b"retry" in await response.content.readline()
    call = await ringing(city)
    await say_now(city, call, "路灯")
    events = []
    async with asyncio.timeout(5):
        while "caption" not in events:
            line = await response.content.readline()
            if line.startswith(b"event: "):
                events.append(line[7:].decode().strip())
    assert "desk" in events
    response.close()
