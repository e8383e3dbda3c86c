"""Who hears whom, and that nothing is lost, doubled or late on the way."""

from __future__ import annotations

import audioop

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.bridge.mixer import Bridge, Loop, Stream
from telephony.bridge.seating import Ear, Mode, Seats, hears
from telephony.leg import FRAME_BYTES
from telephony.testing import FakeLeg
from tests.telephony.sounds import signal_to_noise, tone


def frame(value: int) -> bytes:
    return value.to_bytes(2, "little", signed=True) * (FRAME_BYTES // 2)


async def test_one_voice_goes_through_untouched_and_two_are_added() -> None:
    bridge, legs = Bridge(), [FakeLeg() for _ in range(3)]
    a, b, c = (bridge.join(leg) for leg in legs)
    bridge.patch({a: (b, c), b: (a, c), c: ()})
    legs[0].speak(frame(100))
    legs[2].speak(frame(7))
    assert legs[1].hear() == frame(107)
    assert legs[0].hear() == frame(7)
    assert legs[2].hear() is None
    assert legs[1].hear() is None, "nothing twice"


async def test_two_loud_voices_do_not_wrap_round() -> None:
    bridge, legs = Bridge(), [FakeLeg() for _ in range(3)]
    a, b, c = (bridge.join(leg) for leg in legs)
    bridge.patch({a: (b, c)})
    legs[1].speak(frame(30000))
    legs[2].speak(frame(30000))
    assert legs[0].hear() == frame(32767)


async def test_who_left_is_heard_no_more_and_lives_on() -> None:
    bridge, legs = Bridge(), [FakeLeg() for _ in range(2)]
    a, b = (bridge.join(leg) for leg in legs)
    bridge.patch({a: (b,), b: (a,)})
    bridge.leave(b)
    bridge.patch({a: ()})
    legs[1].speak(frame(5))
    assert legs[0].hear() is None
    assert legs[1].hear() is None
    assert legs[1].live


async def test_a_new_patch_does_not_interrupt_a_stream_that_stays() -> None:
    bridge, legs = Bridge(), [FakeLeg() for _ in range(3)]
    a, b, c = (bridge.join(leg) for leg in legs)
    bridge.patch({b: (a,)})
    legs[0].speak(frame(1) + frame(2))
    bridge.patch({b: (a, c), c: (a,)})
    assert [legs[1].hear(), legs[1].hear()] == [frame(1), frame(2)]


async def test_a_tone_keeps_its_quality_and_alaw_its_bytes() -> None:
    bridge, legs = Bridge(), [FakeLeg() for _ in range(2)]
    a, b = (bridge.join(leg) for leg in legs)
    bridge.patch({a: (b,), b: (a,)})
    line = audioop.lin2alaw(tone(440, 1.0), 2)
    sent = audioop.alaw2lin(line, 2)
    heard = b""
    for at in range(0, len(sent), FRAME_BYTES):
        legs[0].speak(sent[at : at + FRAME_BYTES])
        heard += legs[1].hear() or b""
    assert audioop.lin2alaw(heard, 2) == line, "what came as A-law goes out as the very same bytes"
    assert signal_to_noise(heard, 440) > 35


def test_delay_does_not_grow_when_one_clock_is_faster() -> None:
    stream = Stream()
    for number in range(2000):
        stream.push(frame(number % 100))
        if number % 50 == 0:  # 2 % faster than we take
            stream.push(frame(0))
        stream.pop()
    left = 0
    while stream.pop() is not None:
        left += 1
    assert left <= 3


def test_a_buffer_that_filled_up_in_a_hiccup_gets_short_again() -> None:
    stream = Stream()
    for _ in range(3):
        stream.push(frame(1))
    for _ in range(500):
        stream.push(frame(1))
        stream.pop()
    left = 0
    while stream.pop() is not None:
        left += 1
    assert left <= 1, "one frame of delay is left, not three"


@given(st.lists(st.booleans(), max_size=300))
def test_frames_come_in_order_and_at_most_three_wait(moves: list[bool]) -> None:
    stream, number, heard = Stream(), 0, []
    for push in moves:
        if push:
            number += 1
            stream.push(frame(number))
        elif (got := stream.pop()) is not None:
            heard.append(int.from_bytes(got[:2], "little", signed=True))
    assert heard == sorted(set(heard))


def test_a_loop_goes_round() -> None:
    loop = Loop(frame(1) + frame(2) + b"\0\0")
    assert [loop(), loop(), loop()] == [frame(1), frame(2), frame(1)]
    with pytest.raises(ValueError, match="at least one"):
        Loop(b"")


# who hears whom

SEATS = Seats("citizen", "agent", "third", "supervisor")


def table(mode: Mode, ear: Ear = Ear.LISTENING, seats: Seats[str] = SEATS) -> dict[str, set[str]]:
    return {who: set(others) for who, others in hears(seats, mode, ear, "music", "ringing").items()}


def test_talking_with_a_supervisor_who_listens_and_whispers() -> None:
    found = table(Mode.TALKING)
    assert found["citizen"] == {"agent"}
    assert found["agent"] == {"citizen"}
    assert found["supervisor"] == {"citizen", "agent", "third"}
    assert table(Mode.TALKING, Ear.WHISPERING)["agent"] == {"citizen", "supervisor"}


def test_on_hold_and_in_consultation_the_citizen_hears_music_and_is_not_heard() -> None:
    for mode in (Mode.HELD, Mode.DIALLING, Mode.CONSULTING):
        found = table(mode, Ear.WHISPERING)
        assert found["citizen"] == {"music"}
        assert all("citizen" not in others for others in found.values())
    assert table(Mode.CONSULTING)["third"] == {"agent"}
    assert table(Mode.DIALLING)["agent"] == {"ringing"}


def test_three_at_once_and_after_the_transfer() -> None:
    found = table(Mode.CONFERENCE)
    assert (found["citizen"], found["agent"], found["third"]) == ({"agent", "third"}, {"citizen", "third"}, {"citizen", "agent"})
    after = table(Mode.TRANSFERRED, seats=Seats("citizen", None, "third", None))
    assert after == {"citizen": {"third"}, "third": {"citizen"}}
    assert table(Mode.TRANSFERRED, seats=Seats("citizen"))["citizen"] == {"ringing"}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("ear", list(Ear))
def test_nobody_hears_themselves_and_the_citizen_never_the_supervisor(mode: Mode, ear: Ear) -> None:
    for who, others in table(mode, ear).items():
        assert who not in others
        assert who == "agent" or "supervisor" not in others
