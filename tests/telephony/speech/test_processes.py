"""Recognisers in worker processes: the real worker, the real engine, processes that die and hang."""

from __future__ import annotations

import asyncio
import audioop
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hotline.errors import Unavailable
from telephony.speech import child
from telephony.speech.engine import ModelError
from telephony.speech.models import SYNTHETIC
from telephony.speech.processes import ProcessSession, ProcessTranscriber
from telephony.speech.transcriber import Heard

AUDIO = Path(__file__).parent / "audio"
SECOND = bytes(16000)
SAID = "我要投诉翠湖小区旁边的工地半夜还在施工"


def speech(name: str) -> bytes:
    return audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2)


@pytest.fixture
async def transcriber() -> AsyncIterator[ProcessTranscriber]:
    made = ProcessTranscriber(SYNTHETIC, "synthetic", max_sessions=3)
    await made.start()
    yield made
    await made.close()
    for pid in made.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def feed(session: ProcessSession, pcm16: bytes, step: int = 1600) -> list[Heard]:
    heard: list[Heard] = []
    for start in range(0, len(pcm16), step):
        heard += await session.accept(pcm16[start : start + step])
    return heard


def finals(heard: list[Heard]) -> list[str]:
    return [one.text for one in heard if one.kind == "final"]


async def test_names_of_the_city_are_written_while_they_are_said_and_at_the_end() -> None:
    """The same sounds in other characters: what the model writes by itself is another name than the city's."""
    transcriber = ProcessTranscriber(SYNTHETIC, "synthetic", words=["崔护小区", "工滴"])
    await transcriber.start()
    session = transcriber.open(8000)
    heard = await feed(session, SECOND + speech("complaint") + SECOND) + await session.finish()
    session.close()
    await transcriber.close()
    assert "".join(finals(heard)) == SAID.replace("翠湖小区", "崔护小区")
    assert any(one.kind == "partial" and "崔护小区" in one.text for one in heard)


async def test_streams_are_heard_in_another_process_side_by_side(transcriber: ProcessTranscriber) -> None:
    assert transcriber.pids != [os.getpid()]

    async def one(name: str) -> str:
        session = transcriber.open(8000)
        heard = await feed(session, SECOND + speech(name) + SECOND, 801) + await session.finish()
        session.close()
        return "".join(finals(heard))

    texts = await asyncio.gather(*(one(name) for name in ("complaint", "guide", "phone")))
    assert texts == [SAID, "护照丢了怎么补办", "我的电话是幺三八零零幺三八零零零"]
    assert transcriber.sessions == 0


async def test_a_partial_is_there_within_half_a_second_of_the_word(transcriber: ProcessTranscriber) -> None:
    """In real time: the sound comes as from a line, and the first words are known 500 ms after they were said."""
    session = transcriber.open(8000)
    lead, sound = SECOND[:8000], speech("complaint")
    began = time.monotonic()
    pcm, waits = lead + sound + SECOND, []
    for number, start in enumerate(range(0, len(pcm), 1600)):
        await asyncio.sleep(max(0.0, began + (number + 1) * 0.1 - time.monotonic()))
        sent = time.monotonic()
        heard = await session.accept(pcm[start : start + 1600])
        waits += [time.monotonic() - sent] * bool(heard)
        if finals(heard):
            break
    assert len(waits) > 5
    assert sorted(waits)[len(waits) // 2] < 0.4, "with the 100 ms that are collected before: 500"
    session.close()


async def test_a_worker_that_is_killed_costs_no_word(transcriber: ProcessTranscriber) -> None:
    session = transcriber.open(8000)
    other = transcriber.open(8000)
    heard = await feed(session, SECOND + speech("guide") + SECOND + SECOND)
    middle = len(speech("complaint")) // 3200 * 1600
    heard += await feed(session, speech("complaint")[:middle])
    await feed(other, SECOND)
    os.kill(transcriber.pids[0], signal.SIGKILL)
    heard += await feed(session, speech("complaint")[middle:] + SECOND)
    heard += await session.finish()
    assert finals(heard) == ["护照丢了怎么补办", SAID]
    starts = [one.start_s for one in heard if one.kind == "final"]
    assert starts[1] == pytest.approx(3 + len(speech("guide")) / 16000, abs=0.5), "one time line, whoever heard it"
    assert finals(await feed(other, speech("guide") + SECOND) + await other.finish()) == ["护照丢了怎么补办"]
    assert transcriber.restarts == 1
    session.close()
    other.close()


async def test_a_worker_that_hangs_is_replaced(transcriber: ProcessTranscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    session = transcriber.open(8000)
    await feed(session, SECOND)
    os.kill(transcriber.pids[0], signal.SIGSTOP)
    monkeypatch.setattr(child, "_ANSWER_S", 0.2)
    waiting = asyncio.ensure_future(session.accept(speech("guide") + SECOND))
    async with asyncio.timeout(20):
        while transcriber.restarts == 0:
            await asyncio.sleep(0.01)
    monkeypatch.setattr(child, "_ANSWER_S", 20.0)
    heard = await waiting
    assert finals(heard + await session.finish()) == ["护照丢了怎么补办"]
    session.close()


async def test_a_model_that_kills_its_workers_is_given_up(transcriber: ProcessTranscriber) -> None:
    session = transcriber.open(8000)

    async def hear_and_kill() -> None:
        for _ in range(20):
            await session.accept(SECOND)
            os.kill(transcriber.pids[0], signal.SIGKILL)

    with pytest.raises(Unavailable):
        await hear_and_kill()
    assert transcriber.restarts == 5
    session.close()


async def test_no_more_streams_than_allowed(transcriber: ProcessTranscriber) -> None:
    sessions = [transcriber.open(8000) for _ in range(3)]
    with pytest.raises(Unavailable):
        transcriber.open(8000)
    for session in sessions:
        session.close()
        session.close()
    assert transcriber.sessions == 0
    with pytest.raises(ValueError, match="finished"):
        await sessions[0].accept(SECOND)


async def test_several_workers_share_the_streams() -> None:
    transcriber = ProcessTranscriber(SYNTHETIC, "synthetic", workers=2)
    await transcriber.start()
    sessions = [transcriber.open(8000) for _ in range(4)]
    for session in sessions:
        await session.accept(SECOND)
    assert sorted(child.streams for child in transcriber._children) == [2, 2]
    for session in sessions:
        session.close()
    assert [child.streams for child in transcriber._children] == [0, 0]
    await transcriber.close()


async def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"rubbish")
    transcriber = ProcessTranscriber(tmp_path, "broken")
    with pytest.raises(ModelError, match="cannot load"):
        await transcriber.start()
    await transcriber.close()
