from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from telephony.leg import HungUp, Leg
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePhone
from tests.telephony.sounds import tone

pytestmark = pytest.mark.slow
"""Two hundred calls."""

CALLS = 200


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_two_hundred_calls_leave_nothing_behind(make_phone: MakePhone) -> None:
    """Ports, threads, descriptors, transactions, tasks: as before."""
    ended = 0

    async def answer(leg: Leg) -> None:
        nonlocal ended
        await leg.answer()
        event = await leg.events.get()
        assert isinstance(event, HungUp)
        ended += 1

    hotline = await make_phone(answer, timers=Timers(t1=0.05, t2=0.1))
    citizen = await make_phone(timers=Timers(t1=0.05, t2=0.1))
    threads, descriptors = threading.active_count(), open_descriptors()

    async def one() -> None:
        leg = await citizen.dial(f"sip:12345@127.0.0.1:{hotline.port}")
        await leg.hang_up()

    for _ in range(CALLS // 20):
        await asyncio.gather(*(one() for _ in range(20)))
    async with asyncio.timeout(10):
        while hotline.live_calls or ended < CALLS or len(hotline.endpoint.agent.server_transactions):
            await asyncio.sleep(0.05)
    assert ended == CALLS
    assert hotline.counters()["calls_incoming"] == CALLS
    for phone in (hotline, citizen):
        assert phone.endpoint.calls == {}
        assert phone.endpoint.ports.used == 0
        assert phone.counters()["sip_send_errors"] == 0
    assert threading.active_count() <= threads
    assert open_descriptors() <= descriptors
    assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("call-")]) == 0


async def test_a_recording_that_nobody_closed_is_closed_with_its_call(make_phone: MakePhone, tmp_path: Path) -> None:
    async def forgetful(leg: Leg) -> None:
        await leg.answer()
        leg.record(tmp_path / "call.wav")
        await leg.events.get()

    hotline, citizen = await make_phone(forgetful), await make_phone()
    descriptors = open_descriptors()
    leg = await citizen.dial(f"sip:12345@127.0.0.1:{hotline.port}")
    assert await leg.play(tone(440, 0.5)).wait()
    await leg.hang_up()
    async with asyncio.timeout(3):
        while open_descriptors() > descriptors:
            await asyncio.sleep(0.02)
    assert (tmp_path / "call.wav").stat().st_size > 44 + 6000
