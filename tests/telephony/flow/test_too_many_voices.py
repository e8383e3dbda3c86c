"""More callers than can be transcribed live: the message is recorded, and heard after the call."""

from __future__ import annotations

import audioop
from pathlib import Path

from sqlalchemy import select

from hotline.events import Event
from telephony.afterwards import transcribe_waiting
from telephony.speech.in_process import InProcessTranscriber
from telephony.speech.models import SYNTHETIC
from telephony.speech.vosk_engine import VoskEngine
from tests.telephony.flow.conftest import Line, until
from tests.telephony.flow.rows import the_call, the_return_call
from tests.telephony.flow.test_call import turns
from ticketing.conversation.models import Author, Message
from ticketing.conversation.transcriptions import JobKind, enqueue_missing

AUDIO = Path(__file__).parents[1] / "speech" / "audio"
SECOND = bytes(16000)


async def test_who_could_not_be_heard_live_is_heard_afterwards(line: Line) -> None:
    line.set(silence_s=0.2)
    assert line.transcriber is not None
    line.transcriber.full = True
    leg = line.call()
    await until(lambda: len(leg.played) == 2)
    await turns()
    leg.speak(SECOND + audioop.alaw2lin((AUDIO / "complaint.alaw").read_bytes(), 2) + SECOND)
    await line.over()
    _task, ticket = await the_return_call(line.database)
    assert ticket.extra["transcript"] == "missing"
    async with line.database.transaction() as session:
        assert await enqueue_missing(line.core, session) == 1
    ears = InProcessTranscriber(VoskEngine(SYNTHETIC, "synthetic"))
    assert await transcribe_waiting(line.core, line.database, ears.open, ears.name, kinds=[JobKind.MISSING]) == 1
    ears.close()
    async with line.database.transaction() as session:
        said = list(await session.scalars(select(Message.text).where(Message.author == Author.CITIZEN.value)))
        told = (await session.scalars(select(Event).where(Event.name == "transcript.added"))).one()
    assert said == ["我要投诉翠湖小区旁边的工地半夜还在施工"]
    assert (told.subject_id, told.data["text"]) == (str(ticket.id), said[0])
    assert (await the_call(line.database)).transcriber == "synthetic"
