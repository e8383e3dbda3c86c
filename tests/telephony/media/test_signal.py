"""What the other side hears, measured as sound: two phones, real sockets."""

from __future__ import annotations

import asyncio
import audioop
import struct

import pytest

from telephony.phone import CallLeg
from tests.telephony.conftest import MakePhone
from tests.telephony.lossy import lose_media
from tests.telephony.sip.desk import Desk, address
from tests.telephony.sounds import FRAME_BYTES, best_stretch, loud_part, tone

_LOUD = 30000


def is_loud(frame: bytes) -> bool:
    """A-law has no zero: its silence is a sample of 8."""
    return audioop.rms(frame, 2) > 100


async def sound_both_ways(leg: CallLeg, desk: Desk, there: bytes, back: bytes) -> tuple[bytes, bytes]:
    """What the desk and what the caller heard while both spoke."""
    heard: list[bytes] = []
    leg.listen(heard.append)
    desk.heard.clear()
    playing = desk.leg.play(back), leg.play(there)
    for playback in playing:
        assert await playback.wait()
    async with asyncio.timeout(5):
        while any(is_loud(frame) for frames in (heard, desk.heard) for frame in frames[-3:]) or not (heard and desk.heard):
            await asyncio.sleep(0.02)
    return b"".join(desk.heard), b"".join(heard)


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_a_tone_stands_35_db_above_everything_else_in_both_directions(make_phone: MakePhone, codec: str) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline), codecs=(codec,))
    there, back = await sound_both_ways(leg, desk, tone(1020, 1.0), tone(440, 1.0))
    for sound, hertz in ((there, 1020), (back, 440)):
        assert best_stretch(loud_part(sound), hertz, 0.5) > 35
    await leg.hang_up()


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_the_loudest_sound_is_not_clipped(make_phone: MakePhone, codec: str) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline), codecs=(codec,))
    there, back = await sound_both_ways(leg, desk, tone(700, 1.0, _LOUD), tone(500, 1.0, _LOUD))
    for sound, hertz in ((there, 700), (back, 500)):
        part = loud_part(sound)
        peak = max(abs(sample) for sample in struct.unpack(f"<{len(part) // 2}h", part))
        assert peak == pytest.approx(_LOUD, rel=0.04), "neither cut off nor made quieter"
        assert best_stretch(part, hertz) > 35, "a clipped tone has overtones"
    await leg.hang_up()


@pytest.mark.alone
async def test_sound_is_heard_soon_after_it_was_made(make_phone: MakePhone) -> None:
    """Through clock, packets and jitter buffer: 20 ms to be sent and 20 to 40 ms of buffer are meant, 150 ms are allowed."""
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    loop, delays = asyncio.get_running_loop(), []
    for _ in range(5):
        arrived: asyncio.Future[float] = loop.create_future()

        def notice(frame: bytes, arrived: asyncio.Future[float] = arrived) -> None:
            if is_loud(frame) and not arrived.done():
                arrived.set_result(loop.time())

        desk.leg.listen(notice)
        began = loop.time()
        playback = leg.play(tone(1000, 0.1))
        delays.append(await asyncio.wait_for(arrived, 3) - began)
        await playback.wait()
        await asyncio.sleep(0.3)  # the line is silent again
    assert sorted(delays)[2] < 0.150
    await leg.hang_up()


@pytest.mark.parametrize("percent", [1, 5, 10])
async def test_lost_packets_are_concealed_and_the_call_goes_on(make_phone: MakePhone, percent: int) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    network = lose_media(citizen, percent / 100, seed=percent)
    there, back = await sound_both_ways(leg, desk, tone(500, 3.0), tone(700, 3.0))
    quality = desk.leg.quality()
    assert network.lost > 0
    assert 0 < quality["lost"] + leg.quality()["lost"] <= network.lost
    assert quality["concealed"] >= quality["lost"]
    for sound in (there, back):
        frames = [sound[start : start + FRAME_BYTES] for start in range(0, len(sound), FRAME_BYTES)]
        loud = [number for number, frame in enumerate(frames) if is_loud(frame)]
        length = (loud[-1] - loud[0] + 1) * 0.02
        assert 2.9 < length < 3.4, "the time line neither shrinks nor grows"
        silent = sum(not is_loud(frame) for frame in frames[loud[0] : loud[-1]])
        assert silent <= 4, "where packets are missing there is sound all the same"
    assert leg.live
    await leg.hang_up()
    await desk.event()
