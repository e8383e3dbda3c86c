"""What a call does, seen from the caller and from the database."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select, text

from chatbot.reply import TicketRef
from telephony.flow import record
from telephony.flow.pending import PendingCalls
from telephony.speech.transcriber import Heard
from tests.telephony.flow.conftest import LOUD, Line, ReadableVoice, a_turn, heard, pcm_of, said, until
from tests.telephony.flow.rows import citizen_words, the_call, the_return_call
from ticketing.callback.models import ReturnCall
from ticketing.conversation.models import Author, Call, CallState, Conversation, Message, Owner
from ticketing.people.models import Line as TheLine
from ticketing.people.models import LineAlias


async def test_a_caller_is_greeted_answered_and_the_call_is_written_down(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")
    leg.caller_hangs_up()
    await line.over()
    call = await the_call(line.database)
    assert call.state == CallState.ENDED.value
    assert call.end_reason == "caller_hung_up"
    assert call.transcriber == "scripted"
    assert call.recording_path is not None
    with wave.open(str(line.settings.data_dir / call.recording_path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        assert file.getnframes() / 8000 == pytest.approx(call.recording_seconds)
    async with line.database.transaction() as session:
        message = (await session.scalars(select(Message).where(Message.author == Author.CITIZEN.value))).one()
        assert message.data == {"start_s": 1.0, "end_s": 2.0, "confidence": 0.9}
        conversation = (await session.scalars(select(Conversation))).one()
        assert conversation.owner == Owner.CLOSED.value
        assert conversation.citizen_id is not None
        assert (await session.scalars(select(ReturnCall))).first() is None
    assert line.transcriber is not None
    assert line.transcriber.sessions[0].closed


async def test_speaking_cuts_the_greeting_off(line: Line) -> None:
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    line.say(leg, "我", "partial")  # a cough is no interruption
    await until(lambda: not line.transcriber.sessions[0].script)  # type: ignore[union-attr]
    assert not leg.playbacks[0].over
    line.say(leg, "我要投诉", "partial")
    await until(lambda: leg.playbacks[0].over)
    assert await leg.playbacks[0].wait() is False


async def test_a_ticket_number_is_read_slowly_twice_and_not_cut_off_by_the_voice(line: Line) -> None:
    line.bot.answers["对"] = a_turn("已经登记，工单编号 12345-20261118-00017", ticket=TicketRef("12345-20261118-00017", "A7K2MNPQ"))
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    leg.finish_playback()
    line.say(leg, "对")
    await heard(leg, "还有别的事吗")
    reading = said(leg)[-2]
    assert reading.count("幺二三四五，二零二六，幺幺幺八，零零零幺七") == 2
    assert reading.count("诶七开二，艾姆恩批酷") == 2
    line.say(leg, "好的好的", "partial")
    await until(lambda: not line.transcriber.sessions[0].script)  # type: ignore[union-attr]
    await asyncio.sleep(0)
    assert not leg.playbacks[-2].over
    leg.press_keys("5")
    await until(lambda: leg.playbacks[-2].over)


async def test_silence_is_asked_about_twice_then_without_an_agent_the_call_ends(line: Line) -> None:
    await line.rules(joinempty=False)
    line.set(silence_s=0.03)
    leg = line.call()
    await line.over()
    heard_in_turn = ["<greeting>", "可以直接说出", "还是没有听到您的声音", "现在没有人工坐席在岗", "<silent_goodbye>"]
    assert [part in told for part, told in zip(heard_in_turn, said(leg), strict=True)] == [True] * 5
    assert (await the_call(line.database)).end_reason == "silence"


async def test_who_says_nothing_at_all_is_put_through_to_a_person(line: Line) -> None:
    await line.rules(**{"max-wait": 1})
    line.set(silence_s=0.03)
    leg = line.call()
    await heard(leg, "<queued>")
    assert (await the_call(line.database)).state == CallState.QUEUED.value
    assert "<silent_goodbye>" not in said(leg)
    leg.caller_hangs_up()
    await line.over()


async def test_who_was_served_and_then_says_nothing_keeps_no_agent_busy(line: Line) -> None:
    await line.rules(**{"max-wait": 1})
    line.set(silence_s=0.3)
    line.bot.answers["几点开门"] = a_turn("九点开门。")
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "几点开门")
    await heard(leg, "九点开门")
    await line.over()
    assert said(leg)[-1] == "<silent_goodbye>"
    assert "<queued>" not in said(leg)


async def test_an_open_question_is_asked_again_after_silence(line: Line) -> None:
    line.set(silence_s=0.3)
    line.bot.answers["我要投诉"] = a_turn("什么事？", form_open=True)
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "我要投诉")
    await until(lambda: said(leg).count("什么事？") == 2)


@pytest.mark.parametrize("how", ["key", "words"])
async def test_who_wants_a_person_waits_and_is_owed_a_return_call(line: Line, how: str) -> None:
    await line.rules(**{"max-wait": 1})
    line.bot.answers["转人工"] = a_turn("正在转接", handover=True, handover_reason="citizen_asked")
    leg = line.call()
    await heard(leg, "<greeting>")
    if how == "key":
        leg.press_keys("0")
    else:
        line.say(leg, "转人工")
    await heard(leg, "<queue_invite>")
    assert ("<queued>" in said(leg)) is (how == "key")
    call = await the_call(line.database)
    assert call.state == CallState.QUEUED.value
    line.say(leg, "学院路的井盖丢了")
    await line.over()
    assert said(leg)[-1] == "<return_call>"
    task, ticket = await the_return_call(line.database)
    assert task.reason == "queue_timeout"
    assert "学院路的井盖丢了" in ticket.content
    assert (await the_call(line.database)).end_reason == "queue_timeout"
    assert "学院路的井盖丢了" not in line.bot.turns


async def test_who_leaves_the_queue_is_owed_a_return_call(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await heard(leg, "<queue_invite>")
    leg.caller_hangs_up()
    await line.over()
    task, _ticket = await the_return_call(line.database)
    assert task.reason == "hung_up_in_queue"


async def test_keys_that_are_no_zero_are_an_answer(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("13800138000#")
    await heard(leg, "答：13800138000")


async def test_the_words_in_the_mouth_at_the_hang_up_are_not_lost(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    assert line.transcriber is not None
    line.transcriber.sessions[0].last_words = [Heard("final", "翠湖小区停水了", 3, 5, 0.8)]
    leg.caller_hangs_up()
    await line.over()
    assert await citizen_words(line.database) == ["翠湖小区停水了"]


async def test_a_person_asked_for_with_the_last_words_is_owed_too(line: Line) -> None:
    line.bot.answers["转人工"] = a_turn("正在转接", handover=True, handover_reason="citizen_asked")
    leg = line.call()
    await heard(leg, "<greeting>")
    assert line.transcriber is not None
    line.transcriber.sessions[0].last_words = [Heard("final", "转人工", 3, 5, 0.8)]
    leg.caller_hangs_up()
    await line.over()
    assert (await the_return_call(line.database))[0].reason == "hung_up_in_queue"


async def test_a_caller_who_gives_up_before_the_answer_leaves_nothing(line: Line) -> None:
    from telephony.testing import FakeLeg

    leg = FakeLeg()
    leg.caller_hangs_up()
    from telephony.flow.call import CallFlow

    await CallFlow(line.parts).run(leg)
    async with line.database.transaction() as session:
        assert (await session.scalars(select(Call))).first() is None


async def test_the_bot_says_goodbye_and_the_call_ends(line: Line) -> None:
    line.bot.answers["再见"] = a_turn("再见。", finished=True)
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "再见")
    await line.over()
    assert leg.hung_up is not None
    assert leg.hung_up.by == "us"
    assert (await the_call(line.database)).end_reason == "finished"


async def test_a_voice_that_fails_is_not_silence(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    line.voice.fails = True
    line.say(leg, "护照怎么办")
    await heard(leg, "<speech_failed>")


@pytest.mark.parametrize("when", ["in the call", "at the hang-up"])
async def test_a_bot_that_breaks_costs_no_word_and_brings_a_person(line: Line, when: str) -> None:
    """Lesson 25: bot failure leads to the human queue at once."""
    await line.rules(**{"max-wait": 1})
    leg = line.call()
    await heard(leg, "<greeting>")
    line.bot.broken = True
    assert line.transcriber is not None
    if when == "in the call":
        line.say(leg, "江畔花园停电了")
        await heard(leg, "<queue_invite>")
    else:
        line.transcriber.sessions[0].last_words = [Heard("final", "江畔花园停电了", 3, 5, 0.8)]
        leg.caller_hangs_up()
    await line.over()
    assert await citizen_words(line.database) == ["江畔花园停电了"]
    assert "江畔花园停电了" in (await the_return_call(line.database))[1].content


# without a model


async def turns() -> None:
    """What the flow does between the tone and listening needs a few turns of the loop and nothing from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("why", ["no model", "model is full"])
async def test_without_a_transcriber_a_message_is_taken(line: Line, why: str) -> None:
    line.set(silence_s=0.2)
    if why == "no model":
        line.transcriber = None
    else:
        assert line.transcriber is not None
        line.transcriber.full = True
    leg = line.call()
    await until(lambda: len(leg.played) == 2)
    assert said(leg)[0] == "<leave_message>"
    await turns()
    leg.speak(LOUD * 50)
    await line.over()
    assert said(leg)[-1] == "<message_saved>"
    task, ticket = await the_return_call(line.database)
    assert task.reason == "message_left"
    assert ticket.extra["transcript"] == "missing"
    call = await the_call(line.database)
    assert call.transcriber is None
    assert call.recording_path


async def test_a_message_counts_also_when_the_caller_just_hangs_up(line: Line) -> None:
    line.transcriber = None
    leg = line.call()
    await until(lambda: len(leg.played) == 2)
    await turns()
    leg.speak(LOUD * 50)
    leg.caller_hangs_up()
    await line.over()
    assert (await the_return_call(line.database))[0].reason == "message_left"


async def test_a_message_without_a_sound_is_none(line: Line) -> None:
    line.set(silence_s=0.1)
    line.transcriber = None
    leg = line.call()
    await line.over()
    assert said(leg)[-1] == "<message_empty>"
    async with line.database.transaction() as session:
        assert (await session.scalars(select(ReturnCall))).first() is None


async def test_callers_of_a_line_hear_its_greeting_and_else_the_citys(line: Line) -> None:
    async with line.database.transaction() as session:
        session.add(TheLine(number="12319", name="城管热线", greeting="您好，这里是城管热线"))
        session.add(TheLine(number="12345", name="政务热线"))
        await session.flush()
        session.add(LineAlias(number="96111", line="12319"))
    leg = line.call(called="96111")
    await heard(leg, "您好，这里是城管热线")
    await heard(leg, "<recorded>")
    leg.caller_hangs_up()
    other = line.call(called="12345")
    await heard(other, "<greeting>")
    other.caller_hangs_up()
    line.voice.fails = True  # without the voice: the city's greeting, which is kept as a file
    silent = line.call(called="12319")
    await heard(silent, "<greeting>")
    silent.caller_hangs_up()
    await line.over()


async def test_an_answer_begins_with_its_first_sentence_and_a_caller_who_speaks_stops_the_rest(line: Line) -> None:
    """Nobody waits until the end of a long answer is made; and what is made after the interruption is not played."""
    more = asyncio.Event()

    class Slow(ReadableVoice):
        async def pieces(self, text: str) -> AsyncIterator[bytes]:
            yield pcm_of("first")
            await more.wait()
            yield pcm_of("second")

    line.voice = Slow()
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    leg.finish_playback()
    line.say(leg, "护照怎么办")
    await heard(leg, "first")
    leg.speak(LOUD * 10)  # 200 ms of voice
    await until(lambda: leg.playbacks[-1].over)
    more.set()
    line.say(leg, "不是")
    await until(lambda: said(leg).count("first") == 2)
    await heard(leg, "second")  # of the second answer
    assert said(leg).count("second") == 1
    leg.caller_hangs_up()
    await line.over()


async def test_the_greeting_does_not_wait_until_the_call_is_written(line: Line) -> None:
    async with line.database.transaction() as other:
        await other.execute(text("LOCK TABLE conversation IN ACCESS EXCLUSIVE MODE"))  # whoever writes a call waits for this
        leg = line.call()
        await heard(leg, "<greeting>")
        line.say(leg, "护照怎么办")
        assert await other.scalar(select(func.count()).select_from(Call)) == 0
    await heard(leg, "答：护照怎么办")
    leg.caller_hangs_up()
    await line.over()
    assert await citizen_words(line.database) == ["护照怎么办"]


async def test_who_is_greeted_and_then_cannot_be_written_down_leaves_a_message(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_DATABASE_S", 0.2)
    async with line.database.transaction() as other:
        await other.execute(text("LOCK TABLE conversation IN ACCESS EXCLUSIVE MODE"))
        leg = line.call()
        await heard(leg, "<greeting>")
        await heard(leg, "<apology>")
        line.say(leg, "路灯不亮")
        leg.caller_hangs_up()
        await line.over()
    [kept] = PendingCalls(record.pending_folder(line.settings.data_dir), line.bot.core.vault).all()
    assert [each.text for each in kept.said] == ["路灯不亮"]
    assert kept.owed == "outage"
