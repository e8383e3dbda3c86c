"""Vosk with the committed synthetic model, on committed speech: no espeak, no network."""

from __future__ import annotations

import asyncio
import audioop
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotline.errors import Unavailable
from telephony.speech.models import SYNTHETIC
from telephony.speech.transcriber import Heard, tidy, transcribe_pcm
from telephony.speech.vosk_engine import ModelError, VoskTranscriber

AUDIO = Path(__file__).parent / "audio"
SECOND = bytes(16000)


def speech(name: str) -> bytes:
    return audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2)


@pytest.fixture(scope="module")
def transcriber() -> Iterator[VoskTranscriber]:
    made = VoskTranscriber(SYNTHETIC, "synthetic", max_sessions=3, threads=2)
    yield made
    made.close()


async def stream(transcriber: VoskTranscriber, pcm16: bytes, step: int = 320) -> list[Heard]:
    session = transcriber.open(8000)
    heard: list[Heard] = []
    for start in range(0, len(pcm16), step):
        heard += await session.accept(pcm16[start : start + step])
    heard += await session.finish()
    session.close()
    return heard


async def test_words_come_as_partials_and_then_as_a_final_with_times(transcriber: VoskTranscriber) -> None:
    heard = await stream(transcriber, SECOND + speech("complaint") + SECOND)
    final = heard[-1]
    assert [h.text for h in heard if h.kind == "final"] == ["我要投诉翠湖小区旁边的工地半夜还在施工"]
    partials = [h.text for h in heard if h.kind == "partial"]
    assert partials[0].startswith("我")
    assert len(partials) == len(set(partials))
    assert 0.8 < final.start_s < 1.4
    assert final.start_s < final.end_s < 1 + len(speech("complaint")) / 16000 + 0.3
    assert final.confidence is not None
    assert 0 < final.confidence <= 1


async def test_two_sentences_are_two_finals_on_one_time_line(transcriber: VoskTranscriber) -> None:
    pcm = SECOND + speech("guide") + SECOND + SECOND + speech("phone") + SECOND
    finals = [h for h in await stream(transcriber, pcm, 1600) if h.kind == "final"]
    assert finals[0].text == "护照丢了怎么补办"
    assert "".join(h.text for h in finals[1:]) == "我的电话是幺三八零零幺三八零零零"
    assert finals[0].end_s + 1.5 < finals[1].start_s


async def test_pieces_of_any_length_give_the_same_text(transcriber: VoskTranscriber) -> None:
    pcm = SECOND + speech("guide") + SECOND
    texts = {"".join(h.text for h in await stream(transcriber, pcm, step) if h.kind == "final") for step in (37, 321, 1600, len(pcm))}
    assert texts == {"护照丢了怎么补办"}


@pytest.mark.parametrize("pcm16", [b"", b"\x01", SECOND * 3], ids=["nothing", "half a sample", "silence"])
async def test_no_speech_is_no_text(transcriber: VoskTranscriber, pcm16: bytes) -> None:
    assert await stream(transcriber, pcm16) == []
    assert await transcribe_pcm(transcriber, pcm16, 8000) == ""


async def test_a_voice_message_of_another_rate_is_transcribed(transcriber: VoskTranscriber) -> None:
    wide, _state = audioop.ratecv(SECOND + speech("guide") + SECOND, 2, 1, 8000, 16000, None)
    assert await transcribe_pcm(transcriber, wide, 16000) == "护照丢了怎么补办"


async def test_streams_at_once_do_not_mix(transcriber: VoskTranscriber) -> None:
    names = ("complaint", "guide", "phone")
    heard = await asyncio.gather(*(stream(transcriber, SECOND + speech(name) + SECOND, 800) for name in names))
    texts = ["".join(h.text for h in one if h.kind == "final") for one in heard]
    assert texts == ["我要投诉翠湖小区旁边的工地半夜还在施工", "护照丢了怎么补办", "我的电话是幺三八零零幺三八零零零"]


async def test_the_event_loop_is_never_blocked_by_decoding(transcriber: VoskTranscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    import telephony.speech.vosk_engine as engine

    threads: set[int] = set()
    decode = engine._decode

    def watched(recogniser: object, audio: bytes) -> tuple[str, bool]:
        threads.add(threading.get_ident())
        return decode(recogniser, audio)

    monkeypatch.setattr(engine, "_decode", watched)
    await stream(transcriber, SECOND)
    assert threads
    assert threading.get_ident() not in threads


async def test_no_more_streams_than_allowed_and_closed_ones_make_room(transcriber: VoskTranscriber) -> None:
    sessions = [transcriber.open(8000) for _ in range(3)]
    with pytest.raises(Unavailable):
        transcriber.open(8000)
    for session in sessions:
        session.close()
        session.close()
    assert transcriber.sessions == 0


async def test_a_finished_stream_takes_nothing_more(transcriber: VoskTranscriber) -> None:
    session = transcriber.open(8000)
    await session.finish()
    with pytest.raises(ValueError, match="finished"):
        await session.accept(SECOND)
    session.close()


@pytest.mark.parametrize("rate", [0, -8000, 1_000_000])
def test_a_senseless_rate_is_refused(transcriber: VoskTranscriber, rate: int) -> None:
    with pytest.raises(ValueError, match="samples per second"):
        transcriber.open(rate)
    assert transcriber.sessions == 0


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"am/final\.mdl"):
        VoskTranscriber(tmp_path, "nothing")
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot load"):
        VoskTranscriber(tmp_path, "broken")


@pytest.mark.parametrize(
    ("raw", "text"), [("今天 天气", "今天天气"), ("转 a b 人工", "转 a b 人工"), ("<unk> 好", "好"), ("  ", ""), ("办 ，理", "办，理")]
)
def test_blanks_between_characters_are_not_text(raw: str, text: str) -> None:
    assert tidy(raw) == text
