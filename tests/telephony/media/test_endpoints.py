from __future__ import annotations

import pytest

from telephony.media.endpoints import EndPointer, Utterance
from tests.telephony.sounds import FRAME_BYTES, tone


def run(*parts: bytes) -> list[Utterance]:
    pointer = EndPointer(silence_s=0.5)
    stream = b"".join(parts)
    found = [pointer.push(stream[start : start + FRAME_BYTES]) for start in range(0, len(stream), FRAME_BYTES)]
    return [utterance for utterance in [*found, pointer.finish()] if utterance]


def quiet(seconds: float) -> bytes:
    return bytes(int(seconds * 8000) * 2)


def test_an_utterance_ends_after_the_silence() -> None:
    (found,) = run(quiet(1), tone(400, 1), quiet(1))
    assert found.start_s == pytest.approx(0.76, abs=0.05)
    assert found.end_s == pytest.approx(2.0, abs=0.05)


def test_a_breath_does_not_end_it() -> None:
    assert len(run(tone(400, 0.5), quiet(0.4), tone(400, 0.5), quiet(1))) == 1


def test_two_utterances() -> None:
    assert len(run(tone(400, 0.5), quiet(0.6), tone(400, 0.5), quiet(0.6))) == 2


def test_a_click_is_no_speech() -> None:
    assert run(quiet(0.5), tone(400, 0.04), quiet(1)) == []


def test_the_end_of_the_stream_ends_it() -> None:
    assert len(run(tone(400, 0.5))) == 1
