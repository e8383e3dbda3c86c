"""Whole conversations without Rasa, on every channel, against the real database."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select

from chatbot.dialogue import Dialogue
from chatbot.rasa_client import RasaClient, RasaDown
from chatbot.reply import TicketRef
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import Event, Outbox
from knowledge.article.models import Article
from knowledge.article.service import recall
from knowledge.gap.models import GapSentence
from tests.chatbot.talking import CHANNELS, READABLE, Begin, Say, tickets
from ticketing.context import Core
from ticketing.conversation.models import Message, Owner
from ticketing.conversation.service import get_conversation
from ticketing.people.actor import SYSTEM


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


async def test_a_recalled_article_is_gone_on_the_next_question_of_every_channel(
    begin: Begin, say: Say, core: Core, database: Database
) -> None:
    talks = [await begin(channel) for channel in ("web", "wechat", "phone")]
    told = {(await say(talk, "身份证丢了怎么补办")).answers[0].article_id for talk in talks}
    assert len(told) == 1
    [article] = told
    assert article is not None
    async with database.transaction() as session:
        await recall(core, session, SYSTEM, article, "规定变了")
    for talk, follow_up in zip(talks, ("多少钱", "身份证丢了怎么补办", "身份证丢了怎么补办"), strict=True):
        after = await say(talk, follow_up)
        assert article not in [answer.article_id for answer in after.answers], follow_up


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


async def test_the_clock_decides_what_is_valid(begin: Begin, say: Say, clock: ManualClock) -> None:
    clock.advance(days=365 * 3)
    turn = await say(await begin("web"), "身份证丢了怎么补办")
    assert turn.answers[0].article_id is None
