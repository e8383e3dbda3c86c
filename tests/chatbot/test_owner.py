"""One owner of a conversation, checked under the lock of the send: the assistant and a person never both answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select

from chatbot.dialogue import Dialogue
from chatbot.rasa_client import RasaDown
from hotline.database import Database
from knowledge.gap.models import GapSentence
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message, Owner
from ticketing.conversation.service import get_conversation, give_back, request_person, say_as_agent, take
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import User

Begin = Callable[[str], Awaitable[UUID]]


@pytest.fixture
async def agent(database: Database) -> Actor:
    async with database.transaction() as session:
        user = User(login="x", name="小林", staff_number="1", role="agent", password_hash="-")
        session.add(user)
        await session.flush()
        return staff_actor(user)


async def _taken_over(core: Core, database: Database, conversation_id: UUID, agent: Actor) -> int:
    """A person is asked for and takes it, in one transaction; the newest message of that moment."""
    async with database.transaction() as session:
        conversation = await get_conversation(session, conversation_id, lock=True)
        await request_person(core, session, conversation, "asked")
        if conversation.channel == "phone":  # calls are taken by the queue, not from the inbox
            conversation.owner, conversation.agent_id = Owner.HUMAN.value, agent.user_id
        else:
            await take(core, session, agent, conversation_id)
        newest = select(func.coalesce(func.max(Message.id), 0)).where(Message.conversation_id == conversation_id)
        return int(await session.scalar(newest) or 0)


async def _said_by_bot_after(database: Database, conversation_id: UUID, message_id: int) -> list[str]:
    statement = select(Message.text).where(
        Message.conversation_id == conversation_id, Message.author == Author.BOT.value, Message.id > message_id
    )
    async with database.transaction() as session:
        return list(await session.scalars(statement))


@pytest.mark.parametrize("channel", ["web", "wechat", "phone"])
async def test_answers_in_flight_and_a_person_taking_over_never_both_speak(
    begin: Begin, dialogue: Dialogue, core: Core, database: Database, agent: Actor, channel: str
) -> None:
    conversation_id = await begin(channel)
    asked = [asyncio.create_task(dialogue.turn(conversation_id, f"身份证丢了怎么补办{number}")) for number in range(6)]
    moment = await _taken_over(core, database, conversation_id, agent)
    turns = [await each for each in asked]
    assert await _said_by_bot_after(database, conversation_id, moment) == []
    assert all(turn.answers or turn.owner is not Owner.BOT for turn in turns), "who is silent says who has it"
    async with database.transaction() as session:
        await say_as_agent(core, session, agent, conversation_id, "您好")
    assert (await dialogue.turn(conversation_id, "身份证丢了怎么补办")).answers == ()


class LateRasa:
    """Rasa that answers only when a person has the conversation: its action call and our fallback both come too late."""

    def __init__(self, meanwhile: Callable[[UUID], Awaitable[int]]) -> None:
        self.meanwhile, self.moment = meanwhile, 0

    async def turn(self, conversation_id: UUID, _message_id: int, _text: str, *, align_form: bool | None) -> None:
        del align_form
        self.moment = await self.meanwhile(conversation_id)
        raise RasaDown("too late")

    async def close(self) -> None:
        """Nothing is open."""


async def test_an_answer_that_comes_after_the_take_over_is_not_given_and_the_bot_goes_on_when_it_is_handed_back(
    begin: Begin, core: Core, database: Database, agent: Actor
) -> None:
    rasa = LateRasa(lambda known: _taken_over(core, database, known, agent))
    late = Dialogue(core, database, rasa)  # type: ignore[arg-type]
    conversation_id = await begin("web")
    turn = await late.turn(conversation_id, "老年卡怎么办")
    assert (turn.answers, turn.owner) == ((), Owner.HUMAN)
    assert await _said_by_bot_after(database, conversation_id, rasa.moment) == []
    async with database.transaction() as session:
        await give_back(core, session, agent, conversation_id, to=Owner.BOT)
    alone = Dialogue(core, database, None)
    assert (await alone.turn(conversation_id, "老年卡怎么办")).answers
    async with database.transaction() as session:
        conversation = (await session.scalars(select(Conversation).where(Conversation.id == conversation_id))).one()
        assert (conversation.owner, conversation.agent_id) == (Owner.BOT.value, None)


async def test_a_dead_assistant_is_replaced_by_the_search_and_then_by_a_person(begin: Begin, core: Core, database: Database) -> None:
    class Dead(LateRasa):
        async def turn(self, conversation_id: UUID, _message_id: int, _text: str, *, align_form: bool | None) -> None:
            raise RasaDown("dead")

    dialogue = Dialogue(core, database, Dead(lambda _known: asyncio.sleep(0, 0)))  # type: ignore[arg-type]
    conversation_id = await begin("web")
    turn = await dialogue.turn(conversation_id, "老年卡怎么办")
    assert (turn.degraded, turn.answers[0].article_id is not None) == (True, True)
    turn = await dialogue.turn(conversation_id, "转人工")
    assert (turn.handover, turn.owner) == (True, Owner.QUEUE)


async def test_a_question_that_is_followed_by_the_wish_for_a_person_is_a_gap(begin: Begin, dialogue: Dialogue, database: Database) -> None:
    conversation_id = await begin("phone")
    answer = (await dialogue.turn(conversation_id, "我叫李小明，老年卡怎么办，电话13900002716")).answers[0]
    await dialogue.turn(conversation_id, "转人工")
    async with database.transaction() as session:
        sentence = (await session.scalars(select(GapSentence))).one()
    assert sentence.cause == "handed_over"
    assert (sentence.article_id, sentence.article_version) == (answer.article_id, answer.article_version)
    assert "13900002716" not in sentence.text
    assert "李小明" not in sentence.text


async def test_an_answer_that_helped_is_no_gap(begin: Begin, dialogue: Dialogue, database: Database) -> None:
    conversation_id = await begin("web")
    for line in ("老年卡怎么办", "谢谢", "没有了"):
        await dialogue.turn(conversation_id, line)
    async with database.transaction() as session:
        assert (await session.scalars(select(GapSentence))).all() == []
