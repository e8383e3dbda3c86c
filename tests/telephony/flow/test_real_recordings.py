"""Recordings of real people through a real call: RTP, jitter buffer, recogniser, transcript, sealed recording.

Always with the synthetic model: it understands no real voice, so it says nothing of accuracy (the error rate is printed, see -s), but a
call that loses, tears or mixes up sound fails here, and so does one whose transcript is not stored; a synthetic voice among them must be
understood. Where an operator has a real Mandarin model:

    HOTLINE_TEST_MODEL=/path/to/vosk-model-small-cn-0.22 [HOTLINE_TEST_RECORDINGS=/folder] [HOTLINE_TEST_MAX_CER=30] \
        .venv/bin/python -m pytest -s tests/telephony/flow/test_real_recordings.py

The folder holds A.wav (16 bit, 8 kHz or more) with its words in A.txt beside it; without it our own two recordings are taken.
"""

from __future__ import annotations

import asyncio
import audioop
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from hotline.database import Database
from hotline.settings import Settings
from telephony.client import Caller, read_wav
from telephony.leg import FRAME_MS, RATE_HZ
from telephony.speech.engine import load_engine
from telephony.speech.measure import Sample, distance, measure, plain, summary
from telephony.speech.models import load
from tests.telephony.flow.test_real_call import Hotline, citizen_said
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.conversation.recordings import open_recording, wav_header

pytestmark = [pytest.mark.slow, pytest.mark.alone]

AUDIO = Path(__file__).parents[1] / "speech" / "audio"
PEOPLE = {"aishell": "广州市房地产中介协会分析", "ownfeet": "砸自己的脚"}
MACHINES = {"complaint": "我要投诉翠湖小区旁边的工地半夜还在施工"}
"""What the synthetic model was made for."""
REAL, FOLDER = os.environ.get("HOTLINE_TEST_MODEL", ""), os.environ.get("HOTLINE_TEST_RECORDINGS", "")
MAX_CER = float(os.environ.get("HOTLINE_TEST_MAX_CER", "30")) / 100
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2


def ours(texts: dict[str, str]) -> list[Sample]:
    """Sound as the telephone has it, A-law included, and what is said."""
    return [Sample(name, audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2), text) for name, text in texts.items()]


def operators(folder: str) -> list[Sample]:
    """The recordings of an operator, with their words."""
    paths = sorted(Path(folder).glob("*.wav"))
    assert paths, f"HOTLINE_TEST_RECORDINGS={folder} holds no .wav"
    return [Sample(path.stem, read_wav(path), path.with_suffix(".txt").read_text(encoding="utf-8")) for path in paths]


@asynccontextmanager
async def hotline(settings: Settings, core: Core, database: Database, model: str) -> AsyncIterator[Hotline]:
    """The telephony process with this model, without agents."""
    settings = settings.model_copy(update={"speech_model": model, "min_free_disk_mb": 0})
    transcriber = load(settings)
    assert transcriber is not None
    made = Hotline(settings, core, database, transcriber)
    await made.phone.start()
    try:
        yield made
    finally:
        await made.phone.stop()
        await made.voice.close()


def loudness(pcm16: bytes) -> list[int]:
    return [audioop.rms(pcm16[at : at + FRAME_BYTES], 2) for at in range(0, len(pcm16) - FRAME_BYTES + 1, FRAME_BYTES)]


def likeness(sent: bytes, kept: bytes) -> float:
    """How alike the loudness of what was sent and the best fitting part of what was kept runs, 20 ms by 20 ms: 1 is the same."""
    wanted, found = loudness(sent), loudness(kept)
    power = sum(one * one for one in wanted)
    best = 0.0
    for start in range(max(1, len(found) - len(wanted) + 1)):
        part = found[start : start + len(wanted)]
        product, other = sum(a * b for a, b in zip(wanted, part, strict=False)), sum(one * one for one in part)
        best = max(best, product / (power * other) ** 0.5 if other else 0.0)
    return best


async def one_call(settings: Settings, core: Core, database: Database, process: Hotline, sample: Sample) -> tuple[Call, str, bytes]:
    """Call, say it, hang up: the call's row, its transcript and the caller's side of its recording."""
    async with database.transaction() as session:
        before, said_before = list(await session.scalars(select(Call.id))), len(await citizen_said(database))
    async with Caller(process.address, codec="PCMA") as caller:
        await caller.hear()
        await caller.say(sample.pcm16)
        async with asyncio.timeout(15):
            while len(await citizen_said(database)) == said_before:
                await asyncio.sleep(0.1)
    await process.all_over()
    async with database.transaction() as session:
        call = (await session.scalars(select(Call).where(Call.id.not_in(before)))).one()
    assert call.recording_path is not None
    recorded = open_recording(settings.data_dir, call.recording_path, core.vault)
    left = audioop.tomono(recorded.read(len(wav_header(0)), recorded.length), 2, 1, 0)
    return call, "".join((await citizen_said(database))[said_before:]), left


async def through_calls(process: Hotline, settings: Settings, core: Core, database: Database, samples: list[Sample]) -> float:
    """The character error rate; printed, with what was heard. The sound of each call and its transcript must be there."""
    errors = characters = 0
    for sample in samples:
        call, said, kept = await one_call(settings, core, database, process, sample)
        wanted, heard = plain(sample.text or ""), plain(said)
        errors, characters = errors + distance(wanted, heard), characters + len(wanted)
        sys.stdout.write(f"{sample.name}: {wanted} | through the call: {heard}\n")
        assert (call.end_reason, call.data["media"]["lost"]) == ("caller_hung_up", 0)
        assert likeness(sample.pcm16, kept) > 0.9, "the recording is not the sound that was sent"  # other speech: below 0.87
        assert heard, "no transcript was stored"
    sys.stdout.write(f"character error rate {100 * errors / characters:.1f} % of {characters} characters through {len(samples)} calls\n")
    return errors / characters


async def test_recordings_of_people_come_through_a_call_with_the_synthetic_model(
    settings: Settings, core: Core, database: Database
) -> None:
    async with hotline(settings, core, database, "synthetic") as process:
        assert await through_calls(process, settings, core, database, ours(MACHINES)) <= 0.1, "what it was made for"
        await through_calls(process, settings, core, database, ours(PEOPLE))


@pytest.mark.skipif(not REAL, reason="HOTLINE_TEST_MODEL names no folder of a real Mandarin model: accuracy cannot be tested")
async def test_people_are_understood_through_a_call_by_the_operators_model(settings: Settings, core: Core, database: Database) -> None:
    """Beside the limit: the way through the call may cost a tenth of the characters that the model hears in the files themselves."""
    samples = operators(FOLDER) if FOLDER else ours(PEOPLE)
    of_files = summary(measure(load_engine(Path(REAL), REAL), samples)).character_error_rate
    async with hotline(settings, core, database, REAL) as process:
        through = await through_calls(process, settings, core, database, samples)
    assert of_files is not None
    sys.stdout.write(f"of the files themselves {100 * of_files:.1f} %\n")
    assert through <= min(MAX_CER, of_files + 0.1)
