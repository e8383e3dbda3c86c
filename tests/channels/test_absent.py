"""Chats of an agent whose pages are closed: back to the queue, with word to the citizen; a supervisor may take one over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels import absent
from channels.saying import say
from hotline.errors import Conflict
from hotline.events import Outbox, history
from hotline.security import hash_token
from tests.ticketing.conftest import City
from ticketing.citizen.service import by_openid
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import add_message, open_conversation, request_person, say_as_agent, take
from ticketing.duty.service import leave
from ticketing.people.models import LoginSession

LATER = absent.ABSENT + timedelta(seconds=1)


async def _in_hand(city: City, channel: str = "web") -> UUID:
    async with city.database.transaction() as session:
        citizen = await by_openid(city.core, session, "openid-of-a-citizen") if channel == "wechat" else None
        chat = await open_conversation(city.core, session, channel=channel, citizen_id=citizen.id if citizen else None)
        await request_person(city.core, session, chat, "asked")
        await take(city.core, session, city.agent, chat.id)
        await absent.beat(city.core, session, city.agent.account)
        return chat.id


async def _login(city: City) -> int:
    now = city.clock.now()
    async with city.database.transaction() as session:
        login = LoginSession(
            token_hash=hash_token("x" * 32),
            user_id=city.agent.account,
            csrf_token="c",
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(hours=9),
        )
        session.add(login)
        await session.flush()
        return login.id


async def _chat(city: City, chat_id: UUID) -> Conversation:
    async with city.database.transaction() as session:
        return await session.get_one(Conversation, chat_id)


@pytest.mark.parametrize("channel", ["web", "wechat"])
async def test_all_pages_closed_the_chat_goes_back_and_the_citizen_is_told_once(city: City, channel: str) -> None:
    chat_id = await _in_hand(city, channel)
    waited_since = (await _chat(city, chat_id)).queued_at
    city.clock.advance(seconds=absent.ABSENT.total_seconds() - 1)
    assert await absent.run(city.core, city.database) == 0
    city.clock.advance(seconds=1)
    assert [await absent.run(city.core, city.database) for _tick in range(2)] == [1, 0]
    chat = await _chat(city, chat_id)
    assert (chat.owner, chat.agent_id, chat.queued_at) == (Owner.QUEUE.value, None, waited_since)
    async with city.database.transaction() as session:
        said = select(Message.text).where(Message.conversation_id == chat_id, Message.author == Author.BOT.value)
        [told] = await session.scalars(said)
        assert "暂时离开" in told
        sent = list(await session.scalars(select(Outbox).where(Outbox.channel == "wechat")))
        assert [city.core.vault.open(row.payload["text_sealed"].encode()) for row in sent] == ([told] if channel == "wechat" else [])


async def test_a_chat_that_fails_holds_up_no_other_and_comes_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = await _in_hand(city, "web"), await _in_hand(city, "web")
    city.clock.advance(seconds=absent.ABSENT.total_seconds())

    async def failing(core: Core, session: AsyncSession, chat: Conversation, text: str, **more: Any) -> None:
        if chat.id == bad:
            raise RuntimeError("no such channel")
        await say(core, session, chat, text, **more)

    with monkeypatch.context() as patch:
        patch.setattr(absent, "say", failing)
        assert await absent.run(city.core, city.database) == 1
    owners = [(await _chat(city, chat_id)).owner for chat_id in (bad, good)]
    assert owners == [Owner.HUMAN.value, Owner.QUEUE.value], "nothing of the one that failed stays"
    assert await absent.run(city.core, city.database) == 1


@pytest.mark.parametrize("sign", ["page", "request", "message"])
async def test_any_sign_of_the_agent_keeps_the_chat(city: City, sign: str) -> None:
    chat_id = await _in_hand(city)
    city.clock.advance(seconds=absent.ABSENT.total_seconds() - 10)
    if sign == "request":
        await _login(city)
    async with city.database.transaction() as session:
        if sign == "page":
            await absent.beat(city.core, session, city.agent.account)
        if sign == "message":
            await say_as_agent(city.core, session, city.agent, chat_id, "请稍等，我查一下")
    city.clock.advance(seconds=20)
    assert await absent.run(city.core, city.database) == 0


async def test_the_citizens_own_words_are_no_sign_of_the_agent(city: City) -> None:
    chat_id = await _in_hand(city)
    city.clock.advance(seconds=LATER.total_seconds())
    async with city.database.transaction() as session:
        await add_message(city.core, session, await session.get_one(Conversation, chat_id), Author.CITIZEN, "还在吗")
    assert await absent.run(city.core, city.database) == 1


async def test_a_page_beats_while_its_log_in_stands(city: City) -> None:
    chat_id, login = await _in_hand(city), await _login(city)
    city.clock.advance(seconds=LATER.total_seconds())
    beating = asyncio.create_task(
        absent.keep_beating(city.core, city.database, city.agent.account, login, timedelta(minutes=30)),
    )
    try:
        async with asyncio.timeout(10):
            while (await _chat(city, chat_id)).bot_state[absent.SEEN] != city.clock.now().isoformat():
                await asyncio.sleep(0.02)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    assert await absent.run(city.core, city.database) == 0
    city.clock.advance(seconds=3600)
    await asyncio.wait_for(absent.keep_beating(city.core, city.database, city.agent.account, login, timedelta(minutes=30)), 10)
    assert await absent.run(city.core, city.database) == 1


async def test_who_logs_out_without_ever_being_on_duty_gives_chats_back(city: City) -> None:
    chat_id = await _in_hand(city)
    async with city.database.transaction() as session:
        await leave(city.core, session, city.agent)
    assert (await _chat(city, chat_id)).owner == Owner.QUEUE.value


async def test_a_supervisor_takes_a_chat_over_and_an_agent_does_not(city: City) -> None:
    chat_id = await _in_hand(city)
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await take(city.core, session, city.dispatcher, chat_id)
    async with city.database.transaction() as session:
        await take(city.core, session, city.supervisor, chat_id)
    assert (await _chat(city, chat_id)).agent_id == city.supervisor.user_id
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await say_as_agent(city.core, session, city.agent, chat_id, "我还在")
    async with city.database.transaction() as session:
        taken = [event for event in await history(session, "conversation", chat_id) if event.name == "conversation.taken"]
    assert taken[-1].data == {"from_user": city.agent.user_id}
