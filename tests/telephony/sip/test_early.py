"""Before the answer: announcements (183), ringing that is acknowledged (RFC 3262), who calls and which number was called."""

from __future__ import annotations

import asyncio

import pytest

from telephony.leg import CallFailed, CallHeaders, HungUp, Leg, LegGone
from telephony.media.codec import PCMA
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.desk import Desk
from tests.telephony.sip.peer import Peer, Reply
from tests.telephony.sounds import best_stretch, loud_part, signal_to_noise, tone

FAST = Timers(t1=0.02, t2=0.08)
RELIABLE = "Require: 100rel\r\n"


class Announcer:
    """Plays a tone before it answers. `refuses`: it says busy after the tone."""

    def __init__(self, *, answer: bool = True, refuses: bool = False, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s
        self.leg: Leg | None = None
        self.gone = asyncio.Event()
        self._answer, self._refuses = answer, refuses

    async def __call__(self, leg: Leg) -> None:
        self.leg = leg
        await asyncio.sleep(self._pause_s)
        try:
            if await leg.early_media():
                await leg.play(tone(440, 0.8)).wait()
            if self._refuses:
                await leg.hang_up("busy")
            elif self._answer:
                await leg.answer()
        except LegGone:
            self.gone.set()
            return
        while not isinstance(await leg.events.get(), HungUp):
            pass
        self.gone.set()


async def prack(peer: Peer, ringing: Reply, cseq: int) -> None:
    """Acknowledge a reliable answer."""
    peer.remote_tag = ringing.to_tag
    peer.request("PRACK", cseq, headers=f"RAck: {ringing.get('RSeq')} 1 INVITE\r\n")
    await peer.expect(200, "PRACK")


async def test_an_announcement_is_heard_before_the_answer(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Announcer()))
    peer.request("INVITE", 1, peer.sdp())
    progress = await peer.expect(183, "INVITE")
    assert b"a=sendrecv" in progress.body
    answer = await peer.expect(200, "INVITE")
    assert answer.body == progress.body, "what was agreed early is what holds"
    assert answer.to_tag == progress.to_tag
    sound = b"".join(PCMA.decode(packet[12:]) for packet in peer.drain_rtp() if packet[1] & 0x7F == 8)
    assert signal_to_noise(loud_part(sound), 440) > 30
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1)
    assert await peer.senders(0.4) == 1
    await peer.hang_up()


async def test_giving_up_during_the_announcement(make_phone: MakePhone, make_peer: MakePeer) -> None:
    announcer = Announcer(answer=False)
    peer = await make_peer(await make_phone(announcer))
    peer.request("INVITE", 1, peer.sdp())
    branch = peer.branch
    await peer.expect(183)
    peer.request("CANCEL", 1, branch=branch)
    await peer.expect(487, "INVITE")
    peer.request("ACK", 1, branch=branch)
    await asyncio.wait_for(announcer.gone.wait(), 3)


async def test_nothing_early_for_who_leaves_the_offer_to_us(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Announcer()))
    peer.request("INVITE", 1)
    assert (await peer.receive()).status == 100
    answer = await peer.receive()
    assert answer.status == 200
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1, peer.sdp())
    await peer.hang_up()


async def test_ringing_is_repeated_until_it_is_acknowledged(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Announcer(pause_s=0.3), timers=Timers(t1=0.05, t2=0.2)))
    peer.request("INVITE", 1, peer.sdp(), headers=RELIABLE)
    ringing = await peer.expect(180)
    assert ringing.get("Require") == "100rel"
    assert (await peer.receive()).raw == ringing.raw
    peer.remote_tag = ringing.to_tag
    peer.request("PRACK", 2, headers=f"RAck: {int(ringing.get('RSeq')) + 1} 1 INVITE\r\n")
    assert (await peer.expect_any("PRACK")).status == 481
    await prack(peer, ringing, 3)
    progress = await peer.expect(183)
    assert int(progress.get("RSeq")) == int(ringing.get("RSeq")) + 1
    assert all(reply.status in (180, 183) for reply in await peer.silence(0.2)), "no answer before the PRACK"
    await prack(peer, progress, 4)
    await peer.expect(200, "INVITE")
    peer.request("ACK", 1)
    await peer.hang_up()


async def test_ringing_that_is_never_acknowledged_ends_the_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk(answer=False)
    peer = await make_peer(await make_phone(desk, timers=FAST))
    peer.request("INVITE", 1, peer.sdp(), headers=RELIABLE)
    branch = peer.branch
    await peer.expect(504, "INVITE", timeout=5)
    peer.request("ACK", 1, branch=branch)
    assert await desk.event() == HungUp("timeout", "ringing was not acknowledged")


async def test_who_insists_on_acknowledging_but_offers_nothing_gets_our_offer_with_the_answer(
    make_phone: MakePhone, make_peer: MakePeer
) -> None:
    peer = await make_peer(await make_phone(Desk()))
    peer.request("INVITE", 1, headers=RELIABLE)
    assert (await peer.receive()).status == 100
    answer = await peer.receive()
    assert answer.status == 200
    assert b"m=audio" in answer.body
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1, peer.sdp())
    await peer.hang_up()


async def test_who_only_supports_it_gets_the_described_answers_reliably(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Announcer()))
    peer.request("INVITE", 1, peer.sdp(), headers="Supported: 100rel\r\n")
    progress = await peer.expect(183)
    await prack(peer, progress, 2)
    await peer.expect(200, "INVITE")
    peer.request("ACK", 1)
    await peer.hang_up()


async def test_we_acknowledge_ringing_and_take_the_description_that_came_with_it(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}"))
    invite = await peer.expect_request("INVITE")
    assert "100rel" in invite.get("Supported")
    for _ in range(2):
        peer.respond(invite, "183 Session Progress", peer.sdp(), headers="Require: 100rel\r\nRSeq: 7\r\n")
    heard = await peer.expect_request("PRACK")
    assert (heard.get("RAck"), heard.cseq) == ("7 1 INVITE", "2 PRACK")
    assert heard.to_tag == peer.tag
    peer.respond(heard, "200 OK")
    assert all(reply.method != "PRACK" for reply in await peer.silence(0.1)), "once is enough"
    peer.respond(invite, "200 OK")
    leg = await dialling
    await peer.media_flows()
    await leg.hang_up()
    bye = await peer.expect_request("BYE")
    assert bye.cseq == "3 BYE"
    peer.respond(bye, "200 OK")


async def test_a_longer_session_is_granted_once(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}"))
    invite = await peer.expect_request("INVITE")
    assert (invite.get("Session-Expires"), invite.get("Min-SE")) == ("1800", "90")
    peer.respond(invite, "422 Session Interval Too Small", headers="Min-SE: 3600\r\n")
    await peer.expect_request("ACK")
    again = await peer.expect_request("INVITE")
    assert (again.get("Session-Expires"), again.get("Min-SE"), again.cseq) == ("3600", "3600", "2 INVITE")
    peer.respond(again, "422 Session Interval Too Small", headers="Min-SE: 3600\r\n")
    with pytest.raises(CallFailed, match="422"):
        await dialling


async def test_what_the_trunk_says_about_a_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    await peer.call(
        headers="P-Asserted-Identity: <sip:anonymous@trunk>, <tel:+86-138-0000-0000>\r\n"
        'Diversion: "City, Hall" <sip:02588880000@trunk>;reason=no-answer, <sip:110@trunk>\r\n'
    )
    assert desk.leg.caller == "+8613800000000"
    assert desk.leg.called == "12345"
    assert desk.leg.headers == CallHeaders("+8613800000000", "13900001111", "02588880000", "Test")
    await peer.hang_up()


async def test_the_called_number_when_the_trunk_calls_our_contact(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    text = peer.request("OPTIONS", 1).replace("OPTIONS sip:12345@", "INVITE sip:hotline@").replace("OPTIONS", "INVITE")
    await peer.receive()
    peer.send(text.replace("To: <sip:12345@", "To: <sip:96123@").replace(peer.branch, "z9hG4bKdid"))
    await asyncio.wait_for(desk.rang.wait(), 3)
    assert desk.leg.called == "96123"


async def test_the_number_that_we_show(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    dialling = asyncio.create_task(phone.dial(f"sip:13800000000@127.0.0.1:{peer.port}", caller="12345"))
    invite = await peer.expect_request("INVITE")
    assert invite.get("From").startswith("<sip:12345@127.0.0.1>;tag=")
    assert invite.get("P-Asserted-Identity") == "<sip:12345@127.0.0.1>"
    peer.respond(invite, "486 Busy Here")
    with pytest.raises(CallFailed):
        await dialling
    with pytest.raises(ValueError, match="digits"):
        await phone.dial(f"sip:13800000000@127.0.0.1:{peer.port}", caller="x>\r\nEvil: 1")


async def test_what_the_far_end_plays_before_its_answer_is_heard(make_phone: MakePhone) -> None:
    exchange, phone = Announcer(pause_s=0.1), await make_phone()
    far = await make_phone(exchange)
    heard, told = bytearray(), []

    def on_early(leg: Leg) -> None:
        told.append(leg)
        leg.listen(heard.extend)

    leg = await phone.dial(f"sip:12345@127.0.0.1:{far.port}", on_early=on_early)
    leg.listen(None)
    assert told == [leg], "once, and it is the leg that answers later"
    assert best_stretch(loud_part(bytes(heard)), 440) > 30
    await leg.hang_up()


async def test_an_announcement_with_a_refusal_behind_it_is_heard_and_nothing_is_left(make_phone: MakePhone) -> None:
    exchange, phone = Announcer(refuses=True), await make_phone()
    far = await make_phone(exchange)
    heard = bytearray()
    with pytest.raises(CallFailed, match="486"):
        await phone.dial(f"sip:12345@127.0.0.1:{far.port}", on_early=lambda leg: leg.listen(heard.extend))
    assert best_stretch(loud_part(bytes(heard)), 440) > 30
    assert phone.live_calls == 0


async def test_a_description_that_is_none_before_the_answer_costs_nothing(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone()
    peer = await make_peer(phone)
    told: list[Leg] = []
    dialling = asyncio.create_task(phone.dial(f"sip:agent@127.0.0.1:{peer.port}", on_early=told.append))
    invite = await peer.expect_request("INVITE")
    peer.respond(invite, "183 Session Progress", "v=0\r\nm=video 4000 RTP/AVP 31\r\n")
    peer.respond(invite, "183 Session Progress", peer.sdp(direction="recvonly"))
    peer.respond(invite, "200 OK", peer.sdp())
    await peer.expect_request("ACK")
    leg = await dialling
    assert told == []
    await peer.media_flows()
    await leg.hang_up()
    peer.respond(await peer.expect_request("BYE"), "200 OK")
