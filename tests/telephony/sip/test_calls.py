"""Whole calls over real sockets between two of our own phones."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from telephony.leg import CallFailed, Digit, HungUp, Leg, LegGone
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePhone
from tests.telephony.sip.desk import Desk, address
from tests.telephony.sounds import FRAME_BYTES, best_stretch, loud_part, tone


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_a_call_carries_sound_both_ways(make_phone: MakePhone, tmp_path: Path, codec: str) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone(user="13800000000")
    leg = await citizen.dial(address(hotline), codecs=(codec,))
    assert (desk.leg.codec, desk.leg.caller, desk.leg.called) == (codec, "13800000000", "12345")
    heard: list[bytes] = []
    leg.listen(heard.append)
    desk.leg.record(tmp_path / "call.wav")
    ours, theirs = desk.leg.play(tone(440, 0.6)), leg.play(tone(1000, 0.6))
    assert await ours.wait()
    assert await theirs.wait()
    async with asyncio.timeout(3):  # 0.6 s are 30 frames
        while min(sum(any(frame) for frame in frames) for frames in (heard, desk.heard)) < 30:
            await asyncio.sleep(0.02)
    for frames, hertz in ((heard, 440), (desk.heard, 1000)):
        assert {len(frame) for frame in frames} == {FRAME_BYTES}
        sound = loud_part(b"".join(frames))
        assert 0.5 < len(sound) / 16000 < 0.6
        assert best_stretch(sound, hertz, 0.3) > 30
    seconds = await desk.leg.stop_recording()
    assert seconds > 0.5
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnframes() / 8000 == pytest.approx(seconds)
        stereo = file.readframes(file.getnframes())
    for channel, hertz in ((0, 1000), (2, 440)):  # left: the caller, right: we
        sound = loud_part(b"".join(stereo[place : place + 2] for place in range(channel, len(stereo), 4)))
        assert best_stretch(sound, hertz) > 30
    await leg.hang_up()
    assert await desk.event() == HungUp("caller", "hung up")
    assert await leg.events.get() == HungUp("us", "normal")


async def test_keys_both_ways(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    leg.press("0*#")
    desk.leg.press("19")
    assert [await desk.event() for _ in "0*#"] == [Digit("0"), Digit("*"), Digit("#")]
    assert [await asyncio.wait_for(leg.events.get(), 3) for _ in "19"] == [Digit("1"), Digit("9")]
    with pytest.raises(ValueError, match="key"):
        leg.press("x")


async def test_we_hang_up(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    playback = desk.leg.play(tone(440, 10))
    await desk.leg.hang_up("done")
    assert not await playback.wait()
    assert await desk.event() == HungUp("us", "done")
    assert await asyncio.wait_for(leg.events.get(), 3) == HungUp("caller", "hung up")
    assert not leg.live
    assert not await leg.play(tone(440, 1)).wait(), "on a dead call a playback is over at once"
    await leg.hang_up()


async def test_the_flow_that_forgets_to_hang_up_leaves_no_call(make_phone: MakePhone) -> None:
    async def forgetful(leg: Leg) -> None:
        await leg.answer()

    hotline, citizen = await make_phone(forgetful), await make_phone()
    leg = await citizen.dial(address(hotline))
    assert await asyncio.wait_for(leg.events.get(), 3) == HungUp("caller", "hung up")


async def test_the_flow_that_breaks_refuses_its_call_and_no_other(make_phone: MakePhone) -> None:
    count = 0

    async def broken(leg: Leg) -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise RuntimeError("boom")
        await leg.answer()
        await leg.events.get()

    hotline, citizen = await make_phone(broken), await make_phone()
    with pytest.raises(CallFailed, match="500"):
        await citizen.dial(address(hotline))
    await (await citizen.dial(address(hotline))).hang_up()


async def test_busy_when_there_are_too_many(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk, max_calls=1), await make_phone()
    first = await citizen.dial(address(hotline))
    with pytest.raises(CallFailed, match="486") as caught:
        await citizen.dial(address(hotline))
    assert caught.value.status == 486
    await first.hang_up()
    await desk.event()
    await (await citizen.dial(address(hotline))).hang_up()
    assert hotline.counters()["calls_busy"] == 1


async def test_agents_telephones_take_no_callers_place_and_have_a_limit_of_their_own(make_phone: MakePhone) -> None:
    hotline, citizen, agent = await make_phone(Desk(), max_calls=1, max_placed=1), await make_phone(), await make_phone(Desk())
    to_agent = await hotline.dial(address(agent))
    caller = await citizen.dial(address(hotline))
    with pytest.raises(OSError, match="HOTLINE_MAX_PLACED_CALLS"):
        await hotline.dial(address(agent))
    counters = hotline.counters()
    assert (counters["calls_live"], counters["calls_live_incoming"], counters["calls_busy"]) == (2, 1, 0)
    await to_agent.hang_up()
    await (await hotline.dial(address(agent))).hang_up()
    await caller.hang_up()


async def test_refused_and_drained(make_phone: MakePhone) -> None:
    async def refuse(leg: Leg) -> None:
        await leg.hang_up("declined")

    hotline, citizen = await make_phone(refuse), await make_phone()
    with pytest.raises(CallFailed, match="603"):
        await citizen.dial(address(hotline))
    hotline.drain()
    with pytest.raises(CallFailed, match="503"):
        await citizen.dial(address(hotline))


async def test_giving_up_a_ringing_call(make_phone: MakePhone) -> None:
    desk = Desk(answer=False)
    hotline, citizen = await make_phone(desk), await make_phone()
    dialling = asyncio.create_task(citizen.dial(address(hotline)))
    await asyncio.wait_for(desk.rang.wait(), 3)
    dialling.cancel()
    assert await desk.event() == HungUp("caller", "cancelled")
    with pytest.raises(LegGone):
        await desk.leg.answer()
    with pytest.raises(asyncio.CancelledError):
        await dialling


async def test_nobody_answers_in_time(make_phone: MakePhone) -> None:
    desk = Desk(answer=False)
    hotline, citizen = await make_phone(desk), await make_phone()
    with pytest.raises(CallFailed, match="nobody answered") as failed:
        await citizen.dial(address(hotline), ring_s=0.2)
    assert not failed.value.silent
    assert await desk.event() == HungUp("caller", "cancelled")


async def test_nobody_there(make_phone: MakePhone) -> None:
    citizen = await make_phone(timers=Timers(t1=0.005))
    with pytest.raises(CallFailed, match="408") as failed:
        await citizen.dial("sip:12345@127.0.0.1:9")
    assert failed.value.silent, "a dead line is not a telephone that nobody picks up"


@pytest.mark.parametrize("uri", ["12345", "tel:12345", "sip:12345@10.99.0.1", "sip:@", "http://127.0.0.1"])
async def test_what_cannot_be_dialled(make_phone: MakePhone, uri: str) -> None:
    phone = await make_phone()
    with pytest.raises(ValueError, match=r".+"):
        await phone.dial(uri)


async def test_stopping_the_phone_says_goodbye(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    await hotline.stop()
    assert await asyncio.wait_for(leg.events.get(), 1) == HungUp("caller", "hung up")
