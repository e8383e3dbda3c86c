"""Changes inside a call: hold and resume from our side, both at once, UPDATE, session timers."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from telephony.leg import CallFailed, HungUp, LegGone
from telephony.sip import session_timer
from telephony.sip.message import Request, Response, parse
from telephony.sip.session_timer import Interval, SessionTimer, TooShort
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.peer import Peer, Reply

FAST = Timers(t1=0.05, t2=0.2)


async def accept_change(peer: Peer, direction: str) -> Reply:
    """Answer the phone's re-INVITE with this direction; the re-INVITE."""
    invite = await peer.expect_request("INVITE")
    peer.respond(invite, "200 OK", peer.sdp(direction=direction))
    ack = await peer.expect_request("ACK")
    assert ack.cseq == invite.cseq.replace("INVITE", "ACK")
    return invite


async def test_we_hold_and_take_back(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    port = (await peer.call()).audio_port
    await peer.media_flows()
    holding = asyncio.create_task(desk.leg.hold())
    invite = await accept_change(peer, "recvonly")
    await holding
    assert b"a=sendonly" in invite.body
    assert b" 2 IN IP4" in invite.body, "the version counts up"
    assert b"RTP/AVP 8 0 101" in invite.body, "the codec in use comes first"
    assert invite.start == f"INVITE sip:test@127.0.0.1:{peer.port} SIP/2.0"
    assert invite.to_tag == peer.tag
    assert desk.leg.holding
    assert not desk.leg.held, "it is we who hold"
    assert await peer.senders(0.3) == 1, "music can be played to who is held"
    await desk.leg.hold()  # twice is harmless: nothing is sent
    resuming = asyncio.create_task(desk.leg.resume())
    assert b"a=sendrecv" in (await accept_change(peer, "sendrecv")).body
    await resuming
    assert not desk.leg.holding
    desk.heard.clear()
    async with asyncio.timeout(3):
        for number in count():
            peer.rtp(port, b"\x2a" * 160, timestamp=160 * number)
            await asyncio.sleep(0.01)
            if any(any(frame) for frame in desk.heard):
                break
    await peer.hang_up()


async def test_while_we_hold_a_change_of_theirs_does_not_undo_it(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    holding = asyncio.create_task(desk.leg.hold())
    await accept_change(peer, "recvonly")
    await holding
    for cseq, theirs, ours in ((2, "sendrecv", b"a=sendonly"), (3, "sendonly", b"a=inactive"), (4, "sendrecv", b"a=sendonly")):
        peer.request("INVITE", cseq, peer.sdp(direction=theirs))
        assert ours in (await peer.expect(200, "INVITE")).body
        peer.request("ACK", cseq)
    await peer.hang_up()


async def test_the_owner_is_told_of_their_hold(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    told: list[bool] = []
    desk.leg.on_held = told.append
    for cseq, direction in ((2, "sendonly"), (3, "sendonly"), (4, "sendrecv")):
        peer.request("INVITE", cseq, peer.sdp(direction=direction))
        await peer.expect(200, "INVITE")
        peer.request("ACK", cseq)
        assert desk.leg.held is (direction == "sendonly")
    assert told == [True, False]
    await peer.hang_up()


async def test_a_hold_that_is_refused_leaves_the_call_as_it_was(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    holding = asyncio.create_task(desk.leg.hold())
    invite = await peer.expect_request("INVITE")
    peer.respond(invite, "488 Not Acceptable Here")
    with pytest.raises(CallFailed, match="488"):
        await holding
    await peer.expect_request("ACK")
    assert not desk.leg.holding
    assert await peer.senders(0.3) == 1
    await peer.hang_up()


async def test_both_ask_at_once(make_phone: MakePhone, make_peer: MakePeer) -> None:
    """Theirs gets 491 while ours is open; ours, refused with 491, comes again by itself."""
    desk = Desk()
    peer = await make_peer(await make_phone(desk, timers=FAST))
    await peer.call()
    holding = asyncio.create_task(desk.leg.hold())
    ours = await peer.expect_request("INVITE")
    peer.request("INVITE", 2, peer.sdp(direction="sendonly"))
    branch = peer.branch
    assert (await peer.expect(491)).cseq == "2 INVITE"
    peer.request("ACK", 2, branch=branch)
    peer.respond(ours, "491 Request Pending")
    await peer.expect_request("ACK")
    await accept_change(peer, "recvonly")
    await holding
    await peer.hang_up()


async def test_a_call_that_ends_while_we_ask(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk, timers=FAST))
    await peer.call()
    holding = asyncio.create_task(desk.leg.hold())
    await peer.expect_request("INVITE")
    await peer.hang_up()
    with pytest.raises(LegGone):
        await holding
    with pytest.raises(LegGone):
        await desk.leg.resume() if desk.leg.holding else await desk.leg.hold()


async def test_an_update_refreshes_or_changes(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call()
    peer.request("UPDATE", 2)
    assert (await peer.expect(200, "UPDATE")).body == b""
    peer.request("UPDATE", 3, peer.sdp(direction="sendonly"))
    assert b"a=recvonly" in (await peer.expect(200, "UPDATE")).body
    assert desk.leg.held
    peer.request("UPDATE", 4, peer.sdp("18"))
    await peer.expect(488, "UPDATE")
    await peer.hang_up()


async def test_a_session_timer_is_agreed_on(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    answer = await peer.call(headers="Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n")
    assert (answer.get("Session-Expires"), answer.get("Require")) == ("120;refresher=uac", "timer")
    peer.request("UPDATE", 2, headers="Supported: timer\r\nSession-Expires: 60\r\n")
    assert (await peer.expect(422, "UPDATE")).get("Min-SE") == "90"
    peer.request("UPDATE", 3, headers="Supported: timer\r\nSession-Expires: 240;refresher=uas\r\n")
    answer = await peer.expect(200, "UPDATE")
    assert (answer.get("Session-Expires"), answer.get("Require")) == ("240;refresher=uas", "")
    await peer.hang_up()


async def test_too_short_a_session_is_refused_before_it_rings(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1, peer.sdp(), headers="Supported: timer\r\nSession-Expires: 89\r\n")
    assert (await peer.expect(422)).get("Min-SE") == "90"
    peer.request("ACK", 1, branch=peer.branch)
    assert not desk.legs


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits 90 s in a test: the limits are made small, the clock stays the real one."""
    monkeypatch.setattr(session_timer, "LEAST_S", 1)


async def test_we_refresh_when_it_is_ours_to_do(make_phone: MakePhone, make_peer: MakePeer, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call(headers="Supported: timer\r\nSession-Expires: 1;refresher=uas\r\n")
    versions = set()
    for _ in range(2):
        refresh = await peer.expect_request("INVITE")
        assert refresh.get("Session-Expires") == "1;refresher=uac"
        versions.add(refresh.body)
        peer.respond(refresh, "200 OK", peer.sdp(), headers="Require: timer\r\nSession-Expires: 1;refresher=uac\r\n")
        await peer.expect_request("ACK")
    assert len(versions) == 1, "a refresh changes nothing in the description"
    assert desk.events.empty()
    await peer.hang_up()


async def test_a_session_that_they_do_not_refresh_ends(make_phone: MakePhone, make_peer: MakePeer, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call(headers="Supported: timer\r\nSession-Expires: 1;refresher=uac\r\n")
    assert await desk.event(3) == HungUp("timeout", "session expired")
    peer.respond(await peer.expect_request("BYE"), "200 OK")


async def test_a_refresh_without_answer_ends_the_session(
    make_phone: MakePhone, make_peer: MakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch)
    desk = Desk()
    peer = await make_peer(await make_phone(desk, timers=Timers(t1=0.01, t2=0.04)))
    await peer.call(headers="Supported: timer\r\nSession-Expires: 1;refresher=uas\r\n")
    event = await desk.event(3)
    assert isinstance(event, HungUp)
    assert event.by == "timeout"


def message(start: str, headers: str) -> Request | Response:
    via = "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n"
    text = f"{start}\r\n{via}From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
    return parse(text.encode(), ("127.0.0.1", 5060))


@pytest.mark.parametrize(
    ("headers", "interval"),
    [
        ("", None),
        ("Supported: timer\r\n", Interval(1800, ours=False, required=True)),
        ("k: timer\r\nMin-SE: 3600\r\n", Interval(3600, ours=False, required=True)),
        ("Supported: timer\r\nx: 600\r\n", Interval(600, ours=False, required=True)),
        ("Supported: timer\r\nSession-Expires: 600 ; refresher=UAS\r\n", Interval(600, ours=True, required=True)),
        ("Session-Expires: 600\r\n", Interval(600, ours=True, required=False)),
        ("Session-Expires: 30\r\n", Interval(90, ours=True, required=False)),
        ("Supported: timer\r\nSession-Expires: soon\r\n", Interval(1800, ours=False, required=True)),
    ],
)
def test_what_a_caller_gets(headers: str, interval: Interval | None) -> None:
    request = message("INVITE sip:12345@x SIP/2.0", headers)
    assert isinstance(request, Request)
    assert session_timer.from_request(request) == interval


def test_what_a_called_phone_may_say() -> None:
    for headers, interval in (
        ("", None),
        ("Session-Expires: 600;refresher=uac\r\n", Interval(600, ours=True, required=True)),
        ("Session-Expires: 600;refresher=uas\r\n", Interval(600, ours=False, required=True)),
        ("Session-Expires: 5;refresher=uac\r\n", Interval(90, ours=True, required=True)),
    ):
        response = message("SIP/2.0 200 OK", headers)
        assert isinstance(response, Response)
        assert session_timer.from_response(response) == interval


def test_too_short_is_an_error_only_for_who_can_do_better() -> None:
    request = message("INVITE sip:12345@x SIP/2.0", "Supported: timer\r\nSession-Expires: 10\r\n")
    assert isinstance(request, Request)
    with pytest.raises(TooShort):
        session_timer.from_request(request)


async def test_the_timer_can_be_stopped_and_begun_anew() -> None:
    happened: list[str] = []
    timer = SessionTimer(lambda: happened.append("refresh"), lambda: happened.append("expired"))
    timer.run(Interval(1, ours=True))
    timer.stop()
    timer.run(None)
    await asyncio.sleep(0.6)  # its refresh was due after half a second
    assert happened == []
