"""The jitter buffer and what it makes of lost sound, by the clock of the test."""

from __future__ import annotations

import audioop
import random
import struct
from itertools import pairwise

import pytest

from telephony.media.conceal import Concealer
from telephony.media.playout import PlayoutBuffer
from tests.telephony.sounds import FRAME_BYTES, loud_part, signal_to_noise, tone


def frames(pcm16: bytes) -> list[bytes]:
    return [pcm16[start : start + FRAME_BYTES] for start in range(0, len(pcm16), FRAME_BYTES)]


def voiced(seconds: float, hertz: float = 140) -> bytes:
    """A buzz with overtones, as a vowel is."""
    layers = [tone(hertz * n, seconds, 9000 // n) for n in (1, 2, 3, 5)]
    mixed = layers[0]
    for layer in layers[1:]:
        mixed = audioop.add(mixed, layer, 2)
    return mixed


def noise_of(sound: bytes, wanted: bytes) -> float:
    """Energy of the difference relative to the wanted sound; 1.0 is what silence in its place would have."""
    return audioop.rms(audioop.add(sound, audioop.mul(wanted, 2, -1), 2), 2) / audioop.rms(wanted, 2)


@pytest.mark.parametrize("hertz", [95, 140, 210, 320])
def test_a_lost_frame_of_a_voice_is_continued_in_its_pitch(hertz: float) -> None:
    concealer = Concealer()
    pieces = frames(voiced(0.4, hertz))
    for piece in pieces[:10]:
        concealer.sound(piece)
    made = concealer.missing()
    assert noise_of(made, pieces[10]) < 0.35
    joined = concealer.sound(pieces[11])
    assert joined[80:] == pieces[11][80:], "5 ms are joined, the rest is the real sound"


def test_long_gaps_fade_away_and_nothing_grows_louder() -> None:
    concealer = Concealer()
    for piece in frames(voiced(0.2)):
        concealer.sound(piece)
    loud = [audioop.rms(concealer.missing(), 2) for _ in range(6)]
    assert loud[0] > loud[1] > loud[2] > loud[3] > 0
    assert loud[4:] == [0, 0]


def test_no_click_at_either_seam() -> None:
    """The steepest step between neighbouring samples stays what it is in the sound itself."""
    concealer = Concealer()
    pieces = frames(voiced(1.0))
    out = b""
    for number, piece in enumerate(pieces):
        out += concealer.missing() if number in (20, 30, 31) else concealer.sound(piece)

    def steepest(pcm16: bytes) -> int:
        samples = struct.unpack(f"<{len(pcm16) // 2}h", pcm16)
        return max(abs(after - before) for before, after in pairwise(samples))

    assert steepest(out) < 1.3 * steepest(b"".join(pieces))


def test_a_stream_that_begins_with_a_hole_is_silent_there() -> None:
    assert Concealer().missing() == bytes(FRAME_BYTES)


def run(arrivals: dict[int, list[int]], count: int, sound: list[bytes]) -> tuple[PlayoutBuffer, list[bytes]]:
    """`arrivals`: which frames come before which tick."""
    buffer = PlayoutBuffer()
    out = []
    for tick in range(count):
        for number in arrivals.get(tick, ()):
            buffer.push(sound[number])
        out.append(buffer.take())
    return buffer, out


def test_a_regular_stream_comes_out_whole_after_at_most_40_ms() -> None:
    sound = frames(tone(700, 2.0))
    buffer, out = run({number: [number] for number in range(100)}, 101, sound)
    assert out[1:101] == sound
    assert (buffer.underruns, buffer.concealed, buffer.dropped) == (0, 0, 0)


def test_jitter_of_up_to_60_ms_is_taken_in_after_it_was_met() -> None:
    rng = random.Random(5)
    sound = frames(voiced(20.0))
    arrivals: dict[int, list[int]] = {}
    latest = 0
    for number in range(1000):
        latest = max(latest, number + rng.choice((0, 0, 0, 1, 2, 3)))
        arrivals.setdefault(latest, []).append(number)
    buffer, out = run(arrivals, 1004, sound)
    assert buffer.underruns <= 12, "every gap makes the buffer deeper"
    assert buffer.concealed <= 25
    assert len(set(out) & set(sound)) >= 0.97 * len(set(sound)), "what came late is delayed, not lost"


def test_after_a_stall_the_delay_goes_back() -> None:
    sound = frames(voiced(30.0))
    arrivals = {number: [number] for number in range(1500)}
    for number in range(200, 220):  # 0.4 s without a packet, then all at once
        del arrivals[number]
    arrivals[220] = list(range(200, 221))
    buffer, _out = run(arrivals, 600, sound)
    assert buffer.waiting <= 4
    assert buffer.dropped >= 10


def test_a_faster_clock_of_the_sender_does_not_make_the_call_lag() -> None:
    sound = frames(voiced(20.0))
    arrivals: dict[int, list[int]] = {}
    for number in range(1000):
        arrivals.setdefault(int(number * 0.99), []).append(number)
    buffer, _out = run(arrivals, 980, sound)
    assert buffer.waiting <= 6
    assert buffer.dropped >= 5


def test_a_slower_clock_of_the_sender_costs_a_frame_now_and_then() -> None:
    sound = frames(tone(500, 20.0))
    buffer, _out = run({int(number * 1.005): [number] for number in range(1000)}, 1000, sound)
    assert buffer.concealed <= 25


@pytest.mark.parametrize("length", [160, 240, 480, 640, 960])
def test_packets_of_any_length_make_one_time_line(length: int) -> None:
    pcm = tone(600, 1.2)
    buffer = PlayoutBuffer()
    out = b""
    position = 0
    for tick in range(70):
        while position < len(pcm) and position <= tick * FRAME_BYTES:
            buffer.push(pcm[position : position + length])
            position += length
        out += buffer.take()
    assert signal_to_noise(loud_part(out)[: 6400 * 2], 600) > 60


def test_a_pause_that_was_announced_is_no_gap() -> None:
    sound = frames(tone(500, 0.4))
    buffer = PlayoutBuffer()
    out = []
    for tick in range(100):
        if tick < 20:
            buffer.push(sound[tick])
        elif tick == 20:
            buffer.pause()
        out.append(buffer.take())
    assert buffer.underruns == buffer.concealed == 0
    assert [frame for frame in out if any(frame)] == sound


@pytest.mark.parametrize("percent", [1, 5, 10])
def test_lost_packets_do_far_less_harm_than_silence_in_their_place(percent: int) -> None:
    rng = random.Random(percent)
    sound = frames(voiced(10.0))
    concealer, ours, silent = Concealer(), b"", b""
    for piece in sound:
        lost = rng.random() < percent / 100
        ours += concealer.missing() if lost else concealer.sound(piece)
        silent += bytes(FRAME_BYTES) if lost else piece
    whole = b"".join(sound)
    assert noise_of(ours, whole) < 0.5 * noise_of(silent, whole)
