"""Vosk with the committed synthetic model, on committed speech: no espeak, no network."""

from __future__ import annotations

import asyncio
import audioop
import random
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotline.errors import Unavailable
from telephony.speech.engine import ModelError
from telephony.speech.in_process import InProcessTranscriber
from telephony.speech.models import SYNTHETIC
from telephony.speech.transcriber import Heard, tidy, transcribe_pcm
from telephony.speech.vosk_engine import VoskEngine, VoskRecogniser, _Pause
from tests.telephony.sounds import tone

AUDIO = Path(__file__).parent / "audio"
SECOND = bytes(16000)


def speech(name: str) -> bytes:
    return audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2)


@pytest.fixture(scope="module")
def transcriber() -> Iterator[InProcessTranscriber]:
    made = InProcessTranscriber(VoskEngine(SYNTHETIC, "synthetic"), max_sessions=3, threads=2)
    yield made
    made.close()


async def stream(transcriber: InProcessTranscriber, pcm16: bytes, step: int = 320) -> list[Heard]:
    session = transcriber.open(8000)
    heard: list[Heard] = []
    for start in range(0, len(pcm16), step):
        heard += await session.accept(pcm16[start : start + step])
    heard += await session.finish()
    session.close()
    return heard


async def test_words_come_as_partials_and_then_as_a_final_with_times(transcriber: InProcessTranscriber) -> None:
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


async def test_two_sentences_are_two_finals_on_one_time_line(transcriber: InProcessTranscriber) -> None:
    pcm = SECOND + speech("guide") + SECOND + SECOND + speech("phone") + SECOND
    finals = [h for h in await stream(transcriber, pcm, 1600) if h.kind == "final"]
    assert finals[0].text == "护照丢了怎么补办"
    assert "".join(h.text for h in finals[1:]) == "我的电话是幺三八零零幺三八零零零"
    assert finals[0].end_s + 1.5 < finals[1].start_s


async def test_a_recogniser_is_replaced_between_sentences_and_the_time_line_goes_on() -> None:
    recogniser = VoskEngine(SYNTHETIC, "synthetic", recycled_after_s=3.0).recogniser(8000)
    made: list[int] = []
    renew = recogniser._renew
    recogniser._renew = lambda: (made.append(1), renew())  # type: ignore[method-assign, assignment, func-returns-value]
    pcm = (SECOND + speech("guide") + SECOND + SECOND) * 4
    heard: list[Heard] = []
    for start in range(0, len(pcm), 1600):
        heard += recogniser.accept(pcm[start : start + 1600])
    finals = [h for h in heard if h.kind == "final"]
    assert [h.text for h in finals] == ["护照丢了怎么补办"] * 4
    length = len(pcm) / 16000 / 4
    assert [round(h.start_s - n * length - finals[0].start_s) for n, h in enumerate(finals)] == [0] * 4
    assert len(made) == 4


async def test_pieces_of_any_length_give_the_same_text(transcriber: InProcessTranscriber) -> None:
    pcm = SECOND + speech("guide") + SECOND
    texts = {"".join(h.text for h in await stream(transcriber, pcm, step) if h.kind == "final") for step in (37, 321, 1600, len(pcm))}
    assert texts == {"护照丢了怎么补办"}


@pytest.mark.parametrize("pcm16", [b"", b"\x01", SECOND * 3], ids=["nothing", "half a sample", "silence"])
async def test_no_speech_is_no_text(transcriber: InProcessTranscriber, pcm16: bytes) -> None:
    assert await stream(transcriber, pcm16) == []
    assert await transcribe_pcm(transcriber, pcm16, 8000) == ""


async def test_a_voice_message_of_another_rate_is_transcribed(transcriber: InProcessTranscriber) -> None:
    wide, _state = audioop.ratecv(SECOND + speech("guide") + SECOND, 2, 1, 8000, 16000, None)
    assert await transcribe_pcm(transcriber, wide, 16000) == "护照丢了怎么补办"


async def test_streams_at_once_do_not_mix(transcriber: InProcessTranscriber) -> None:
    names = ("complaint", "guide", "phone")
    heard = await asyncio.gather(*(stream(transcriber, SECOND + speech(name) + SECOND, 800) for name in names))
    texts = ["".join(h.text for h in one if h.kind == "final") for one in heard]
    assert texts == ["我要投诉翠湖小区旁边的工地半夜还在施工", "护照丢了怎么补办", "我的电话是幺三八零零幺三八零零零"]


async def test_the_event_loop_is_never_blocked_by_decoding(transcriber: InProcessTranscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    decode = VoskRecogniser.accept

    def watched(recogniser: VoskRecogniser, audio: bytes) -> list[Heard]:
        threads.add(threading.get_ident())
        return decode(recogniser, audio)

    monkeypatch.setattr(VoskRecogniser, "accept", watched)
    await stream(transcriber, SECOND)
    assert threads
    assert threading.get_ident() not in threads


async def test_no_more_streams_than_allowed_and_closed_ones_make_room(transcriber: InProcessTranscriber) -> None:
    sessions = [transcriber.open(8000) for _ in range(3)]
    with pytest.raises(Unavailable):
        transcriber.open(8000)
    for session in sessions:
        session.close()
        session.close()
    assert transcriber.sessions == 0


async def test_a_finished_stream_takes_nothing_more(transcriber: InProcessTranscriber) -> None:
    session = transcriber.open(8000)
    await session.finish()
    with pytest.raises(ValueError, match="finished"):
        await session.accept(SECOND)
    session.close()


@pytest.mark.parametrize("rate", [0, -8000, 1_000_000])
def test_a_senseless_rate_is_refused(transcriber: InProcessTranscriber, rate: int) -> None:
    with pytest.raises(ValueError, match="samples per second"):
        transcriber.open(rate)
    assert transcriber.sessions == 0


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"am/final\.mdl"):
        VoskEngine(tmp_path, "nothing")
    (tmp_path / "am").mkdir()
    (tmp_path / "am" / "final.mdl").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot load"):
        VoskEngine(tmp_path, "broken")


@pytest.mark.parametrize(
    ("raw", "text"), [("今天 天气", "今天天气"), ("转 a b 人工", "转 a b 人工"), ("<unk> 好", "好"), ("  ", ""), ("办 ，理", "办，理")]
)
def test_blanks_between_characters_are_not_text(raw: str, text: str) -> None:
    assert tidy(raw) == text


@pytest.mark.parametrize("name", ["complaint", "guide", "phone"])
def test_a_sentence_ends_half_a_second_after_the_voice(name: str) -> None:
    """The caller waits for this; the model alone takes a quarter to half a second longer."""
    recogniser = VoskEngine(SYNTHETIC, "synthetic").recogniser(8000)
    sound = speech(name)
    loud = [start for start in range(0, len(sound), 320) if audioop.rms(sound[start : start + 320], 2) > 300]
    ends_at, stream = (loud[-1] + 320) / 16000, sound + bytes(32000)
    for start in range(0, len(stream), 1600):
        if any(one.kind == "final" for one in recogniser.accept(stream[start : start + 1600])):
            break
    assert ends_at + 0.4 < (start + 1600) / 16000 < ends_at + 0.7


def test_a_pause_is_known_beside_noise_and_not_in_the_middle_of_a_word() -> None:
    pause, chance = _Pause(), random.Random(3)
    hum = struct.pack("<8000h", *(chance.randint(-300, 300) for _ in range(8000)))
    pause.hear(tone(300, 1.0, amplitude=9000))
    assert pause.seconds(8000) == 0
    pause.hear(hum[:6400])
    assert pause.seconds(8000) == pytest.approx(0.4)
    pause.hear(tone(300, 0.02, amplitude=3000))
    assert pause.seconds(8000) == 0
