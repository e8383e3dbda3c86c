"""The caller's voice: it stops what is said, and what is not understood is asked about. Telephones are fakes."""

from __future__ import annotations

import asyncio

from telephony.leg import FRAME_BYTES
from tests.telephony.flow.conftest import LOUD, Line, heard
from tests.telephony.flow.with_agent import (
    state_is,
)
from ticketing.conversation.models import CallState


async def test_the_callers_voice_stops_us_within_200_ms_without_a_word_understood(line: Line) -> None:
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    leg.silence(1.0)
    assert not leg.playbacks[0].over
    frames = 0
    while not leg.playbacks[0].over:
        leg.speak(LOUD)
        frames += 1
        assert frames * 20 <= 180, "plus one frame of 20 ms until the silence is on the line"
    assert frames * 20 >= 120, "a click is no voice"
    leg.caller_hangs_up()
    await line.over()


async def test_a_noisy_line_does_not_stop_us(line: Line) -> None:
    leg = line.call(instant=False)
    await heard(leg, "<greeting>")
    noise = b"\xc0\x00\x40\xff" * (FRAME_BYTES // 4)  # about 190 of 32767
    leg.speak(noise * 200)
    await asyncio.sleep(0)
    assert not leg.playbacks[0].over
    leg.caller_hangs_up()
    await line.over()


async def test_a_voice_that_is_not_understood_leads_to_a_person_after_two_questions(line: Line) -> None:
    line.set(silence_s=0.15)
    await line.agent()
    leg = line.call()
    await heard(leg, "<greeting>")
    for words in ("没有听清楚", "换个说法"):
        leg.speak(LOUD * 50)
        await heard(leg, words)
    leg.speak(LOUD * 50)
    phone = await line.phones.answers("lin")
    await state_is(line, leg.id, CallState.TALKING)
    phone.caller_hangs_up()
    await line.over()
