"""Chats that wait for a person: back to the assistant when nobody is on duty, never when somebody is."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select, update

from channels import unattended
from chatbot.dialogue import Dialogue
from hotline.events import Outbox, history
from tests.ticketing.conftest import City
from ticketing.citizen.service import by_caller, by_openid
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import get_conversation, open_conversation, request_person, say_as_agent, take
from ticketing.duty.models import DutyState
from ticketing.duty.service import set_phone, set_state
from ticketing.people.models import Line, User


async def _waiting(city: City, channel: str = "web", line: str | None = None) -> UUID:
    async with city.database.transaction() as session:
        citizen = None
        if channel == "wechat":
            citizen = await by_openid(city.core, session, "openid-of-a-citizen")
        if channel == "sms":
            citizen = await by_caller(city.core, session, "13900002716")
        chat = await open_conversation(city.core, session, channel=channel, citizen_id=citizen.id if citizen else None, line=line)
        assert await request_person(city.core, session, chat, "asked")
        return chat.id


async def _seen(city: City, chat_id: UUID) -> tuple[str, list[str]]:
    """Who has it now, and what the assistant said."""
    async with city.database.transaction() as session:
        said = select(Message.text).where(Message.conversation_id == chat_id, Message.author == Author.BOT.value).order_by(Message.id)
        return (await session.get_one(Conversation, chat_id)).owner, list(await session.scalars(said))


async def _duty(city: City, state: DutyState, reason: str = "") -> None:
    async with city.database.transaction() as session:
        await set_phone(city.core, session, city.supervisor, city.agent.user_id or 0, "sip:lin@127.0.0.1:5070")
        await set_state(city.core, session, city.agent, state, reason=reason)


@pytest.mark.parametrize("channel", ["web", "wechat", "sms"])
async def test_nobody_on_duty_the_assistant_takes_the_chat_back_and_says_so_once(city: City, channel: str) -> None:
    chat_id = await _waiting(city, channel)
    city.clock.advance(seconds=unattended.PATIENCE.total_seconds() - 1)
    assert await unattended.run(city.core, city.database) == 0
    city.clock.advance(seconds=1)
    assert [await unattended.run(city.core, city.database) for _tick in range(2)] == [1, 0]

    owner, [said] = await _seen(city, chat_id)
    assert owner == Owner.BOT.value
    assert "没有话务员在岗" in said
    assert "登记下来" in said
    async with city.database.transaction() as session:
        sent = list(await session.scalars(select(Outbox).where(Outbox.channel.in_(["wechat", "sms"]))))
        assert [(row.channel, city.core.vault.open(row.payload["text_sealed"].encode())) for row in sent] == (
            [] if channel == "web" else [(channel, said)]
        )
        chat = await session.get_one(Conversation, chat_id)
        assert chat.queued_at is None
        events = await history(session, "conversation", chat_id)
        assert [event.data for event in events if event.name == "conversation.given_to_bot"] == [{"why": "nobody_on_duty"}]


async def test_what_the_assistant_offers_is_what_it_then_does(city: City) -> None:
    chat_id = await _waiting(city)
    city.clock.advance(seconds=unattended.PATIENCE.total_seconds())
    await unattended.run(city.core, city.database)
    async with city.database.transaction() as session:
        [choice] = (await session.scalars(select(Message.data["choices"]).where(Message.conversation_id == chat_id))).one()
    dialogue = Dialogue(city.core, city.database, None)
    await dialogue.turn(chat_id, choice)
    await dialogue.close()
    async with city.database.transaction() as session:
        assert (await session.get_one(Conversation, chat_id)).draft is not None, "the form is open"


async def test_with_somebody_on_duty_or_on_a_break_the_chat_keeps_waiting(city: City) -> None:
    chat_id = await _waiting(city)
    await _duty(city, DutyState.READY)
    city.clock.advance(hours=1)
    assert await unattended.run(city.core, city.database) == 0
    await _duty(city, DutyState.BREAK, "meal")
    assert await unattended.run(city.core, city.database) == 0
    assert await _seen(city, chat_id) == (Owner.QUEUE.value, [])
    await _duty(city, DutyState.OFF)
    assert await unattended.run(city.core, city.database) == 1


async def test_people_of_another_line_do_not_keep_a_chat_waiting(city: City) -> None:
    chat_id, other = await _waiting(city), await _waiting(city, line="12319")
    async with city.database.transaction() as session:
        session.add(Line(number="12319", name="城管热线"))
        await session.flush()
        await session.execute(update(User).where(User.id == city.agent.user_id).values(line="12319"))
    await _duty(city, DutyState.READY)
    city.clock.advance(hours=1)
    assert await unattended.run(city.core, city.database) == 1
    assert (await _seen(city, chat_id))[0] == Owner.BOT.value
    assert (await _seen(city, other))[0] == Owner.QUEUE.value


async def test_calls_and_chats_with_a_person_are_left_alone(city: City) -> None:
    call, taken = await _waiting(city, "phone"), await _waiting(city)
    async with city.database.transaction() as session:
        await take(city.core, session, city.agent, taken)
    city.clock.advance(hours=1)
    assert await unattended.run(city.core, city.database) == 0
    assert (await _seen(city, call))[0] == Owner.QUEUE.value
    assert (await _seen(city, taken))[0] == Owner.HUMAN.value


async def test_a_chat_that_is_just_being_taken_is_skipped(city: City) -> None:
    chat_id = await _waiting(city)
    city.clock.advance(hours=1)
    async with city.database.transaction() as session:
        await get_conversation(session, chat_id, lock=True)
        assert await unattended.run(city.core, city.database) == 0
        await take(city.core, session, city.agent, chat_id)
    assert await unattended.run(city.core, city.database) == 0
    assert await _seen(city, chat_id) == (Owner.HUMAN.value, [])


async def test_who_writes_in_another_chat_is_there_without_a_telephone(city: City) -> None:
    other, chat_id = await _waiting(city), await _waiting(city)
    city.clock.advance(minutes=10)
    async with city.database.transaction() as session:
        await take(city.core, session, city.agent, other)
        await say_as_agent(city.core, session, city.agent, other, "您好，请讲。")
    assert await unattended.run(city.core, city.database) == 0
    city.clock.advance(minutes=20)
    assert await unattended.run(city.core, city.database) == 1
    assert (await _seen(city, chat_id))[0] == Owner.BOT.value
