"""Calls that we place to a peer made by hand: log-in, route, forks, crossings."""

from __future__ import annotations

import asyncio

import pytest

from telephony.leg import CallFailed
from telephony.sip.digest import Credentials
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone

FAST = Timers(t1=0.02, t2=0.08)


@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
async def test_we_log_in_once(make_phone: MakePhone, make_peer: MakePeer, status: str) -> None:
    phone = await make_phone(login=Credentials("u", "p"))
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}"))
    challenge = 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'
    name, answer = ("WWW-Authenticate", "Authorization") if status.startswith("401") else ("Proxy-Authenticate", "Proxy-Authorization")
    for cseq, present in ((1, False), (2, True)):
        invite = await peer.expect_request("INVITE")
        assert invite.cseq == f"{cseq} INVITE"
        assert bool(invite.get(answer)) is present
        peer.respond(invite, status, headers=f"{name}: {challenge}\r\n")
        assert (await peer.expect_request("ACK")).cseq == f"{cseq} ACK"
    with pytest.raises(CallFailed, match=status[:3]):
        await dialling


async def test_an_answered_call_is_acknowledged_each_time_along_the_route(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}"))
    invite = await peer.expect_request("INVITE")
    peer.respond(invite, "100 Trying")
    route = f"Record-Route: <sip:127.0.0.1:{peer.port};lr;n=2>, <sip:127.0.0.1:{peer.port};lr;n=1>\r\n"
    for _ in range(3):
        peer.respond(invite, "200 OK", peer.sdp("0 101"), route)
    acks = [await peer.expect_request("ACK") for _ in range(3)]
    assert {ack.all("Route")[0] for ack in acks} == {f"<sip:127.0.0.1:{peer.port};lr;n=1>"}
    assert acks[0].start == f"ACK sip:test@127.0.0.1:{peer.port} SIP/2.0"
    leg = await dialling
    assert leg.codec == "PCMU"
    await leg.hang_up()
    bye = await peer.expect_request("BYE")
    assert (bye.cseq, bye.all("Route")) == ("2 BYE", acks[0].all("Route"))
    peer.respond(bye, "200 OK")


async def test_a_second_phone_that_picks_up_is_sent_home(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}"))
    invite = await peer.expect_request("INVITE")
    peer.respond(invite, "200 OK", peer.sdp())
    leg = await dialling
    peer.tag = "second"
    peer.respond(invite, "200 OK", peer.sdp())
    bye = await peer.expect_request("BYE")
    assert bye.to_tag == "second"
    peer.respond(bye, "200 OK")
    assert leg.live
    await leg.hang_up()
    peer.respond(await peer.expect_request("BYE"), "200 OK")


async def test_an_answer_that_crosses_our_cancel_is_ended(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}", ring_s=0.2))
    invite = await peer.expect_request("INVITE")
    peer.respond(invite, "180 Ringing")
    cancel = await peer.expect_request("CANCEL")
    assert cancel.get("Via") == invite.get("Via")
    peer.respond(invite, "200 OK", peer.sdp())
    peer.respond(cancel, "200 OK")
    peer.respond(await peer.expect_request("BYE"), "200 OK")
    with pytest.raises(CallFailed, match="nobody answered"):
        await dialling


async def test_identifiers_cannot_be_guessed(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone(timers=FAST)
    peer = await make_peer(phone)
    seen: list[str] = []
    for _ in range(2):
        dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}"))
        invite = await peer.expect_request("INVITE")
        peer.respond(invite, "486 Busy Here")
        with pytest.raises(CallFailed):
            await dialling
        seen += [invite.get("Call-ID"), invite.get("From").rpartition("tag=")[2], invite.get("Via").rpartition("branch=")[2]]
        await peer.silence(0.05)
    assert len(set(seen)) == 6
    assert all(len(identifier.partition(";")[0]) >= 16 for identifier in seen)


async def test_a_phone_that_dies_while_it_rings_does_not_hold_the_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone(timers=FAST)
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}", ring_s=0.2))
    peer.respond(await peer.expect_request("INVITE"), "180 Ringing")
    await peer.expect_request("CANCEL")  # and never a word again
    with pytest.raises(CallFailed, match="nobody answered"):
        await asyncio.wait_for(dialling, 5)
    async with asyncio.timeout(5):
        while phone.endpoint.agent._client_transactions:
            await asyncio.sleep(0.02)
    assert phone.endpoint.calls == {}
