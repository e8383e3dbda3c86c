"""Calls of ours leave through the edge: what may be dialled, which trunk takes it, how many it carries, what its silence means."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hotline.processes.edge import Trunk, of_settings
from hotline.settings import Settings
from telephony.leg import CallFailed, HungUp, Leg
from telephony.outbound import citizen_route
from telephony.phone import Phone
from tests.telephony.conftest import MakePhone
from tests.telephony.edge.kamailio import KAMAILIO, Running, an_edge, running
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.peer import Peer
from tests.telephony.sounds import best_stretch, loud_part, tone

pytestmark = [
    pytest.mark.slow,  # starts another program
    pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed (Debian package kamailio)"),
]
CITIZEN = "13800000000"
NOT_A_CALLER = ("127.0.0.9",)
"""The only trunk that may call: the others of these tests carry calls of ours and nothing else."""


def to(*phones: Phone, channels: int = 0) -> tuple[Trunk, ...]:
    return tuple(Trunk(f"127.0.0.1:{phone.port}", channels) for phone in phones)


async def dial(process: Phone, edge: Running, number: str = CITIZEN) -> Leg:
    return await process.dial(f"sip:{number}@127.0.0.1:{edge.port}", ring_s=20)


async def test_a_callback_leaves_through_the_edge_and_the_citizen_hangs_up(make_phone: MakePhone, settings: Settings) -> None:
    """By the settings of an installation that runs its own edge; the trunk is one that does not call us."""
    citizen = Desk()
    process, trunk = await make_phone(Desk()), await make_phone(citizen)
    edge_port = an_edge([]).listen.partition(":")[2]
    given = {"database_url": "postgresql://nowhere/hotline", "sip_port": process.port, "edge_port": int(edge_port)}
    ours = settings.model_copy(update={**given, "outbound_uri": f"sip:{{number}}@127.0.0.1:{trunk.port}"})
    async with running(replace(of_settings(ours), trunks=NOT_A_CALLER, phones="")) as edge:
        leg = await process.dial(citizen_route(ours, CITIZEN), caller="12345")
        assert (citizen.leg.caller, citizen.leg.called) == ("12345", CITIZEN)
        assert await leg.play(tone(440, 0.8)).wait()
        await citizen.leg.hang_up()
        assert isinstance(await asyncio.wait_for(leg.events.get(), 3), HungUp), "its goodbye comes through the edge"
        assert best_stretch(loud_part(b"".join(citizen.heard)), 440) > 35
        for phone in (process, trunk):
            await phone.endpoint.agent.settle(2)
            assert phone.counters()["sip_repeated"] == 0
        assert (trunk.counters()["calls_incoming"], edge.complaints()) == (1, [])


async def test_only_allowed_numbers_are_called_and_only_by_us(make_phone: MakePhone) -> None:
    process, trunk = await make_phone(Desk()), await make_phone(Desk())
    async with running(an_edge([process.port], trunks=NOT_A_CALLER, outgoing=to(trunk))) as edge:
        for number, status in (("0012125550100", 403), ("16812345678x", 403), ("2001", 480)):
            with pytest.raises(CallFailed, match=str(status)):
                await dial(process, edge, number)
        caller = await Peer.open(("127.0.0.1", edge.port), "127.0.0.9")
        caller.request("INVITE", 1)
        carrier = await Peer.open(("127.0.0.1", edge.port), "127.0.0.1")
        carrier.request("INVITE", 2)
        assert await carrier.silence(0.5) == [], "who carries our calls is heard inside them alone"
        assert trunk.counters()["calls_incoming"] == 0
        caller.close()
        carrier.close()


async def test_a_trunk_gets_no_more_calls_than_it_carries(make_phone: MakePhone) -> None:
    first, second = Desk(), Desk()
    process, dear, cheap = await make_phone(Desk()), await make_phone(first), await make_phone(second)
    async with running(an_edge([process.port], trunks=NOT_A_CALLER, outgoing=to(dear, cheap, channels=1))) as edge:
        legs = [await dial(process, edge) for _ in range(2)]
        assert (len(first.legs), len(second.legs)) == (1, 1)
        with pytest.raises(CallFailed, match="503"):
            await dial(process, edge)
        await first.leg.hang_up()
        await dear.endpoint.agent.settle(2)
        legs.append(await dial(process, edge))
        assert (len(first.legs), len(second.legs)) == (2, 1), "its channel is free again, and it comes first"
        for leg in legs[1:]:
            await leg.hang_up()
        await process.endpoint.agent.settle(2)
        assert edge.complaints() == []


async def test_of_many_calls_at_once_exactly_so_many_get_through(make_phone: MakePhone) -> None:
    """Kamailio's four processes count as one."""
    citizens = Desk()
    process, trunk = await make_phone(Desk()), await make_phone(citizens)
    async with running(an_edge([process.port], trunks=NOT_A_CALLER, outgoing=to(trunk, channels=5))) as edge:
        found = await asyncio.gather(*(dial(process, edge) for _ in range(20)), return_exceptions=True)
        refused = [failure.status for failure in found if isinstance(failure, CallFailed)]
        assert (len(citizens.legs), refused) == (5, [503] * 15)
        await asyncio.gather(*(leg.hang_up() for leg in citizens.legs))
        await process.endpoint.agent.settle(2)


async def test_a_trunk_that_refuses_hands_over_and_does_not_count_as_used(make_phone: MakePhone) -> None:
    away, stands = Desk(), Desk()
    process, refusing, standing = await make_phone(Desk()), await make_phone(away), await make_phone(stands)
    async with running(an_edge([process.port], trunks=NOT_A_CALLER, outgoing=to(refusing, standing, channels=2))) as edge:
        refusing.drain()  # 503
        legs = [await dial(process, edge) for _ in range(2)]
        assert (len(away.legs), len(stands.legs)) == (0, 2)
        calls = await edge.command("dlg.profile_get_size", "trunk", f"127.0.0.1:{refusing.port}")
        assert calls.strip() == "0"
        for leg in legs:
            await leg.hang_up()
        await process.endpoint.agent.settle(2)


async def test_a_busy_citizen_is_busy_and_a_dead_trunk_is_our_fault(make_phone: MakePhone) -> None:
    """408 would count as an attempt at which the citizen did not pick up; 503 is given back to the queue."""

    async def busy(leg: Leg) -> None:
        await leg.hang_up("busy")

    process, trunk = await make_phone(Desk()), await make_phone(busy)
    async with running(an_edge([process.port], trunks=NOT_A_CALLER, outgoing=to(trunk))) as edge:
        with pytest.raises(CallFailed, match="486"):
            await dial(process, edge)
        await trunk.endpoint.agent.settle(2)
        await trunk.stop()
        with pytest.raises(CallFailed, match="503"):
            await dial(process, edge)
