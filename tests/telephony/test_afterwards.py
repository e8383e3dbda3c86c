"""Recordings that are transcribed after the call: the real queue, sealed recordings, the real engine."""

from __future__ import annotations

import asyncio
import audioop
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import Conflict
from hotline.events import Event
from hotline.events import record as add_event
from hotline.sealed_file import SealedWriter
from telephony.afterwards import transcribe_waiting
from telephony.media.codec import interleave
from telephony.speech.in_process import InProcessTranscriber
from telephony.speech.models import SYNTHETIC
from telephony.speech.transcriber import TranscriptSession
from telephony.speech.vosk_engine import VoskEngine
from ticketing.context import Core
from ticketing.conversation.agent_spans import Happened, spans
from ticketing.conversation.calls import end_call, owe_return_call, start_call
from ticketing.conversation.models import Author, Call, Conversation, Message
from ticketing.conversation.recordings import PIECE_BYTES
from ticketing.conversation.transcriptions import JobKind, Segment, Transcription, ask_again, claim, enqueue_missing, finish, give_back
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Ticket

AUDIO = Path(__file__).parent / "speech" / "audio"
SECOND = bytes(16000)
SAID = "我要投诉翠湖小区旁边的工地半夜还在施工"


def speech(name: str) -> bytes:
    return audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2)


@pytest.fixture(scope="module")
def transcriber() -> InProcessTranscriber:
    return InProcessTranscriber(VoskEngine(SYNTHETIC, "synthetic"), max_sessions=4)


def record(core: Core, name: str, caller: bytes, us: bytes) -> str:
    length = max(len(caller), len(us))
    stereo = interleave(caller.ljust(length, b"\0"), us.ljust(length, b"\0"))
    path = core.data_dir / "recordings" / f"{name}.rec"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = SealedWriter(path, core.vault, PIECE_BYTES)
    for start in range(0, len(stereo), PIECE_BYTES):
        piece = stereo[start : start + PIECE_BYTES]
        if len(piece) == PIECE_BYTES:
            file.append(piece)
        else:
            file.finish(piece)
    file.close()
    return f"recordings/{name}.rec"


async def recorded_call(core: Core, database: Database, caller: bytes, us: bytes = b"", *, transcriber: str | None = None) -> UUID:
    """A call that ended, with a message on it; the return call that was promised is a ticket."""
    async with database.transaction() as session:
        _conversation, call = await start_call(
            core, session, sip_call_id="x", caller="13912345678", called="12345", codec="PCMA", worker="w", transcriber=transcriber
        )
        if transcriber is None:
            await owe_return_call(core, session, call.id, reason="message_left")
        path = record(core, str(call.id), caller, us)
        await end_call(core, session, call.id, reason="message_left", recording_path=path, recording_seconds=len(caller) / 16000)
    return call.id


async def enqueue(core: Core, database: Database) -> int:
    async with database.transaction() as session:
        return await enqueue_missing(core, session)


async def job_row(database: Database) -> Transcription:
    async with database.transaction() as session:
        return (await session.scalars(select(Transcription))).one()


async def said(database: Database) -> list[tuple[str, str, float]]:
    async with database.transaction() as session:
        found = await session.scalars(select(Message).where(Message.data["afterwards"].is_not(None)).order_by(Message.id))
        return [(message.author, message.text, message.data["start_s"]) for message in found if "afterwards" in message.data]


async def test_a_message_that_nobody_heard_is_transcribed_and_its_ticket_told(
    core: Core, database: Database, transcriber: InProcessTranscriber
) -> None:
    music = speech("guide")
    call_id = await recorded_call(core, database, SECOND + speech("complaint") + SECOND, music)
    assert await enqueue(core, database) == 1
    assert await enqueue(core, database) == 0, "once"
    assert await transcribe_waiting(core, database, transcriber.open, "synthetic", kinds=[JobKind.MISSING]) == 1
    found = await said(database)
    assert [(author, text) for author, text, _start in found] == [(Author.CITIZEN.value, SAID)], "and nothing of what we played"
    assert found[0][2] == pytest.approx(1.2, abs=0.3)
    async with database.transaction() as session:
        call = await session.get_one(Call, call_id)
        ticket = (await session.scalars(select(Ticket))).one()
        event = (await session.scalars(select(Event).where(Event.name == "transcript.added"))).one()
    assert (call.transcriber, ticket.extra["transcript"], event.data["text"]) == ("synthetic", "afterwards", SAID)
    assert (await job_row(database)).state == "done"
    assert await enqueue(core, database) == 0


async def test_calls_that_were_heard_live_are_left_alone_until_somebody_asks(
    core: Core, database: Database, transcriber: InProcessTranscriber
) -> None:
    call_id = await recorded_call(core, database, SECOND + speech("complaint") + SECOND, transcriber="small")
    assert await enqueue(core, database) == 0
    async with database.transaction() as session:
        await happened(core, session, call_id, (2, "call.taken", {}))
        assert await ask_again(core, session, [call_id]) == 1
    record_over = core.data_dir / "recordings" / f"{call_id}.rec"
    record_over.unlink()
    record(core, str(call_id), SECOND + speech("complaint") + SECOND, speech("phone")[:32000] + speech("guide") + SECOND)
    assert await transcribe_waiting(core, database, transcriber.open, "large", kinds=[JobKind.BETTER]) == 1
    by_whom = {(author, text) for author, text, _start in await said(database)}
    assert (Author.CITIZEN.value, SAID) in by_whom
    assert (Author.AGENT.value, "护照丢了怎么补办") in by_whom
    assert len(by_whom) == 2, "what was in our channel before the agent came is not transcribed"
    async with database.transaction() as session:
        assert (await session.get_one(Call, call_id)).transcriber == "small"
        assert await ask_again(core, session, [call_id]) == 1, "again, by yet another model"


async def happened(core: Core, session: AsyncSession, call_id: UUID, *events: tuple[float, str, dict[str, str]]) -> None:
    """What the bridge wrote into the ledger, so many seconds after the answer."""
    call = await session.get_one(Call, call_id)
    assert call.answered_at is not None
    for second, name, data in events:
        at = call.answered_at + timedelta(seconds=second)
        await add_event(session, at=at, name=name, subject="call", subject_id=call_id, who=SYSTEM.who, data=data)


async def test_music_on_hold_is_left_out_and_what_follows_it_is_not(
    core: Core, database: Database, transcriber: InProcessTranscriber
) -> None:
    guide, complaint = speech("guide"), speech("complaint")  # what was played on hold could be words as well
    held_s = len(guide) / 16000
    us = guide + SECOND + complaint + SECOND + guide + SECOND
    back_s = held_s + 1 + len(complaint) / 16000
    call_id = await recorded_call(core, database, bytes(len(us)), us, transcriber="small")
    async with database.transaction() as session:
        await happened(
            core, session, call_id, (0, "call.taken", {}), (held_s + 0.7, "call.standing", {"mode": "held"}),
            (back_s + 0.5, "call.standing", {"mode": "talking"}), (back_s + 60, "call.ended", {}),
        )  # fmt: skip
        assert await ask_again(core, session, [call_id]) == 1
    assert await transcribe_waiting(core, database, transcriber.open, "large", kinds=[JobKind.BETTER]) == 1
    found = await said(database)
    assert [(author, text) for author, text, _start in found] == [(Author.AGENT.value, "护照丢了怎么补办")] * 2
    assert found[1][2] > back_s, "the second one lies where it was said"


def test_where_an_agent_is_heard() -> None:
    def of(*events: tuple[float, str, str]) -> list[tuple[float, float | None]]:
        return [(span.from_s, span.until_s) for span in spans(Happened(*event) for event in events)]

    taken = (5.0, "call.taken", "")
    assert of() == []
    assert of(taken) == [(5, None)]
    held = [(7.0, "call.standing", "held"), (9.0, "call.standing", "talking")]
    assert of(taken, *held) == [(5, 7), (9, None)]
    consult = [(7.0, "call.standing", "dialling"), (8.0, "call.standing", "consulting"), (9.0, "call.standing", "conference")]
    assert of(taken, *consult) == [(5, 7), (9, None)]
    assert of(taken, *consult[:2], (9.5, "call.transferred", ""), (9.6, "call.standing", "transferred")) == [(5, 7), (9.5, None)]
    blind = (7.0, "call.standing", "transferred")
    assert of(taken, blind, (9.0, "call.transferred", "")) == [(5, 7), (9, None)], "the ringing tone is left out"
    assert of(taken, blind, (9.0, "call.agent_lost", ""), (20.0, "call.taken", "")) == [(5, 7), (20, None)]


async def test_two_workers_never_take_the_same_recording(core: Core, database: Database) -> None:
    for _ in range(3):
        await recorded_call(core, database, SECOND * 2)
    await enqueue(core, database)
    async with database.transaction() as one, database.transaction() as two:
        first, second = await claim(core, one), await claim(core, two)
        assert first is not None
        assert second is not None
        assert first.call_id != second.call_id
        third = await claim(core, one)
        assert third is not None
        assert await claim(core, two) is None


async def test_a_dead_workers_recording_goes_to_another_and_its_late_answer_is_thrown_away(
    core: Core, database: Database, clock: ManualClock
) -> None:
    await recorded_call(core, database, SECOND * 2)
    await enqueue(core, database)
    async with database.transaction() as session:
        dead = await claim(core, session)
    async with database.transaction() as session:
        assert await claim(core, session) is None
    clock.advance(minutes=6)
    async with database.transaction() as session:
        alive = await claim(core, session)
    assert dead is not None
    assert alive is not None
    assert (alive.id, alive.attempt) == (dead.id, 2)
    with pytest.raises(Conflict):
        async with database.transaction() as session:
            await finish(core, session, dead, [Segment("citizen", "太晚了", 0, 1)], "x")
    async with database.transaction() as session:
        await finish(core, session, alive, [Segment("citizen", "来了", 0, 1)], "x")
    assert [text for _author, text, _start in await said(database)] == ["来了"]


async def test_a_recording_that_cannot_be_read_is_tried_five_times(
    core: Core, database: Database, transcriber: InProcessTranscriber, clock: ManualClock
) -> None:
    call_id = await recorded_call(core, database, SECOND * 2)
    (core.data_dir / "recordings" / f"{call_id}.rec").unlink()
    await enqueue(core, database)
    for attempt in range(1, 6):
        assert await transcribe_waiting(core, database, transcriber.open, "synthetic", kinds=[JobKind.MISSING]) == 0
        row = await job_row(database)
        assert (row.attempts, row.last_error) == (attempt, "NotFound")
        clock.advance(hours=1)
    assert row.state == "failed"
    assert await transcribe_waiting(core, database, transcriber.open, "synthetic", kinds=[JobKind.MISSING]) == 0
    assert (await job_row(database)).attempts == 5


async def test_what_was_erased_meanwhile_stays_erased(core: Core, database: Database) -> None:
    await recorded_call(core, database, SECOND * 2)
    await enqueue(core, database)
    async with database.transaction() as session:
        job = await claim(core, session)
        assert job is not None
        (await session.scalars(select(Conversation))).one().erased_at = core.clock.now()
    async with database.transaction() as session:
        await finish(core, session, job, [Segment("citizen", "不该再出现", 0, 1)], "x")
    assert await said(database) == []


async def test_callers_come_first(core: Core, database: Database, transcriber: InProcessTranscriber) -> None:
    await recorded_call(core, database, SECOND + speech("guide") + SECOND)
    await enqueue(core, database)
    busy, opened = asyncio.Event(), asyncio.Event()

    def open_session(rate_hz: int) -> TranscriptSession:
        opened.set()
        busy.set()
        return transcriber.open(rate_hz)

    working = asyncio.create_task(
        transcribe_waiting(core, database, open_session, "synthetic", kinds=[JobKind.MISSING], give_way=busy.is_set)
    )
    await opened.wait()
    done, _pending = await asyncio.wait([working], timeout=0.3)
    assert not done, "it waits while callers need the recognisers"
    busy.clear()
    assert await working == 1


async def test_given_back_work_waits_longer_each_time(core: Core, database: Database, clock: ManualClock) -> None:
    await recorded_call(core, database, SECOND * 2)
    await enqueue(core, database)
    for minutes in (1, 2, 4):
        async with database.transaction() as session:
            job = await claim(core, session)
            assert job is not None
            await give_back(core, session, job, "Unavailable")
        clock.advance(minutes=minutes - 0.5)
        async with database.transaction() as session:
            assert await claim(core, session) is None
        clock.advance(minutes=0.6)
