"""Forms left open on web, WeChat and SMS: registered once, with word to the citizen; what a person saw to is left alone."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select, text

from channels import each_chat, unfinished
from chatbot.dialogue import Dialogue
from chatbot.draft import Slot
from chatbot.registration import load_draft, save_draft
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import Outbox
from tests.chatbot.conftest import talking_city
from tests.chatbot.dialogues import Begin
from tests.databases import Databases
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message
from ticketing.conversation.service import add_message, close_conversation, get_conversation, request_person
from ticketing.ticket.models import Ticket

SAID = ("楼上天天半夜施工吵得睡不着", "滨江壹号三号楼")


@pytest.fixture
def template(databases: Databases, core: Core) -> str:
    """With articles: what was left open is a talk with the assistant."""
    return talking_city(databases, core)


async def _left(dialogue: Dialogue, begin: Begin, channel: str, *said: str) -> UUID:
    chat_id = await begin(channel)
    for line in said or SAID:
        await dialogue.turn(chat_id, line)
    return chat_id


async def _tickets(database: Database) -> list[Ticket]:
    async with database.transaction() as session:
        return list(await session.scalars(select(Ticket)))


async def _last_words(database: Database, chat_id: UUID) -> str:
    async with database.transaction() as session:
        said = select(Message.text).where(Message.conversation_id == chat_id).order_by(Message.id.desc()).limit(1)
        return str(await session.scalar(said))


async def test_on_wechat_what_was_said_is_registered_once_and_told(
    core: Core,
    database: Database,
    clock: ManualClock,
    dialogue: Dialogue,
    begin: Begin,
) -> None:
    chat_id = await _left(dialogue, begin, "wechat")
    clock.advance(seconds=unfinished.PATIENCE.total_seconds() - 1)
    assert await unfinished.run(core, database) == 0
    clock.advance(seconds=1)
    assert [await unfinished.run(core, database) for _tick in range(2)] == [1, 0]
    [ticket] = await _tickets(database)
    assert (ticket.content, ticket.address, ticket.extra["unfinished"]) == (SAID[0], "滨江壹号三号楼", True)
    assert ticket.number in await _last_words(database, chat_id)
    async with database.transaction() as session:
        assert len(list(await session.scalars(select(Outbox).where(Outbox.channel == "wechat")))) == 1
    turn = await dialogue.turn(chat_id, "护照怎么办")
    assert turn.answers[0].article_id is not None
    assert not turn.form_open


async def test_a_web_form_without_contact_waits_a_day_and_goes_on_until_then(
    core: Core,
    database: Database,
    clock: ManualClock,
    dialogue: Dialogue,
    begin: Begin,
) -> None:
    chat_id = await _left(dialogue, begin, "web")
    clock.advance(seconds=3 * 3600)
    assert await unfinished.run(core, database) == 0
    assert (await dialogue.turn(chat_id, "昨天开始的")).form_open
    clock.advance(seconds=unfinished.LONG_PATIENCE.total_seconds())
    assert await unfinished.run(core, database) == 1
    assert len(await _tickets(database)) == 1


async def test_a_talk_that_is_over_is_kept_at_once(
    core: Core,
    database: Database,
    dialogue: Dialogue,
    begin: Begin,
) -> None:
    chat_id = await _left(dialogue, begin, "web")
    async with database.transaction() as session:
        await close_conversation(core, session, await get_conversation(session, chat_id, lock=True))
    assert await unfinished.run(core, database) == 1
    assert await _tickets(database)


@pytest.mark.parametrize("channel", ["web", "wechat"])
async def test_nothing_said_makes_no_ticket_and_what_a_person_saw_to_is_left_alone(
    core: Core,
    database: Database,
    clock: ManualClock,
    dialogue: Dialogue,
    begin: Begin,
    channel: str,
) -> None:
    await _left(dialogue, begin, channel, "我要投诉")
    clock.advance(seconds=unfinished.LONG_PATIENCE.total_seconds())
    assert await unfinished.run(core, database) == 0
    async with database.transaction() as session:
        for chat in await session.scalars(select(Conversation)):
            await close_conversation(core, session, chat)
    seen = await _left(dialogue, begin, channel)
    async with database.transaction() as session:
        chat = await get_conversation(session, seen, lock=True)
        await request_person(core, session, chat, "asked")
        await add_message(core, session, chat, Author.AGENT, "已经帮您联系物业了")
        await close_conversation(core, session, chat)
    assert await unfinished.run(core, database) == 0
    assert await _tickets(database) == []
    async with database.transaction() as session:
        assert (await session.get_one(Conversation, seen)).draft is None


async def test_a_form_that_cannot_be_registered_holds_up_no_other_and_its_citizen_is_told_once(
    core: Core,
    database: Database,
    clock: ManualClock,
    dialogue: Dialogue,
    begin: Begin,
) -> None:
    too_short = await _left(dialogue, begin, "wechat")
    clock.advance(seconds=1)
    broken = await _left(dialogue, begin, "sms")
    clock.advance(seconds=1)
    whole = await _left(dialogue, begin, "sms")
    async with database.transaction() as session:
        chat = await get_conversation(session, too_short, lock=True)
        draft = load_draft(core, chat)
        assert draft is not None
        save_draft(core, chat, draft.with_value(Slot.WHAT, "吵"))
        (await get_conversation(session, broken, lock=True)).draft = {"form": {"of": "another release"}}
    clock.advance(seconds=unfinished.LONG_PATIENCE.total_seconds())
    assert [await unfinished.run(core, database) for _tick in range(2)] == [1, 0]
    assert [ticket.conversation_id for ticket in await _tickets(database)] == [whole]
    assert "没能登记成工单" in await _last_words(database, too_short)
    async with database.transaction() as session:
        assert (await session.get_one(Conversation, too_short)).draft is None
        assert (await session.get_one(Conversation, broken)).draft is not None  # a fault of ours: kept until it is mended
        told = await session.scalars(select(Outbox.dedupe_key).where(Outbox.dedupe_key.contains("not-registered")))
        assert len(list(told)) == 1
    assert (await dialogue.turn(too_short, "楼上天天半夜施工吵得睡不着")).form_open


async def test_a_form_that_the_citizen_has_just_gone_on_with_is_left_alone(
    core: Core,
    database: Database,
    clock: ManualClock,
    dialogue: Dialogue,
    begin: Begin,
) -> None:
    chat_id = await _left(dialogue, begin, "wechat", SAID[0])
    clock.advance(seconds=unfinished.LONG_PATIENCE.total_seconds())
    due = unfinished._due(clock.now())
    await dialogue.turn(chat_id, SAID[1])
    assert await each_chat.each(database, [chat_id], due, partial(unfinished._register, core), what="test") == 0
    async with database.transaction() as session:
        chat = await session.get_one(Conversation, chat_id)
        draft = load_draft(core, chat)
    assert draft is not None
    assert await _tickets(database) == []


async def test_open_forms_are_found_by_their_index(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        asked = select(Conversation.id).where(unfinished._due(clock.now())).order_by(Conversation.updated_at).limit(1)
        bound = asked.compile(dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join((await session.execute(text(f"EXPLAIN {bound}"))).scalars())
    assert "ix_conversation_draft" in plan
