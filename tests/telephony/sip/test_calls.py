"""Whole calls over real sockets: against our own stack (both codecs, both directions) and against a peer made by hand."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from telephony.leg import CallFailed, Digit, HungUp, Leg, LegEvent, LegGone
from telephony.media.codec import PCMA
from telephony.phone import Phone
from telephony.sip.digest import Credentials
from telephony.sip.transaction import Timers
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sounds import FRAME_BYTES, loud_part, signal_to_noise, tone

FAST = Timers(t1=0.02, t2=0.08)


class Desk:
    """Answers calls and keeps what happens in them."""

    def __init__(self, *, answer: bool = True) -> None:
        self.legs: list[Leg] = []
        self.events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self.heard: list[bytes] = []
        self.rang = asyncio.Event()
        self._answer = answer

    async def __call__(self, leg: Leg) -> None:
        self.legs.append(leg)
        self.rang.set()
        if self._answer:
            try:
                await leg.answer()
            except LegGone:
                pass
            leg.listen(self.heard.append)
        while True:
            event = await leg.events.get()
            self.events.put_nowait(event)
            if isinstance(event, HungUp):
                return

    @property
    def leg(self) -> Leg:
        return self.legs[-1]

    async def event(self, timeout: float = 3.0) -> LegEvent:
        return await asyncio.wait_for(self.events.get(), timeout)


def address(phone: Phone) -> str:
    return f"sip:12345@127.0.0.1:{phone.port}"


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_a_call_carries_sound_both_ways(make_phone: MakePhone, tmp_path: Path, codec: str) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone(user="13800000000")
    leg = await citizen.dial(address(hotline), codecs=(codec,))
    assert (desk.leg.codec, desk.leg.caller, desk.leg.called) == (codec, "13800000000", "12345")
    heard: list[bytes] = []
    leg.listen(heard.append)
    desk.leg.record(tmp_path / "call.wav")
    ours, theirs = desk.leg.play(tone(440, 0.6)), leg.play(tone(1000, 0.6))
    assert await ours.wait()
    assert await theirs.wait()
    await asyncio.sleep(0.1)
    for frames, hertz in ((heard, 440), (desk.heard, 1000)):
        assert {len(frame) for frame in frames} == {FRAME_BYTES}
        sound = loud_part(b"".join(frames))
        assert 0.5 < len(sound) / 16000 < 0.6
        assert signal_to_noise(sound, hertz) > 30
    seconds = await desk.leg.stop_recording()
    assert seconds > 0.6
    await leg.hang_up()
    assert await desk.event() == HungUp("caller", "hung up")
    assert await leg.events.get() == HungUp("us", "normal")


async def test_keys_both_ways(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    leg.press("0*#")
    desk.leg.press("19")
    assert [await desk.event() for _ in "0*#"] == [Digit("0"), Digit("*"), Digit("#")]
    assert [await asyncio.wait_for(leg.events.get(), 3) for _ in "19"] == [Digit("1"), Digit("9")]
    with pytest.raises(ValueError, match="key"):
        leg.press("x")


async def test_we_hang_up(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    playback = desk.leg.play(tone(440, 10))
    await desk.leg.hang_up("done")
    assert not await playback.wait()
    assert await desk.event() == HungUp("us", "done")
    assert await asyncio.wait_for(leg.events.get(), 3) == HungUp("caller", "hung up")
    assert not leg.live
    assert not await leg.play(tone(440, 1)).wait(), "on a dead call a playback is over at once"
    await leg.hang_up()


async def test_the_flow_that_forgets_to_hang_up_leaves_no_call(make_phone: MakePhone) -> None:
    async def forgetful(leg: Leg) -> None:
        await leg.answer()

    hotline, citizen = await make_phone(forgetful), await make_phone()
    leg = await citizen.dial(address(hotline))
    assert await asyncio.wait_for(leg.events.get(), 3) == HungUp("caller", "hung up")


async def test_the_flow_that_breaks_refuses_its_call_and_no_other(make_phone: MakePhone) -> None:
    count = 0

    async def broken(leg: Leg) -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise RuntimeError("boom")
        await leg.answer()
        await leg.events.get()

    hotline, citizen = await make_phone(broken), await make_phone()
    with pytest.raises(CallFailed, match="500"):
        await citizen.dial(address(hotline))
    await (await citizen.dial(address(hotline))).hang_up()


async def test_busy_when_there_are_too_many(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk, max_calls=1), await make_phone()
    first = await citizen.dial(address(hotline))
    with pytest.raises(CallFailed, match="486") as caught:
        await citizen.dial(address(hotline))
    assert caught.value.status == 486
    await first.hang_up()
    await desk.event()
    await (await citizen.dial(address(hotline))).hang_up()
    assert hotline.counters()["calls_busy"] == 1


async def test_refused_and_drained(make_phone: MakePhone) -> None:
    async def refuse(leg: Leg) -> None:
        await leg.hang_up("declined")

    hotline, citizen = await make_phone(refuse), await make_phone()
    with pytest.raises(CallFailed, match="603"):
        await citizen.dial(address(hotline))
    hotline.drain()
    with pytest.raises(CallFailed, match="503"):
        await citizen.dial(address(hotline))


async def test_giving_up_a_ringing_call(make_phone: MakePhone) -> None:
    desk = Desk(answer=False)
    hotline, citizen = await make_phone(desk), await make_phone()
    dialling = asyncio.create_task(citizen.dial(address(hotline)))
    await asyncio.wait_for(desk.rang.wait(), 3)
    await asyncio.sleep(0.05)
    dialling.cancel()
    assert await desk.event() == HungUp("caller", "cancelled")
    with pytest.raises(LegGone):
        await desk.leg.answer()
    with pytest.raises(asyncio.CancelledError):
        await dialling


async def test_nobody_answers_in_time(make_phone: MakePhone) -> None:
    desk = Desk(answer=False)
    hotline, citizen = await make_phone(desk), await make_phone()
    with pytest.raises(CallFailed, match="nobody answered"):
        await citizen.dial(address(hotline), ring_s=0.2)
    assert await desk.event() == HungUp("caller", "cancelled")


async def test_nobody_there(make_phone: MakePhone) -> None:
    citizen = await make_phone(timers=Timers(t1=0.005))
    with pytest.raises(CallFailed, match="408"):
        await citizen.dial("sip:12345@127.0.0.1:9")


@pytest.mark.parametrize("uri", ["12345", "tel:12345", "sip:12345@10.99.0.1", "sip:@", "http://127.0.0.1"])
async def test_what_cannot_be_dialled(make_phone: MakePhone, uri: str) -> None:
    phone = await make_phone()
    with pytest.raises(ValueError, match=r".+"):
        await phone.dial(uri)


async def test_stopping_the_phone_says_goodbye(make_phone: MakePhone) -> None:
    desk = Desk()
    hotline, citizen = await make_phone(desk), await make_phone()
    leg = await citizen.dial(address(hotline))
    await hotline.stop()
    assert await asyncio.wait_for(leg.events.get(), 1) == HungUp("caller", "hung up")


# a peer made by hand


async def test_ringing_and_answer_are_apart_and_carry_one_tag(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    peer.request("INVITE", 1, peer.sdp(), headers="Record-Route: <sip:127.0.0.1:1;lr>\r\n")
    began = asyncio.get_running_loop().time()
    ringing = await peer.receive()
    answer = await peer.receive()
    assert (ringing.status, answer.status) == (180, 200)
    assert asyncio.get_running_loop().time() - began >= 0.1
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
    peer.drain_rtp()
    await asyncio.sleep(1.0)
    assert 45 <= len(peer.drain_rtp()) <= 55
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
    for cseq, direction, ours, least, most in ((2, "sendonly", b"a=recvonly", 0, 1), (3, "sendrecv", b"a=sendrecv", 20, 30)):
        peer.request("INVITE", cseq, peer.sdp(direction=direction))
        answer = await peer.expect(200, "INVITE")
        assert ours in answer.body
        assert f" {cseq} IN IP4".encode() in answer.body, "the version counts up"
        peer.request("ACK", cseq)
        peer.drain_rtp()
        await asyncio.sleep(0.5)
        assert least <= len(peer.drain_rtp()) <= most
    await peer.hang_up()


async def test_renegotiation_that_cannot_work_leaves_the_call_as_it_was(make_phone: MakePhone, make_peer: MakePeer) -> None:
    peer = await make_peer(await make_phone(Desk()))
    await peer.call()
    peer.request("INVITE", 2, peer.sdp("18"))
    await peer.expect(488)
    peer.request("ACK", 2, branch=peer.branch)
    peer.drain_rtp()
    await asyncio.sleep(0.3)
    assert 12 <= len(peer.drain_rtp()) <= 18
    await peer.hang_up()


async def test_an_invite_without_offer_gets_ours(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk))
    peer.request("INVITE", 1)
    answer = await peer.expect(200, "INVITE")
    assert b"RTP/AVP 8 0 101" in answer.body
    peer.remote_tag = answer.to_tag
    peer.request("ACK", 1, peer.sdp("0"))
    for _ in range(100):
        if peer.drain_rtp():
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("no sound after the answer in the ACK")
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


async def test_garbage_on_the_media_port_does_not_end_a_call(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    hotline = await make_phone(desk)
    peer = await make_peer(hotline)
    port = (await peer.call()).audio_port
    stranger = await make_peer(hotline, "127.0.0.5")
    sound = PCMA.encode(tone(1000, 0.02))
    peer.rtp(port, sound)
    for data in (b"", b"\x80", b"abc", bytes(12), b"\x80\x65" + bytes(10) + b"\x63\x00\x00\x00", b"\xff" * 2000):
        peer.media.sendto(data, ("127.0.0.1", port))
    for number in range(20):
        stranger.rtp(port, sound, sequence=number)
    await asyncio.sleep(0.1)
    before = len(desk.heard)
    for number in range(1, 26):
        peer.rtp(port, sound, timestamp=160 * number)
        await asyncio.sleep(0.02)
    assert len(desk.heard) - before >= 25
    assert signal_to_noise(loud_part(b"".join(desk.heard[-25:])), 1000) > 25
    counters = hotline.counters()
    assert counters["media_foreign"] == 20
    assert counters["media_malformed"] >= 5
    await peer.hang_up()


async def test_a_caller_whose_network_died_is_hung_up(make_phone: MakePhone, make_peer: MakePeer) -> None:
    desk = Desk()
    peer = await make_peer(await make_phone(desk, rtp_timeout_s=0.5))
    await peer.call()
    assert await desk.event(5) == HungUp("timeout", "no media")
    peer.respond(await peer.expect_request("BYE"), "200 OK")


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
        ("NOTIFY", 405),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("BREW", 501),
    ):
        peer.request(method, 1)
        reply = await peer.receive()
        assert (reply.status, reply.get("Allow")) == (status, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO")
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
    for cseq, method, status in ((5, "OPTIONS", 200), (6, "UPDATE", 405), (7, "BREW", 501), (4, "INFO", 500), (4, "BYE", 500)):
        peer.request(method, cseq)
        assert (await peer.receive()).status == status
    right = peer.remote_tag
    peer.remote_tag = right + "x"
    peer.request("BYE", 8)
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


# calls that we place, to a peer made by hand


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
