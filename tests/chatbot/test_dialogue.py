"""Whole conversations without Rasa, on every channel, against the real database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from chatbot.dialogue import Dialogue, Turn, save_unfinished
from chatbot.rasa_client import RasaClient, RasaDown
from chatbot.reply import TicketRef
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import InvalidInput, NotFound
from hotline.events import Event, Outbox
from knowledge.article.models import Article
from knowledge.article.service import recall
from knowledge.gap.models import GapSentence
from ticketing.citizen.service import by_caller
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Message, Owner
from ticketing.conversation.service import get_conversation, open_conversation
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Ticket

Begin = Callable[[str], Awaitable[UUID]]
Say = Callable[..., Awaitable[Turn]]
CHANNELS = ("web", "wechat", "phone")
READABLE = re.compile(r"[\u3400-\u9fff，。！？、；：]+")


async def tickets(database: Database) -> list[Ticket]:
    async with database.transaction() as session:
        return list(await session.scalars(select(Ticket).order_by(Ticket.id)))


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_guide_question_is_answered_with_article_and_version(begin: Begin, say: Say, database: Database, channel: str) -> None:
    conversation = await begin(channel)
    turn = await say(conversation, "身份证丢了怎么补办")
    answer = turn.answers[0]
    assert answer.article_id is not None
    assert answer.article_version == 1
    for part in ("所需材料", "办理流程", "收费", "办理依据"):
        assert part in answer.text
    assert READABLE.fullmatch(answer.spoken)
    async with database.transaction() as session:
        stored = (await session.scalars(select(Message).where(Message.article_id.is_not(None)))).one()
        article = await session.get_one(Article, answer.article_id)
    assert (stored.article_id, stored.article_version, article.used_count) == (answer.article_id, 1, 1)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_complaint_becomes_one_ticket(begin: Begin, say: Say, database: Database, channel: str) -> None:
    conversation = await begin(channel)
    turn = await say(conversation, "门口那条路全是坑", "青石区建设路", "上个星期", "我姓王")
    assert turn.form_open
    turn = await say(conversation, *(() if channel == "phone" else ("13800002716",)), "对")
    assert isinstance(turn.ticket, TicketRef)
    assert not turn.form_open
    assert turn.degraded
    assert turn.ticket.number in turn.answers[0].text
    assert turn.ticket.query_code in turn.answers[0].text
    assert all(READABLE.fullmatch(answer.spoken) for answer in turn.answers)
    (ticket,) = await tickets(database)
    assert (ticket.channel, ticket.category_code, ticket.district, ticket.address) == (channel, "0105", "青石区", "青石区建设路")
    assert ticket.occurred == "上个星期（11月9日至11月15日）"
    assert ticket.contact_by == "phone"
    assert ticket.citizen_id is not None


async def test_neither_stored_messages_nor_the_draft_hold_what_is_secret(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    await say(conversation, "路灯坏了", "建设路", "昨天", "我叫李明", "13800002716")
    async with database.transaction() as session:
        draft = str((await get_conversation(session, conversation)).draft)
    assert "李明" not in draft
    assert "13800002716" not in draft
    turn = await say(conversation, "对")
    assert turn.ticket is not None
    async with database.transaction() as session:
        texts = "".join(await session.scalars(select(Message.text)))
    assert turn.ticket.query_code not in texts


async def test_a_repeat_gets_the_stored_answer_and_changes_nothing(begin: Begin, dialogue: Dialogue, say: Say, database: Database) -> None:
    conversation = await begin("wechat")
    await say(conversation, "路灯坏了", "建设路", "昨天", "王", "13800002716")
    first = await dialogue.turn(conversation, "对", external_id="m1")
    again = await dialogue.turn(conversation, "对", external_id="m1")
    assert again == first
    assert again.ticket is not None
    assert again.ticket.query_code
    assert len(await tickets(database)) == 1


async def test_two_at_once_answer_once(begin: Begin, dialogue: Dialogue, say: Say, database: Database) -> None:
    conversation = await begin("web")
    await say(conversation, "路灯坏了", "建设路", "昨天", "王", "13800002716")
    turns = await asyncio.gather(*(dialogue.turn(conversation, "对", external_id="m1") for _ in range(5)))
    assert len({turn.ticket for turn in turns}) == 1
    assert len(await tickets(database)) == 1
    await asyncio.gather(*(dialogue.turn(conversation, "对", external_id=f"n{number}") for number in range(3)))
    assert len(await tickets(database)) == 1


@pytest.mark.parametrize("channel", CHANNELS)
async def test_after_the_hand_over_the_bot_is_silent(begin: Begin, say: Say, database: Database, channel: str) -> None:
    conversation = await begin(channel)
    turn = await say(conversation, "给我转人工")
    assert turn.handover
    assert turn.handover_reason == "citizen_asked"
    assert turn.owner is Owner.QUEUE
    turn = await say(conversation, "身份证丢了怎么补办")
    assert turn.answers == ()
    assert not turn.handover
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).where(Message.author == "citizen")) == 2


class TakenOver(RasaClient):
    """Rasa is so slow that an agent takes the conversation while it thinks."""

    def __init__(self, database: Database) -> None:
        super().__init__("http://127.0.0.1:9", "x" * 32, timeout_s=1)
        self._database = database

    async def turn(self, conversation_id: UUID, message_id: int, text: str, *, align_form: bool | None) -> None:
        async with self._database.transaction() as session:
            (await get_conversation(session, conversation_id, lock=True)).owner = Owner.QUEUE.value
        raise RasaDown("too slow")


async def test_nothing_is_answered_when_the_bot_lost_the_conversation_meanwhile(begin: Begin, core: Core, database: Database) -> None:
    dialogue = Dialogue(core, database, TakenOver(database))
    turn = await dialogue.turn(await begin("web"), "身份证丢了怎么补办")
    await dialogue.close()
    assert turn.answers == ()
    assert turn.owner is Owner.QUEUE


async def test_danger_is_answered_at_once_and_noted_and_can_be_registered(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("phone")
    turn = await say(conversation, "楼下着火了")
    assert "119" in turn.answers[0].text
    assert "幺幺九" in turn.answers[0].spoken
    async with database.transaction() as session:
        assert (await session.scalars(select(Event).where(Event.name == "bot.emergency"))).one().data == {"danger": "fire"}
    turn = await say(conversation, "登记下来", "翠湖小区三号楼", "刚才", "不方便", "对")
    assert turn.ticket is not None
    (ticket,) = await tickets(database)
    assert ticket.urgency == "emergency"
    assert "着火" in ticket.content


async def test_danger_in_the_form_keeps_the_form(begin: Begin, say: Say) -> None:
    conversation = await begin("web")
    turn = await say(conversation, "楼上漏水", "有人触电了")
    assert "120" in turn.answers[0].text
    assert "什么地方" in turn.answers[1].text
    assert turn.form_open


async def test_a_question_in_the_form_is_answered_and_the_form_goes_on(begin: Begin, say: Say) -> None:
    conversation = await begin("web")
    turn = await say(conversation, "路灯坏了", "建设路", "护照多久能办好？")
    assert turn.answers[0].article_id is not None
    assert "什么时候" in turn.answers[1].text
    turn = await say(conversation, "昨天")
    assert "称呼" in turn.answers[0].text


async def test_a_cancelled_form_makes_no_ticket(begin: Begin, say: Say, database: Database) -> None:
    turn = await say(await begin("web"), "路灯坏了", "建设路", "算了，不投诉了")
    assert not turn.form_open
    assert await tickets(database) == []


async def test_never_mind_at_the_number_is_asked_back_and_then_meant(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    turn = await say(conversation, "路灯坏了", "建设路", "昨天", "姓王", "算了")
    assert turn.form_open
    assert "要取消登记吗" in turn.answers[-1].text
    turn = await say(conversation, "取消登记")
    assert not turn.form_open
    assert "已经取消" in turn.answers[-1].text
    assert await tickets(database) == []


async def test_several_fitting_articles_become_choices(begin: Begin, say: Say) -> None:
    conversation = await begin("web")
    turn = await say(conversation, "身份证")
    assert 3 <= len(turn.answers[0].choices) <= 4
    assert turn.answers[0].article_id is None
    second = turn.answers[0].choices[1]
    turn = await say(conversation, "第二个")
    assert f"【{second}】" in turn.answers[0].text


async def test_two_misses_offer_a_person_and_are_kept_for_the_editors(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    turn = await say(conversation, "龙泉古井的碑文谁来抄")
    assert "登记下来" in turn.answers[0].choices
    turn = await say(conversation, "碑文谁来抄写呢")
    assert "转人工" in turn.answers[0].text
    turn = await say(conversation, "好的")
    assert turn.handover_reason == "not_understood"
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(GapSentence)) == 2


async def test_an_unanswered_question_can_be_registered(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    await say(conversation, "龙泉古井的碑文谁来抄", "登记下来", "跳过", "跳过", "跳过", "跳过", "对")
    (ticket,) = await tickets(database)
    assert ticket.kind == "consult"
    assert "碑文" in ticket.content


async def test_a_third_miss_in_a_row_gets_a_person_without_asking(begin: Begin, say: Say) -> None:
    turn = await say(await begin("web"), "龙泉古井的碑文谁来抄", "碑文谁来抄写呢", "古井碑文哪个抄")
    assert turn.handover_reason == "not_understood"


async def test_what_is_nothing_for_a_government_line_is_refused_politely(begin: Begin, say: Say, database: Database) -> None:
    turn = await say(await begin("web"), "给我讲个笑话吧")
    assert "不在12345的服务范围" in turn.answers[0].text
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(GapSentence)) == 0


@pytest.mark.parametrize(
    ("said", "handed"), [("你这破机器人", True), ("你是不是有病", True), ("气死我了楼上天天半夜装修吵得全家睡不着你们管不管", False)]
)
async def test_anger_at_the_assistant_gets_a_person_and_anger_at_a_matter_a_form(begin: Begin, say: Say, said: str, handed: bool) -> None:
    turn = await say(await begin("phone"), said)
    assert (turn.handover_reason == "angry") is handed


class TestWholeAnswer:
    async def test_a_caller_gets_the_short_answer_and_the_whole_by_text_message(
        self, begin: Begin, say: Say, core: Core, database: Database
    ) -> None:
        conversation = await begin("phone")
        turn = await say(conversation, "身份证丢了怎么补办")
        assert turn.answers[0].spoken.endswith("要不要把全文发到您的短信？")
        for _time in range(2):  # the second wish sends nothing more
            turn = await say(conversation, "好的发给我吧" if _time else "要")
            assert "手机短信" in turn.answers[0].text
            assert turn.answers[0].article_id is not None
        async with database.transaction() as session:
            (row,) = (await session.scalars(select(Outbox).where(Outbox.channel == "sms"))).all()
        text = core.vault.open(row.payload["text_sealed"].encode())
        assert "{site}/guide/id-card-lost" in text
        assert len(text) < 300

    async def test_refusing_it_is_no_farewell_and_the_web_shows_all_at_once(self, begin: Begin, say: Say, database: Database) -> None:
        turn = await say(await begin("phone"), "身份证丢了怎么补办", "不用了")
        assert not turn.finished
        assert "还有别的" in turn.answers[0].text
        turn = await say(await begin("web"), "身份证丢了怎么补办")
        assert "全文" not in turn.answers[0].spoken
        assert "材料" in turn.answers[0].text
        async with database.transaction() as session:
            assert await session.scalar(select(func.count()).select_from(Outbox)) == 0


async def test_a_recalled_article_is_gone_on_the_next_question(begin: Begin, say: Say, core: Core, database: Database) -> None:
    conversation = await begin("web")
    turn = await say(conversation, "身份证丢了怎么补办")
    async with database.transaction() as session:
        await recall(core, session, SYSTEM, turn.answers[0].article_id or 0, "规定变了")
    after = await say(conversation, "身份证丢了怎么补办")
    assert all(answer.article_id != turn.answers[0].article_id for answer in after.answers)


async def test_short_questions_after_an_answer_are_about_the_same_article(begin: Begin, say: Say) -> None:
    conversation = await begin("phone")
    turn = await say(conversation, "老年卡怎么办")
    article = turn.answers[0].article_id
    assert article is not None
    for question, part in (("在哪办", "站前路"), ("要带什么证件", "身份证"), ("多少钱", "费"), ("那电话是多少呢", "-")):
        turn = await say(conversation, question)
        assert turn.answers[0].article_id == article, question
        assert part in turn.answers[0].text, question
        assert READABLE.fullmatch(turn.answers[0].spoken)
    turn = await say(conversation, "护照要多少钱")
    assert turn.answers[0].article_id not in (None, article)


async def test_what_comes_out_of_turn_in_the_form_is_kept(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("phone")
    turn = await say(conversation, "我想反映一下我们小区的事", "电梯坏了", "都没人来修也不给个说法")
    assert "地方" in turn.answers[0].text
    turn = await say(conversation, "查一下12345-20200101-00001", "翠湖小区", "半个月", "姓张", "对")
    assert turn.ticket is not None
    (ticket,) = await tickets(database)
    assert ticket.content == "电梯坏了。都没人来修也不给个说法"
    assert (ticket.address, ticket.occurred) == ("翠湖小区", "半个月")


async def test_sounds_without_words_are_asked_again(begin: Begin, say: Say, database: Database) -> None:
    turn = await say(await begin("web"), "。。。")
    assert "再说一遍" in turn.answers[0].text
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(GapSentence)) == 0


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


async def test_the_clock_decides_what_is_valid(begin: Begin, say: Say, clock: ManualClock) -> None:
    clock.advance(days=365 * 3)
    turn = await say(await begin("web"), "身份证丢了怎么补办")
    assert turn.answers[0].article_id is None


async def test_a_closed_conversation_stays_closed(begin: Begin, say: Say, database: Database) -> None:
    conversation = await begin("web")
    async with database.transaction() as session:
        (await session.get_one(Conversation, conversation)).owner = Owner.CLOSED.value
    turn = await say(conversation, "你好")
    assert (turn.answers, turn.owner) == ((), Owner.CLOSED)
