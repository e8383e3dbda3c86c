from __future__ import annotations

import struct

import pytest

from telephony.media.codec import CODECS, interleave
from tests.telephony.sounds import signal_to_noise, tone


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_a_tone_survives(name: str) -> None:
    codec = CODECS[name]
    assert signal_to_noise(codec.decode(codec.encode(tone(1000, 0.5))), 1000) > 35


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_silence_is_silent(name: str) -> None:
    codec = CODECS[name]
    assert len(codec.silence) == 160
    assert max(abs(sample) for sample in struct.unpack("<160h", codec.decode(codec.silence))) <= 8


def test_the_two_are_not_confused() -> None:
    assert signal_to_noise(CODECS["PCMU"].decode(CODECS["PCMA"].encode(tone(1000, 0.2))), 1000) < 20


def test_stereo() -> None:
    assert interleave(struct.pack("<2h", 1, 2), struct.pack("<2h", 30, 40)) == struct.pack("<4h", 1, 30, 2, 40)
