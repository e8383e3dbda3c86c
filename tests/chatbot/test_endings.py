"""How conversations end or go on elsewhere, without Rasa: progress of a ticket, forms nobody finished, bad input, closed talks."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from chatbot.dialogue import Dialogue, save_unfinished
from chatbot.reply import TicketRef
from hotline.database import Database
from hotline.errors import InvalidInput, NotFound
from hotline.events import Event
from knowledge.gap.models import GapSentence
from tests.chatbot.talking import READABLE, Begin, Say, tickets
from ticketing.citizen.service import by_caller
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message, Owner
from ticketing.conversation.service import get_conversation, open_conversation
from ticketing.ticket.models import Ticket


async def test_goodbye_finishes_after_asking_once_whether_it_helped(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("phone")
    turn = await say(conversation, "身份证丢了怎么补办", "没有了")
    assert "有帮助吗" in turn.answers[0].text
    turn = await say(conversation, "没什么用")
    assert turn.finished
    async with database.transaction() as session:
        told = (await session.scalars(select(Message).where(Message.article_id.is_not(None)))).one()
        assert told.data["useful"] is False
        assert (await session.scalars(select(GapSentence.cause))).one() == "rated_badly"
    turn = await say(await begin("phone"), "谢谢再见")
    assert turn.finished


class TestProgress:
    async def registered(self, say: Say, conversation: UUID, channel: str = "web") -> TicketRef:
        turn = await say(conversation, "路灯坏了", "建设路", "昨天", "李明", *(() if channel == "phone" else ("13800002716",)), "对")
        assert turn.ticket is not None
        return turn.ticket

    async def test_the_caller_hears_of_the_own_ticket(self, begin: Begin, say: Say) -> None:
        await self.registered(say, await begin("phone"), "phone")
        turn = await say(await begin("phone"), "我上次反映的事情办得怎么样了")
        assert "等待派给对口单位" in turn.answers[0].spoken
        assert "派出" in turn.answers[0].spoken
        assert READABLE.fullmatch(turn.answers[0].spoken)

    async def test_on_the_web_number_and_code_are_needed(self, begin: Begin, say: Say) -> None:
        ticket = await self.registered(say, await begin("web"))
        other = await begin("web")
        turn = await say(other, "查进度")
        assert "工单编号" in turn.answers[0].text
        turn = await say(other, ticket.number)
        assert "查询码" in turn.answers[0].text
        turn = await say(other, "WWWWWWWW")
        assert "不对" in turn.answers[0].text
        turn = await say(other, ticket.query_code.lower())
        assert ticket.number in turn.answers[0].text
        assert "派给对口单位" in turn.answers[0].text

    async def test_urging_is_done_once_a_day_and_reaches_the_matter(self, begin: Begin, say: Say, database: Database) -> None:
        conversation = await begin("phone")
        await self.registered(say, conversation, "phone")
        turn = await say(conversation, "帮我催一下上次反映的事情")
        assert "已经替您催办" in turn.answers[0].text
        assert READABLE.fullmatch(turn.answers[0].spoken)
        turn = await say(conversation, "再催一下我反映的事情办得怎么样了")
        assert "今天已经替您催过了" in turn.answers[0].text
        async with database.transaction() as session:
            assert await session.scalar(select(func.count()).select_from(Event).where(Event.name == "supervise.urged")) == 1

    async def test_urging_while_somebody_works_on_the_matter_says_so_and_the_talk_goes_on(
        self, begin: Begin, say: Say, database: Database
    ) -> None:
        first, conversation = await self.registered(say, await begin("web")), await begin("phone")
        mine = await self.registered(say, conversation, "phone")
        async with database.transaction() as session:
            master = (await session.scalars(select(Ticket).where(Ticket.number == first.number))).one()
            merged = (await session.scalars(select(Ticket).where(Ticket.number == mine.number))).one()
            merged.state, merged.master_id = "merged", master.id
        async with database.transaction() as session:
            (await session.scalars(select(Ticket).where(Ticket.number == first.number).with_for_update())).one()
            turn = await say(conversation, "帮我催一下上次反映的事情")
        assert "请稍后再试" in turn.answers[0].text
        turn = await say(conversation, "再催一下我反映的事情办得怎么样了")
        assert "已经替您催办" in turn.answers[0].text

    async def test_a_merged_number_tells_the_masters(self, begin: Begin, say: Say, database: Database) -> None:
        first = await self.registered(say, await begin("web"))
        other = await begin("web")
        mine = await self.registered(say, other)
        async with database.transaction() as session:
            master = (await session.scalars(select(Ticket).where(Ticket.number == first.number))).one()
            merged = (await session.scalars(select(Ticket).where(Ticket.number == mine.number))).one()
            merged.state, merged.master_id = "merged", master.id
        turn = await say(other, "查进度")
        assert f"与编号{first.number}合并办理" in turn.answers[0].text
        assert "派给对口单位" in turn.answers[0].text
        assert READABLE.fullmatch(turn.answers[0].spoken)

    async def test_nothing_personal_is_told(self, begin: Begin, say: Say) -> None:
        ticket = await self.registered(say, await begin("web"))
        turn = await say(await begin("web"), f"查 {ticket.number} {ticket.query_code}")
        said = turn.answers[0].text + turn.answers[0].spoken
        assert "登记的" in said
        for private in ("李明", "13800002716", "建设路", ticket.query_code):
            assert private not in said

    async def test_unknown_numbers_and_wrong_codes_sound_the_same_and_guessing_ends(self, begin: Begin, say: Say) -> None:
        ticket = await self.registered(say, await begin("web"))
        for number in (ticket.number, "12345-20200101-00001"):
            conversation = await begin("web")
            turn = await say(conversation, number, "WWWWWWWW")
            assert turn.answers[0].text == "编号或查询码不对，请对照登记时给您的信息再输一次"
            for _ in range(5):
                turn = await say(conversation, "WWWWWWWX")
            assert "次数太多" in turn.answers[0].text
        turn = await say(conversation, f"{ticket.number} {ticket.query_code}")
        assert "次数太多" in turn.answers[0].text

    async def test_somebody_elses_ticket_is_not_told_to_a_caller(self, begin: Begin, say: Say, core: Core, database: Database) -> None:
        ticket = await self.registered(say, await begin("phone"), "phone")
        async with database.transaction() as session:
            citizen = await by_caller(core, session, "+8613811112222")
            other = (await open_conversation(core, session, channel="phone", citizen_id=citizen.id)).id
        turn = await say(other, f"查一下{ticket.number}")
        assert "不是用这个号码登记" in turn.answers[0].text
        assert "派" not in turn.answers[0].text


class TestUnfinished:
    async def test_what_was_said_is_registered_once(self, begin: Begin, say: Say, core: Core, database: Database) -> None:
        conversation = await begin("phone")
        await say(conversation, "楼上天天半夜施工", "滨江壹号")
        async with database.transaction() as session:
            registered = await save_unfinished(core, session, await get_conversation(session, conversation))
        assert registered is not None
        async with database.transaction() as session:
            assert await save_unfinished(core, session, await get_conversation(session, conversation)) is None
        (ticket,) = await tickets(database)
        assert (ticket.address, ticket.category_code) == ("滨江壹号", "0501")
        assert ticket.extra["unfinished"] is True

    async def test_nothing_said_makes_no_ticket(self, begin: Begin, say: Say, core: Core, database: Database) -> None:
        conversation = await begin("phone")
        await say(conversation, "我要投诉")
        async with database.transaction() as session:
            assert await save_unfinished(core, session, await get_conversation(session, conversation)) is None
        assert await tickets(database) == []


async def test_bad_input_is_refused_and_stored_nowhere(begin: Begin, dialogue: Dialogue, database: Database) -> None:
    conversation = await begin("web")
    for empty in ("", "   ", "\0"):
        with pytest.raises(InvalidInput):
            await dialogue.turn(conversation, empty)
    with pytest.raises(NotFound):
        await dialogue.turn(uuid4(), "你好")
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 0


async def test_a_huge_text_is_answered(begin: Begin, dialogue: Dialogue) -> None:
    turn = await dialogue.turn(await begin("web"), "路灯坏了" * 10_000)
    assert turn.form_open


async def test_a_closed_conversation_stays_closed(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    async with database.transaction() as session:
        (await session.get_one(Conversation, conversation)).owner = Owner.CLOSED.value
    turn = await say(conversation, "你好")
    assert (turn.answers, turn.owner) == ((), Owner.CLOSED)
