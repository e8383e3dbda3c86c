"""Whole dialogues by voice over real SIP calls: corrected, called off, asked after, handed over.

espeak speaks, Vosk with the synthetic model hears, the dialogue and the exchange are the real ones; Rasa is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from hotline.database import Database
from telephony.client import Caller
from telephony.speech.measure import distance
from tests.chatbot.conftest import template
from tests.telephony.flow.test_real_call import Hotline, citizen_said, hotline
from tests.telephony.flow.test_real_person import Desk
from ticketing.citizen.service import by_caller
from ticketing.context import Core
from ticketing.conversation.models import Author, Call, CallState, Conversation, Message, Owner
from ticketing.conversation.service import messages
from ticketing.duty.models import DutyState
from ticketing.duty.service import set_phone, set_state
from ticketing.people.actor import SYSTEM, Actor, staff_actor
from ticketing.people.models import Role, User
from ticketing.queue.own_call import own_call
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Kind

__all__ = ["hotline", "template"]
pytestmark = pytest.mark.slow
"""Calls last as long as calls do."""
NUMBER = "13900002716"
LONGEST_S = 14.0
"""Of an answer the caller listens to no more than this."""


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """An agent's telephone."""
    made = Desk(700)
    await made.phone.start()
    yield made
    await made.phone.stop()


async def tell(hotline: Hotline, caller: Caller, *sentences: str) -> None:
    """Say each sentence when the other side has finished, or into a long answer: callers do not wait."""
    for sentence in sentences:
        await caller.hear(10.0, longest=LONGEST_S)
        assert await caller.say(await hotline.voice.say(sentence)), sentence


def assert_heard(heard: list[str], said: tuple[str, ...]) -> None:
    """Every sentence came, in its order; a tenth of the characters may be wrong, as over any telephone."""
    assert len(heard) == len(said), heard
    assert distance("".join(said), "".join(heard)) <= len("".join(said)) // 10, heard


async def the_bot_said(database: Database) -> str:
    async with database.transaction() as session:
        return "\n".join(await session.scalars(select(Message.text).where(Message.author == Author.BOT.value).order_by(Message.id)))


async def test_a_place_is_corrected_and_a_question_in_between_is_answered(hotline: Hotline, database: Database) -> None:
    lines = ("我要投诉工地半夜施工太吵", "江畔花园", "不对是翠湖小区", "护照怎么换", "昨天晚上")
    async with Caller(hotline.address, number=NUMBER) as caller:
        await tell(hotline, caller, *lines)
        await caller.hear(LONGEST_S)
    await hotline.all_over()
    assert_heard(await citizen_said(database), lines)
    async with database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        answered = list(await session.scalars(select(Message.text).where(Message.article_id.is_not(None))))
    assert "翠湖小区" in ticket.address
    assert "江畔花园" not in ticket.address
    assert "施工" in ticket.content
    assert any("护照" in text for text in answered)
    assert "已经改了" in await the_bot_said(database)


async def test_progress_by_the_callers_own_number_a_form_called_off_and_a_person_who_sees_it_all(
    hotline: Hotline, core: Core, database: Database, desk: Desk
) -> None:
    number = await a_ticket_of_the_caller(core, database)
    agent = await an_agent(core, database, desk)
    lines = ("我的投诉怎么样了", "我要投诉翠湖小区电梯坏了", "取消", "转人工")
    async with Caller(hotline.address, number=NUMBER) as caller:
        await tell(hotline, caller, *lines)
        call = await talking(database)
        async with database.transaction() as session:
            mine = await own_call(core, session, agent)
            seen = await messages(session, call.conversation_id)
            owner = (await session.get_one(Conversation, call.conversation_id)).owner
        await desk.legs[0].hang_up()
        async with asyncio.timeout(10):
            while caller.ended is None:
                await asyncio.sleep(0.05)
    await hotline.all_over()
    assert mine is not None
    assert (mine.call.id, mine.answered) == (call.id, True)
    assert owner == Owner.HUMAN.value
    assert_heard([message.text for message in seen if message.author == Author.CITIZEN.value], lines)
    told = "\n".join(message.text for message in seen if message.author == Author.BOT.value)
    assert "已经登记" in told, "the state of the own ticket, without a number or a code"
    assert "取消" in told
    async with database.transaction() as session:
        tickets = list(await session.scalars(select(Ticket.number)))
    assert tickets == [number], "what was called off is no ticket"


async def a_ticket_of_the_caller(core: Core, database: Database) -> str:
    async with database.transaction() as session:
        citizen = await by_caller(core, session, f"+86{NUMBER}")
        appeal = Appeal(
            channel=Channel.PHONE, kind=Kind.HELP, title="路灯不亮", content="学院路三号路灯不亮，晚上看不清路", citizen_id=citizen.id
        )
        return (await register(core, session, SYSTEM, appeal)).ticket.number


async def an_agent(core: Core, database: Database, desk: Desk) -> Actor:
    async with database.transaction() as session:
        head, agent = (
            User(login=role.value, name=role.value, staff_number=f"90{at:02}", role=role.value, password_hash="x")
            for at, role in enumerate((Role.SUPERVISOR, Role.AGENT))
        )
        session.add_all((head, agent))
        await session.flush()
        await set_phone(core, session, staff_actor(head), agent.id, desk.address)
        await set_state(core, session, staff_actor(agent), DutyState.READY)
        return staff_actor(agent)


async def talking(database: Database) -> Call:
    """The call, as soon as the agent speaks with the caller."""
    async with asyncio.timeout(45):
        while True:
            async with database.transaction() as session:
                call = (await session.scalars(select(Call))).first()
            if call is not None and call.state == CallState.TALKING.value:
                return call
            await asyncio.sleep(0.05)
