"""The SIP edge as the city runs it: who may call, which process takes a call, draining, floods, telephones."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from hotline.database import Database
from hotline.processes.edge import of_private
from hotline.processes.postgres import PrivatePostgres
from telephony.leg import CallFailed, HungUp, Leg
from telephony.media.codec import CODECS
from telephony.sip.digest import Credentials
from telephony.sip.registration import Registrar
from tests.telephony.conftest import MakePhone
from tests.telephony.edge.kamailio import KAMAILIO, POSTGRES_MODULE, an_edge, running
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.peer import Peer
from tests.telephony.sip.sipp import SIPP, run_sipp
from tests.telephony.sounds import best_stretch, loud_part, tone
from tests.ticketing.conftest import City
from ticketing.sip_account.service import issue

pytestmark = [
    pytest.mark.slow,  # starts another program
    pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed (Debian package kamailio)"),
]


async def test_calls_go_to_the_processes_in_turn_and_end_from_both_sides(make_phone: MakePhone) -> None:
    first, second = Desk(), Desk()
    processes = [await make_phone(first), await make_phone(second)]
    citizen = await make_phone()
    async with running(an_edge([phone.port for phone in processes])) as edge:
        for _ in range(2):
            leg = await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}")
            heard: list[bytes] = []
            leg.listen(heard.append)
            desk = first if first.legs and first.leg.live else second
            assert await desk.leg.play(tone(440, 0.8)).wait()
            await asyncio.sleep(0.6)  # longer than T1: an ACK that went astray would have brought the 200 again
            await (leg if desk is first else desk.leg).hang_up()
            assert isinstance(await desk.event(), HungUp)
            assert best_stretch(loud_part(b"".join(heard)), 440) > 35
        assert len(first.legs) == len(second.legs) == 1
        for phone in (*processes, citizen):
            await phone.endpoint.agent.settle(2)
            assert phone.counters()["sip_repeated"] == 0
        assert edge.complaints() == []


@pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian package sip-tester)")
async def test_sixty_calls_of_sipp_none_failed(make_phone: MakePhone, tmp_path: Path) -> None:
    (tmp_path / "tone").write_bytes(CODECS["PCMU"].encode(tone(440, 1.0)))
    processes = [await make_phone(Desk()) for _ in range(2)]
    async with running(an_edge([phone.port for phone in processes])) as edge:
        await run_sipp(edge.port, "pcmu", tmp_path, calls=60, rate=30)
        assert edge.complaints() == []
    assert [phone.counters()["calls_incoming"] for phone in processes] == [30, 30]


async def test_hold_and_early_media_through_the_edge(make_phone: MakePhone) -> None:
    async def announce(leg: Leg) -> None:
        assert await leg.early_media()
        assert await leg.play(tone(440, 0.8)).wait()
        await leg.answer()
        await leg.hold()
        await leg.resume()
        assert isinstance(await leg.events.get(), HungUp)

    process, citizen = await make_phone(announce), await make_phone()
    async with running(an_edge([process.port])) as edge:
        leg = await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}")
        told: list[bool] = []
        leg.on_held = told.append
        async with asyncio.timeout(3):
            while told != [True, False]:
                await asyncio.sleep(0.02)
        await leg.hang_up()
        await citizen.endpoint.agent.settle(2)
        assert edge.complaints() == []


async def test_a_process_that_drains_gets_no_new_calls_and_keeps_its_old_ones(make_phone: MakePhone) -> None:
    first, second = Desk(), Desk()
    draining, other = await make_phone(first), await make_phone(second)
    citizen = await make_phone()
    async with running(an_edge([draining.port, other.port])) as edge:
        legs = [await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}") for _ in range(2)]
        assert len(first.legs) == 1
        draining.drain()
        for _ in range(3):  # at once, before the edge has asked: 503, and the next process takes it
            legs.append(await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}"))
        assert len(second.legs) == 4
        await edge.until(draining.port, "IP")
        assert first.leg.live, "who is talking goes on talking"
        for leg in legs:
            await leg.hang_up()
        await citizen.endpoint.agent.settle(2)


async def test_a_full_process_passes_the_call_on_and_when_all_are_full_the_caller_hears_busy(make_phone: MakePhone) -> None:
    desk = Desk()
    processes = [await make_phone(desk, max_calls=1) for _ in range(2)]
    citizen = await make_phone()
    async with running(an_edge([phone.port for phone in processes])) as edge:
        legs = [await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}") for _ in range(2)]
        with pytest.raises(CallFailed, match="486"):
            await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}")
        for leg in legs:
            await leg.hang_up()
        await citizen.endpoint.agent.settle(2)


async def test_busy_of_a_person_is_not_passed_on(make_phone: MakePhone) -> None:
    async def refuse(leg: Leg) -> None:
        await leg.hang_up("busy")

    second = Desk()
    processes = [await make_phone(refuse), await make_phone(refuse)]
    citizen = await make_phone()
    async with running(an_edge([phone.port for phone in processes])) as edge:
        with pytest.raises(CallFailed, match="486"):
            await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}")
    assert sum(int(phone.counters()["calls_incoming"]) for phone in processes) == 1
    assert not second.legs


async def test_busy_is_repeated_to_a_caller_who_does_not_acknowledge_it(make_phone: MakePhone) -> None:
    async def refuse(leg: Leg) -> None:
        await leg.hang_up("busy")

    process = await make_phone(refuse)
    async with running(an_edge([process.port])) as edge:
        caller = await Peer.open(("127.0.0.1", edge.port), "127.0.0.1")
        try:
            caller.request("INVITE", 1, caller.sdp())
            async with asyncio.timeout(4):
                for _ in range(3):  # at once, after T1, after 2 T1 more: on a bad line two of them may be lost
                    await caller.expect_any("INVITE", status=486)
        finally:
            caller.close()
    assert process.counters()["calls_incoming"] == 1


async def test_a_dead_process_costs_its_next_caller_two_seconds_and_no_call(make_phone: MakePhone) -> None:
    desk = Desk()
    alive, dead = await make_phone(desk), await make_phone(Desk())
    citizen = await make_phone()
    async with running(an_edge([dead.port, alive.port])) as edge:
        await dead.stop()
        for _ in range(2):
            leg = await citizen.dial(f"sip:12345@127.0.0.1:{edge.port}", ring_s=10)
            await leg.hang_up()
        assert len(desk.legs) == 2
        await edge.until(dead.port, "IP")
        assert await edge.state_of(alive.port) == "AP"
        await citizen.endpoint.agent.settle(2)


async def test_strangers_hear_nothing_and_no_process_hears_of_them(make_phone: MakePhone) -> None:
    process = await make_phone(Desk())
    async with running(an_edge([process.port], trunks=("127.0.0.9",))) as edge:
        stranger, trunk = await Peer.open(("127.0.0.1", edge.port), "127.0.0.7"), await Peer.open(("127.0.0.1", edge.port), "127.0.0.9")
        for number in range(200):
            stranger.request(("OPTIONS", "INVITE", "REGISTER", "BREW")[number % 4], number + 1)
        assert await stranger.silence(0.5) == []
        assert process.counters()["calls_incoming"] == 0
        trunk.request("OPTIONS", 1)
        assert (await trunk.receive()).status == 200
        trunk.request("REGISTER", 2)
        assert (await trunk.receive()).status == 405, "nobody registers where no telephones are allowed"
        stranger.close()
        trunk.close()


@pytest.mark.skipif(POSTGRES_MODULE is None, reason="Kamailio's PostgreSQL module is not installed (kamailio-postgres-modules)")
class TestTelephones:
    """Agents' telephones: their extensions are in our database, Kamailio reads the view."""

    async def test_a_telephone_registers_rings_and_is_forgotten(
        self, city: City, database: Database, server: PrivatePostgres, make_phone: MakePhone
    ) -> None:
        async with city.database.transaction() as session:
            given = await issue(city.core, session, city.admin, city.agent.user_id or 0, "2001")
        role, folder = of_private_database(server, database)
        process = await make_phone(Desk())
        options = {"trunks": ("127.0.0.9",), "phones": "127.0.0.1/32", "database": role, "database_socket": folder}
        async with running(an_edge([process.port], **options)) as edge:
            right, wrong = Credentials("2001", given.password), Credentials("2001", "x")
            refused = await make_phone(registrar=Registrar("127.0.0.1", wrong, domain="hotline", port=edge.port))
            with pytest.raises(CallFailed, match="480"):
                await process.dial(f"sip:2001@127.0.0.1:{edge.port}")
            assert not refused.registered
            desk = Desk()
            telephone = await make_phone(desk, user="2001", registrar=Registrar("127.0.0.1", right, domain="hotline", port=edge.port))
            async with asyncio.timeout(5):
                while not telephone.registered:
                    await asyncio.sleep(0.02)
            leg = await process.dial(f"sip:2001@127.0.0.1:{edge.port}")
            assert await leg.play(tone(440, 0.8)).wait()
            await leg.hang_up()
            assert await desk.event() == HungUp("caller", "hung up")
            with pytest.raises(CallFailed, match="403"):
                await telephone.dial(f"sip:13800000000@127.0.0.1:{edge.port}")
            await telephone.stop()
            with pytest.raises(CallFailed, match="480"):
                await process.dial(f"sip:2001@127.0.0.1:{edge.port}")

    async def test_guessing_passwords_and_floods_end_in_silence(
        self, city: City, database: Database, server: PrivatePostgres, make_phone: MakePhone
    ) -> None:
        role, folder = of_private_database(server, database)
        process = await make_phone(Desk())
        options = {"trunks": ("127.0.0.9",), "phones": "127.0.0.0/24", "database": role, "database_socket": folder}
        async with running(an_edge([process.port], **options)) as edge:
            guesser = await Peer.open(("127.0.0.1", edge.port), "127.0.0.20")
            answers = [await guess(guesser, number) for number in range(1, 14)]
            assert answers[:11] == [401] * 11
            assert answers[12:] == [0], "after ten wrong ones nobody answers"
            guesser.close()
            flooder = await Peer.open(("127.0.0.1", edge.port), "127.0.0.21")
            for number in range(300):
                flooder.request("OPTIONS", number + 1)
            assert 30 <= len(await flooder.silence(1.0)) <= 200
            flooder.close()
            honest = await Peer.open(("127.0.0.1", edge.port), "127.0.0.22")
            honest.request("OPTIONS", 1)
            assert (await honest.receive()).status == 200, "one address's flood is not another's"
            honest.close()


def of_private_database(server: PrivatePostgres, database: Database) -> tuple[str, str]:
    """As `of_private`, for a test's own database."""
    name = make_url(database.url).database
    assert name
    return of_private(server, name)


async def guess(peer: Peer, number: int) -> int:
    """One log-in with a wrong password; the status, 0 for silence."""
    peer.request("REGISTER", number * 2, headers="Expires: 60\r\n")
    try:
        challenge = await peer.receive(0.5)
    except TimeoutError:
        return 0
    nonce = re.search(r'nonce="([^"]+)"', challenge.get("WWW-Authenticate"))
    assert nonce
    answer = f"{number:032x}"
    digest = (
        f'username="2001", realm="hotline", nonce="{nonce[1]}", uri="sip:hotline", response="{answer}", qop=auth, nc=00000001, cnonce="a"'
    )
    peer.request("REGISTER", number * 2 + 1, headers=f"Authorization: Digest {digest}\r\n")
    return (await peer.receive(0.5)).status


def test_the_two_patterns_of_extensions_are_one() -> None:
    from ticketing.sip_account.models import EXTENSION, REALM

    text = (Path(__file__).parents[3] / "docker/kamailio/kamailio.cfg").read_text(encoding="utf-8")
    assert f'#!define EXTENSION "{EXTENSION}"' in text
    assert f'#!define REALM "{REALM}"' in text
