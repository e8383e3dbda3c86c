"""Calls of a peer made by hand: what goes over the wire, message by message."""

from __future__ import annotations

import asyncio
import re

from telephony.leg import Digit, HungUp, Leg
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.desk import Desk

FAST = Timers(t1=0.02, t2=0.08)


async def test_ringing_and_answer_are_apart_and_carry_one_tag(make_phone: MakePhone, make_peer: MakePeer) -> None:
    async def slow(leg: Leg) -> None:
        await asyncio.sleep(0.25)
        await leg.answer()
        await leg.events.get()

    peer = await make_peer(await make_phone(slow))
    peer.request("INVITE", 1, peer.sdp(), headers="Record-Route: <sip:127.0.0.1:1;lr>\r\n")
    assert (await peer.receive()).status == 100
    ringing = await peer.receive()
    began = asyncio.get_running_loop().time()
    answer = await peer.receive()
    assert (ringing.status, answer.status) == (180, 200)
    assert asyncio.get_running_loop().time() - began >= 0.09
    assert ringing.to_tag == answer.to_tag != ""
    for reply in (ringing, answer):
        assert reply.get("Record-Route") == "<sip:127.0.0.1:1;lr>"
        assert re.fullmatch(r"<sip:hotline@127\.0\.0\.1:\d+>", reply.get("Contact"))
        assert reply.get("Via") == (f"SIP/2.0/UDP 127.0.0.1:{peer.port};branch={peer.branch};rport={peer.port};received=127.0.0.1")
    assert b"m=audio" in answer.body
    assert answer.body.startswith(b"v=0\r\no=hotline ")
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1)
    await peer.hang_up()


async def test_who_is_answered_at_once_does_not_hear_it_ring(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    peer.request("INVITE", 1, peer.sdp())
    began = asyncio.get_running_loop().time()
    trying, answer = await peer.receive(), await peer.receive()
    assert (trying.status, answer.status) == (100, 200)
    assert asyncio.get_running_loop().time() - began < 0.1
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1)
    assert all(reply.status != 180 for reply in await peer.silence(0.3))
    await peer.hang_up()


async def test_an_invite_that_comes_again_gets_the_same_answer_and_doubles_nothing(make_phone: MakePhone, make_peer: MakePeer) -> None:
    hotline = await make_phone(Desk())
    peer = await make_peer(hotline)
    text = peer.request("INVITE", 1, peer.sdp())
    first = await peer.expect(200, "INVITE")
    for _ in range(5):
        peer.send(text)
    again = [reply for reply in await peer.silence(0.2) if reply.status == 200]
    assert {reply.raw for reply in again} == {first.raw}
    peer.remote_tag = first.to_tag
    peer.request("ACK", 1)
    assert await peer.senders(0.5) == 1
    assert hotline.live_calls == 1
    await peer.hang_up()


async def test_an_answer_is_repeated_until_its_ack_then_the_call_is_given_up(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk, timers=FAST))
    peer.request("INVITE", 1, peer.sdp())
    answer = await peer.expect(200, "INVITE")
    assert await desk.event(5) == HungUp("timeout", "not acknowledged")
    rest = await peer.silence(0.05)
    assert sum(reply.raw == answer.raw for reply in rest) > 5
    assert [reply.method for reply in rest if reply.method][:1] == ["BYE"]


async def test_our_goodbye_waits_for_the_ack(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1, peer.sdp())
    answer = await peer.expect(200, "INVITE")
    await desk.leg.hang_up()
    assert all(not reply.method for reply in await peer.silence(0.1))
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1)
    bye = await peer.expect_request("BYE")
    peer.respond(bye, "200 OK")
    assert bye.start == f"BYE sip:test@127.0.0.1:{peer.port} SIP/2.0"
    assert bye.to_tag == peer.tag


async def test_cancel(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk(answer=False)
    hotline = await make_phone(desk)
    peer = await make_peer(hotline)
    peer.request("INVITE", 1, peer.sdp())
    await peer.expect(180)
    branch = peer.branch
    peer.request("CANCEL", 1, branch=branch)
    replies = {(reply.status, reply.cseq) for reply in (await peer.receive(), await peer.receive())}
    assert replies == {(200, "1 CANCEL"), (487, "1 INVITE")}
    peer.request("ACK", 1, branch=branch)
    assert await desk.event() == HungUp("caller", "cancelled")
    assert hotline.live_calls == 0
    peer.request("CANCEL", 1, branch="z9hG4bKunknown")
    assert (await peer.expect(481)).cseq == "1 CANCEL"


async def test_goodbye_before_the_answer(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk(answer=False)
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1, peer.sdp())
    branch = peer.branch
    peer.remote_tag = (await peer.expect(180)).to_tag
    peer.request("BYE", 2)
    assert {(await peer.receive()).status, (await peer.receive()).status} == {200, 487}
    peer.request("ACK", 1, branch=branch)
    assert await desk.event() == HungUp("caller", "hung up")


async def test_hold_and_resume(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    for cseq, direction, ours, senders in ((2, "sendonly", b"a=recvonly", 0), (3, "sendrecv", b"a=sendrecv", 1)):
        peer.request("INVITE", cseq, peer.sdp(direction=direction))
        answer = await peer.expect(200, "INVITE")
        assert ours in answer.body
        assert f" {cseq} IN IP4".encode() in answer.body, "the version counts up"
        peer.request("ACK", cseq)
        assert await peer.senders(0.5) == senders
    await peer.hang_up()


async def test_renegotiation_that_cannot_work_leaves_the_call_as_it_was(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    await peer.call()
    peer.request("INVITE", 2, peer.sdp("18"))
    await peer.expect(488)
    peer.request("ACK", 2, branch=peer.branch)
    assert await peer.senders(0.3) == 1
    await peer.hang_up()


async def test_an_invite_without_offer_gets_ours(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1)
    answer = await peer.expect(200, "INVITE")
    assert b"RTP/AVP 8 0 101" in answer.body
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1, peer.sdp("0"))
    await peer.media_flows()
    assert desk.leg.codec == "PCMU"
    await peer.hang_up()


async def test_an_unusable_answer_in_the_ack_ends_the_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1)
    peer.remote_tag = (await peer.expect(200, "INVITE")).to_tag
    peer.request("ACK", 1)
    peer.respond(await peer.expect_request("BYE"), "200 OK")
    assert await desk.event() == HungUp("us", "no usable answer in the ACK")


async def test_keys_by_info(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    peer.request("INFO", 2, "Signal=7\r\nDuration=160\r\n", content_type="application/dtmf-relay")
    await peer.expect(200, "INFO")
    assert await desk.event() == Digit("7")
    for cseq, (content_type, body, status) in enumerate(
        [("application/dtmf", "hello", 400), ("application/media_control+xml", "<x/>", 415), ("", "", 200)], 3
    ):
        peer.request("INFO", cseq, body, content_type=content_type)
        await peer.expect(status, "INFO")
    assert desk.events.empty()
    await peer.hang_up()


async def test_keys_go_out_by_info_where_events_were_not_agreed(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call(peer.sdp("8", lines=""))
    desk.leg.press("5")
    info = await peer.expect_request("INFO")
    assert info.body == b"Signal=5\r\nDuration=160\r\n"
    peer.respond(info, "200 OK")
    await peer.hang_up()
