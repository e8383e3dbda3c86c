"""Calls without a database, and calls that a crash, a stop or a fault of ours cut off: no word is lost, a person calls back."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from hotline.clock import ManualClock
from hotline.database import Database
from telephony.flow.parts import Parts
from telephony.flow.pending import PendingCall
from telephony.flow.recovery import Refusals, end_abandoned, pick_up
from tests.telephony.flow.conftest import Line, heard, said, until
from tests.telephony.flow.rows import citizen_words, the_call, the_return_call
from ticketing.callback.models import ReturnCall
from ticketing.conversation.calls import start_call
from ticketing.conversation.models import Author, Call, CallState, Conversation
from ticketing.conversation.service import add_message

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
    files = list((line.settings.data_dir / "recordings" / "pending").glob("*.call"))
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
