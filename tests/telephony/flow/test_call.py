"""What a call does, seen from the caller and from the database."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from chatbot.reply import TicketRef
from hotline.clock import ManualClock
from hotline.database import Database
from telephony.flow.parts import Parts
from telephony.flow.pending import PendingCall
from telephony.flow.recovery import Refusals, end_abandoned, pick_up
from telephony.speech.transcriber import Heard
from tests.telephony.flow.conftest import LOUD, Line, a_turn, heard, said, until
from ticketing.callback.models import ReturnCall
from ticketing.conversation.calls import start_call
from ticketing.conversation.models import Author, Call, CallState, Conversation, Message, Owner
from ticketing.conversation.service import add_message
from ticketing.people.models import Line as TheLine
from ticketing.people.models import LineAlias
from ticketing.ticket.models import Ticket


async def the_call(database: Database) -> Call:
    async with database.transaction() as session:
        return (await session.scalars(select(Call))).one()


async def citizen_words(database: Database) -> Sequence[str]:
    async with database.transaction() as session:
        return (await session.scalars(select(Message.text).where(Message.author == Author.CITIZEN.value).order_by(Message.id))).all()


async def the_return_call(database: Database) -> tuple[ReturnCall, Ticket]:
    async with database.transaction() as session:
        task = (await session.scalars(select(ReturnCall))).one()
        return task, await session.get_one(Ticket, task.ticket_id)


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


async def test_silence_is_asked_about_twice_and_then_ends_the_call(line: Line) -> None:
    line.set(silence_s=0.03)
    leg = line.call()
    await line.over()
    heard_in_turn = ["<greeting>", "可以直接说出", "还是没有听到您的声音", "<silent_goodbye>"]
    assert [part in told for part, told in zip(heard_in_turn, said(leg), strict=True)] == [True] * 4
    assert (await the_call(line.database)).end_reason == "silence"


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
    await asyncio.sleep(0.01)
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
    await asyncio.sleep(0.01)
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


# without a database


@pytest.fixture
def nowhere() -> Database:
    return Database("postgresql://nobody@127.0.0.1:1/nothing")


async def test_without_a_database_the_apology_is_heard_and_the_call_is_picked_up_later(line: Line, nowhere: Database) -> None:
    line.set(silence_s=0.3)
    line.broken = nowhere
    leg = line.call(caller="13912345678")
    await until(lambda: len(leg.played) == 2)
    assert said(leg)[0] == "<apology>"
    line.say(leg, "学院路路灯不亮")
    await line.over()
    files = list((line.settings.data_dir / "recordings" / "pending").iterdir())
    assert len(files) == 1
    raw = files[0].read_bytes()
    assert b"13912345678" not in raw
    assert "学院路".encode() not in raw
    assert await pick_up(line.core, line.database) == 1
    assert await pick_up(line.core, line.database) == 0
    task, ticket = await the_return_call(line.database)
    assert task.reason == "message_left"
    assert "学院路路灯不亮" in ticket.content
    call = await the_call(line.database)
    assert call.id == leg.id
    assert call.recording_path is not None
    assert (line.settings.data_dir / call.recording_path).is_file()
    async with line.database.transaction() as session:
        assert (await session.get_one(Conversation, call.conversation_id)).citizen_id is not None


async def test_a_database_that_comes_back_in_a_moment_is_waited_for(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.flow.conversation._RETRY_S", 0.01)
    line.bot.failures = 2
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")
    assert "<one_moment>" in said(leg)
    leg.caller_hangs_up()
    await line.over()
    assert await citizen_words(line.database) == ["护照怎么办"]


async def test_a_database_lost_in_the_call_loses_no_word(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.flow.conversation._RETRY_S", 0.01)
    line.set(silence_s=0.3)
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "我要投诉")
    await heard(leg, "答：我要投诉")
    line.bot.failures = 1000
    line.say(leg, "江畔花园电梯坏了")
    await heard(leg, "<apology>")
    line.say(leg, "我姓王")
    await line.over()
    assert await pick_up(line.core, line.database, live=frozenset({str(leg.id)})) == 0
    assert await pick_up(line.core, line.database) == 1
    assert await citizen_words(line.database) == ["我要投诉", "江畔花园电梯坏了", "我姓王"]
    assert (await the_return_call(line.database))[0].reason == "message_left"
    assert (await the_call(line.database)).state == CallState.ENDED.value


async def test_no_text_keeps_a_call_out_of_its_file(line: Line, nowhere: Database) -> None:
    """The last net under a call must hold whatever the network or a model wrote."""
    line.set(silence_s=0.3)
    line.broken = nowhere
    leg = line.call()
    leg.sip_call_id, leg.called = "id-\udcff", "12\x00345"
    await until(lambda: len(leg.played) == 2)
    line.say(leg, "路灯\ud800不亮")
    await line.over()
    assert await pick_up(line.core, line.database) == 1
    assert "路灯?不亮" in await citizen_words(line.database)
    assert (await the_call(line.database)).sip_call_id == "id-?"


async def test_a_waiting_call_that_is_refused_is_tried_more_and_more_seldom(
    line: Line, clock: ManualClock, nowhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.set(silence_s=0.05)
    line.broken = nowhere
    line.call()
    await line.over()
    refusals, tried = Refusals(), 0

    async def refuse(*_arguments: object, **_named: object) -> None:
        nonlocal tried
        tried += 1
        raise RuntimeError("no such thing can be stored")

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr("telephony.flow.recovery.end_call", refuse)
        moments = []
        for second in range(0, 2000, 5):
            before = tried
            assert await pick_up(line.core, line.database, refusals=refusals) == 0
            moments += [second] if tried > before else []
            clock.advance(seconds=5)
        assert moments == [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835]
        assert len(refusals) == 1
    assert [line["exc_info"] for line in lines if line["event"] == "pending_call_refused"] == [True] + [False] * 9
    clock.advance(seconds=600)
    assert await pick_up(line.core, line.database, refusals=refusals) == 1
    assert len(refusals) == 0


async def test_a_pending_file_that_is_damaged_is_kept_and_the_others_are_written(line: Line, nowhere: Database) -> None:
    line.set(silence_s=0.05)
    line.broken = nowhere
    line.call()
    await line.over()
    bad = line.settings.data_dir / "recordings" / "pending" / "broken.call"
    bad.write_bytes(b"no such thing")
    assert await pick_up(line.core, line.database) == 1
    assert bad.exists()


# after a crash


async def crashed_call(parts: Parts, *, said: str | None) -> Call:
    async with parts.database.transaction() as session:
        conversation, call = await start_call(
            parts.core, session, sip_call_id="x", caller="13912345678", called="12345", codec="PCMA", worker=parts.worker, transcriber="m"
        )
        if said:
            await add_message(parts.core, session, conversation, Author.CITIZEN, said)
    return call


def a_recording(data_dir: Path, call: Call) -> None:
    path = data_dir / "recordings" / "2026" / "11" / "18" / f"{call.id}.rec"
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000 * 4))


async def test_calls_of_a_dead_process_are_ended_with_what_was_said(line: Line) -> None:
    call = await crashed_call(line.parts, said="小区停水了")
    a_recording(line.settings.data_dir, call)
    assert await end_abandoned(line.core, line.database, "telephony-other") == 0
    assert await end_abandoned(line.core, line.database, "telephony-test") == 1
    assert await end_abandoned(line.core, line.database, "telephony-test") == 0
    task, ticket = await the_return_call(line.database)
    assert (task.reason, "小区停水了" in ticket.content) == ("process_died", True)
    ended = await the_call(line.database)
    assert (ended.end_reason, ended.recording_seconds) == ("process_died", 1.0)


async def test_a_dead_call_in_which_nothing_was_said_is_only_ended(line: Line) -> None:
    await crashed_call(line.parts, said=None)
    await end_abandoned(line.core, line.database, "telephony-test")
    async with line.database.transaction() as session:
        assert (await session.scalars(select(ReturnCall))).first() is None
    assert (await the_call(line.database)).state == CallState.ENDED.value


async def test_a_process_that_is_stopped_writes_its_calls_down(line: Line) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")
    line.tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await line.tasks[0]
    line.tasks.clear()
    assert (await the_call(line.database)).end_reason == "shutdown"
    assert (await the_return_call(line.database))[0].reason == "process_died"


async def test_a_fault_of_ours_owes_a_return_call_to_who_had_spoken(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")

    async def broken(self: object, digit: str) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("telephony.flow.conversation.Talk._key", broken)
    leg.press_keys("1")
    await line.over()
    assert (await the_call(line.database)).end_reason == "error"
    assert (await the_return_call(line.database))[0].reason == "process_died"


async def test_a_pending_call_that_cannot_be_written_does_not_keep_the_others_waiting(
    line: Line, nowhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.set(silence_s=0.05)
    line.broken = nowhere
    first, second = line.call(), line.call()
    await line.over()
    import telephony.flow.recovery as recovery

    write = recovery._write

    async def picky(core: object, session: object, late: PendingCall) -> None:
        if late.call_id == first.id:
            raise RuntimeError("a row that cannot be written")
        await write(core, session, late)  # type: ignore[arg-type]

    monkeypatch.setattr(recovery, "_write", picky)
    assert await pick_up(line.core, line.database) == 1
    assert (await the_call(line.database)).id == second.id
    monkeypatch.undo()
    assert await pick_up(line.core, line.database) == 1


async def test_a_full_disk_ends_no_call(line: Line) -> None:
    line.set(min_free_disk_mb=10**9)
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.caller_hangs_up()
    await line.over()
    assert (await the_call(line.database)).recording_path is None


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
