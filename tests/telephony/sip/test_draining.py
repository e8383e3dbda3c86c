"""An update without a lost call: the signal, what the edge sees, and the end after the last call."""

from __future__ import annotations

import asyncio
import os
import signal

from telephony.draining import drain_on_signal
from telephony.leg import HungUp
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.desk import Desk


async def test_the_last_call_ends_the_process(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk, ended = Desk(), asyncio.Event()
    phone = await make_phone(desk)
    task = drain_on_signal(phone, ended.set)
    await asyncio.sleep(0)
    peer, other = await make_peer(phone), await make_peer(phone)
    await peer.call()
    os.kill(os.getpid(), signal.SIGUSR1)
    async with asyncio.timeout(3):
        while not phone.endpoint.draining:
            await asyncio.sleep(0.01)
    other.request("OPTIONS", 1)
    assert (await other.expect_any("OPTIONS")).status == 503
    other.request("INVITE", 2, other.sdp())
    assert (await other.expect(503, "INVITE")).get("Retry-After") == "10"
    other.request("ACK", 2, branch=other.branch)
    assert not ended.is_set(), "who is talking goes on talking"
    await peer.hang_up()
    await asyncio.wait_for(ended.wait(), 3)
    assert await desk.event() == HungUp("caller", "hung up")
    await task


async def test_without_calls_it_ends_at_once(make_phone: MakePhone) -> None:
    ended = asyncio.Event()
    task = drain_on_signal(await make_phone(Desk()), ended.set)
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(ended.wait(), 3)
    await task


async def test_a_task_that_is_cancelled_listens_no_more(make_phone: MakePhone) -> None:
    task = drain_on_signal(await make_phone(Desk()), lambda: None)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
