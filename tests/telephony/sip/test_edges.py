"""A peer made by hand, at the edges: bad media, dead networks, strangers, requests that belong to nothing."""

from __future__ import annotations

import asyncio

import pytest

from telephony.leg import HungUp
from telephony.media.codec import PCMA
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sounds import best_stretch, loud_part, tone


async def test_garbage_on_the_media_port_does_not_end_a_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    hotline = await make_phone(desk)
    peer = await make_peer(hotline)
    port = (await peer.call()).audio_port
    await peer.media_flows()
    stranger = await make_peer(hotline, "127.0.0.5")
    sound = PCMA.encode(tone(1000, 0.02))
    peer.rtp(port, sound)
    for data in (b"", b"\x80", b"abc", bytes(12), b"\x80\x65" + bytes(10) + b"\x63\x00\x00\x00", b"\xff" * 2000):
        peer.media.sendto(data, ("127.0.0.1", port))
    for number in range(20):
        stranger.rtp(port, sound, sequence=number)
    for number in range(1, 26):
        peer.rtp(port, sound, timestamp=160 * number)
        await asyncio.sleep(0.01)
    async with asyncio.timeout(3):
        while sum(any(frame) for frame in desk.heard) < 26:
            await asyncio.sleep(0.02)
    assert best_stretch(loud_part(b"".join(desk.heard)), 1000) > 25
    counters = hotline.counters()
    assert counters["media_foreign"] == 20, counters
    assert counters["media_malformed"] >= 5
    await peer.hang_up()


async def test_a_caller_whose_network_died_is_hung_up(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk, rtp_timeout_s=0.5))
    await peer.call()
    assert await desk.event(5) == HungUp("timeout", "no media")
    peer.respond(await peer.expect_request("BYE"), "200 OK")


async def test_a_caller_who_vanished_does_not_ring_for_ever(
    make_phone: MakePhone, make_peer: MakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.sip.endpoint.LONGEST_RINGING_S", 0.2)
    desk = Desk(answer=False)
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1, peer.sdp())
    branch = peer.branch
    await peer.expect(480, "INVITE", timeout=5)
    peer.request("ACK", 1, branch=branch)
    assert await desk.event() == HungUp("us", "refused")


async def test_a_caller_on_hold_may_be_silent(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk, rtp_timeout_s=0.5))
    await peer.call(peer.sdp(direction="inactive"))
    await asyncio.sleep(2.2)
    assert desk.events.empty()
    await peer.hang_up()


async def test_requests_that_belong_to_nothing(make_phone: MakePhone, make_peer: MakePeer) -> None:
    hotline = await make_phone(Desk())
    peer = await make_peer(hotline)
    for method, status in (
        ("OPTIONS", 200),
        ("BYE", 481),
        ("INFO", 481),
        ("NOTIFY", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("REFER", 403),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("BREW", 501),
    ):
        peer.request(method, 1)
        reply = await peer.receive()
        assert (reply.status, reply.get("Allow")) == (status, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY")
    peer.remote_tag = "nobody"
    for method in ("INVITE", "BYE", "OPTIONS"):
        peer.request(method, 1, peer.sdp() if method == "INVITE" else "")
        branch = peer.branch
        assert (await peer.receive()).status == 481
        if method == "INVITE":
            peer.request("ACK", 1, branch=branch)
    peer.request("ACK", 5)
    hotline.drain()
    peer.remote_tag = ""
    peer.request("OPTIONS", 9)
    assert (await peer.receive()).status == 503


async def test_inside_a_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    await peer.call()
    for cseq, method, status in (
        (5, "OPTIONS", 200),
        (6, "UPDATE", 200),
        (7, "BREW", 501),
        (8, "MESSAGE", 405),
        (9, "PRACK", 481),
        (10, "NOTIFY", 489),
        (11, "REFER", 603),
        (4, "INFO", 500),
        (4, "BYE", 500),
    ):
        peer.request(method, cseq)
        assert (await peer.receive()).status == status
    right = peer.remote_tag
    peer.remote_tag = right + "x"
    peer.request("BYE", 12)
    assert (await peer.receive()).status == 481, "a goodbye needs both tags, the Call-ID alone is not enough"
    peer.remote_tag = right
    await peer.hang_up()


async def test_a_merged_request_is_refused(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    await peer.call()
    peer.remote_tag, tag = "", peer.remote_tag
    peer.request("INVITE", 1, peer.sdp())
    await peer.expect(482)
    peer.request("ACK", 1, branch=peer.branch)
    peer.remote_tag = tag
    await peer.hang_up()


async def test_foreigners_get_no_answer(make_phone: MakePhone, make_peer: MakePeer) -> None:
    hotline = await make_phone(Desk(), peers=("127.0.0.9/32",))
    stranger, friend = await make_peer(hotline), await make_peer(hotline, "127.0.0.9")
    stranger.request("INVITE", 1, stranger.sdp())
    stranger.request("OPTIONS", 1)
    assert await stranger.silence(0.2) == []
    assert hotline.counters()["sip_foreign"] == 2
    assert hotline.live_calls == 0
    friend.request("OPTIONS", 1)
    assert (await friend.receive()).status == 200


async def test_no_free_port(make_phone: MakePhone, make_peer: MakePeer) -> None:
    hotline = await make_phone(Desk(), rtp_ports=(1, 1))
    peer = await make_peer(hotline)
    peer.request("INVITE", 1, peer.sdp())
    assert (await peer.expect(503)).get("Retry-After") == "5"
    peer.request("ACK", 1, branch=peer.branch)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("<sip:+86138-0000-0000@x>", "+8613800000000"),
        ("<tel:(010)12345678>", "01012345678"),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', None),
        ("<sip:alice@x>", None),
        ("<sip:1234567890123456@x>", None),
    ],
)
async def test_who_calls(make_phone: MakePhone, make_peer: MakePeer, value: str, number: str | None) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    text = peer.request("OPTIONS", 1).replace("OPTIONS", "INVITE").replace('"Test" <sip:13900001111@127.0.0.1>', value)
    await peer.receive()
    peer.send(text.replace(peer.branch, "z9hG4bKcaller"))
    await asyncio.wait_for(desk.rang.wait(), 3)
    assert desk.leg.caller == number


async def test_the_network_knows_the_number_better_than_the_caller(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call(headers="P-Asserted-Identity: <sip:+8613500000000@trunk>\r\n")
    assert desk.leg.caller == "+8613500000000"
    await peer.hang_up()
