"""Messages as RFC 4475 (torture tests) and bad networks make them. Each gets its status, and afterwards the phone still works."""

from __future__ import annotations

import asyncio
import random

import pytest

from telephony.leg import Leg
from telephony.phone import Phone
from tests.telephony.conftest import MakePeer, MakePhone
from tests.telephony.sip.peer import Peer

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"


async def ring(leg: Leg) -> None:
    await leg.events.get()


def good(peer: Peer, method: str = "INVITE", body: str = SDP) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:12345@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bK{peer.call_id};rport\r\n"
        f"From: <sip:a@h>;tag={peer.tag}\r\nTo: <sip:12345@h>\r\nCall-ID: {peer.call_id}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:a@127.0.0.1:{peer.port}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    )


def swap(old: str, new: str) -> tuple[str, str]:
    return old, new


BAD: dict[str, tuple[tuple[str, str], int]] = {
    "no From": (swap("From: <sip:a@h>;tag={tag}\r\n", ""), 400),
    "no To": (swap("To: <sip:12345@h>\r\n", ""), 400),
    "no CSeq": (swap("CSeq: 1 INVITE\r\n", ""), 400),
    "CSeq without a method": (swap("CSeq: 1 INVITE", "CSeq: 1"), 400),
    "CSeq of another method": (swap("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), 400),
    "CSeq too large": (swap("CSeq: 1 ", "CSeq: 4294967296 "), 400),
    "CSeq negative": (swap("CSeq: 1 ", "CSeq: -1 "), 400),
    "two From": (swap("To: ", "From: <sip:x@y>;tag=2\r\nTo: "), 400),
    "two Call-ID": (swap("CSeq: ", "Call-ID: other\r\nCSeq: "), 400),
    "two CSeq": (swap("CSeq: 1 INVITE", "CSeq: 1 INVITE\r\nCSeq: 2 INVITE"), 400),
    "Content-Length too large": (swap("Content-Length: ", "Content-Length: 9"), 400),
    "Content-Length negative": (swap("Content-Length: ", "Content-Length: -"), 400),
    "Content-Length no number": (swap("Content-Length: ", "Content-Length: x"), 400),
    "Max-Forwards too large": (swap("Max-Forwards: 70", "Max-Forwards: 300"), 400),
    "Max-Forwards no number": (swap("Max-Forwards: 70", "Max-Forwards: many"), 400),
    "quote left open": (swap("From: <", 'From: "Mr. A <'), 400),
    "bracket left open": (swap("To: <sip:12345@h>", "To: <sip:12345@h"), 400),
    "rubbish in Contact": (swap("Contact: <sip:a@", "Contact: <a b@"), 400),
    "no Contact": (swap("Contact: <sip:a@127.0.0.1:{port}>\r\n", ""), 400),
    "Contact is a star": (swap("Contact: <sip:a@127.0.0.1:{port}>", "Contact: *"), 400),
    "space in the request line": (swap("INVITE sip:12345@127.0.0.1 SIP", "INVITE  sip:12345@127.0.0.1 SIP"), 400),
    "brackets in the request line": (swap("INVITE sip:12345@127.0.0.1", "INVITE <sip:12345@127.0.0.1>"), 400),
    "no such version": (swap("127.0.0.1 SIP/2.0\r\nVia", "127.0.0.1 SIP/7.0\r\nVia"), 505),
    "no version at all": (swap("127.0.0.1 SIP/2.0\r\nVia", "127.0.0.1 HTTP/1.1\r\nVia"), 400),
    "unknown scheme": (swap("INVITE sip:12345@127.0.0.1", "INVITE soap.beep://192.0.2.103:3002"), 416),
    "control character": (swap("Max-Forwards: 70", "X-Test: a\x00b"), 400),
    "line without a colon": (swap("Max-Forwards: 70", "this is no header"), 400),
    "giant header": (swap("Max-Forwards: 70", "X-Test: " + "a" * 9000), 400),
    "too many headers": (swap("Max-Forwards: 70\r\n", "X-Test: a\r\n" * 300), 0),
    "no end of the headers": (swap("\r\n\r\n", "\r\n"), 400),
    "unknown extension": (swap("Max-Forwards: 70", "Require: nothingSupportsThis, nothingSupportsThisEither"), 420),
    "an extension that we do not have": (swap("Max-Forwards: 70", "Require: precondition"), 420),
    "unknown body": (swap("application/sdp", "application/unknown"), 415),
    "packed body": (swap("Max-Forwards: 70", "Content-Encoding: gzip"), 415),
    "no Content-Type": (swap("Content-Type: application/sdp\r\n", ""), 415),
    "encrypted media only": (swap("RTP/AVP 8", "RTP/SAVP 8"), 488),
    "unknown codec only": (swap("RTP/AVP 8", "RTP/AVP 9"), 488),
    "body is no description": (swap("v=0", "v:0"), 488),
    "no audio": (swap("m=audio", "m=video"), 488),
    "no address": (swap("c=IN IP4 127.0.0.1", "c=IN IP6 ::1          "), 488),
    "unknown method": (swap("INVITE", "NEWMETHOD"), 501),
    "dreadfully long method": (swap("INVITE", "!interesting-Method0123456789_*+`.%indeed'~"), 501),
    "lower-case method": (swap("INVITE", "invite"), 501),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_requests_get_their_status(make_phone: MakePhone, make_peer: MakePeer, name: str) -> None:
    phone = await make_phone(ring)
    peer = await make_peer(phone)
    (old, new), status = BAD[name]
    text = good(peer)
    fill = {"{tag}": peer.tag, "{port}": str(peer.port)}
    for mark, value in fill.items():
        old, new = old.replace(mark, value), new.replace(mark, value)
    assert old in text
    peer.send(text.replace(old, new))
    if status:
        reply = await peer.receive()
        assert reply.status == status, reply.start
        assert reply.get("Call-ID").startswith(peer.call_id)
        assert reply.to_tag or name == "no To"
    assert phone.live_calls == 0
    await still_works(peer)


KIND: dict[str, tuple[str, str]] = {
    "extra spaces": ("CSeq: 1 INVITE", "CSeq  :   1    INVITE  "),
    "folded": ("From: <", "From:\r\n  <"),
    "compact": ("Call-ID:", "i:"),
    "upper case": ("Via:", "VIA:"),
    "escapes in the user part": (
        "INVITE sip:12345@127.0.0.1 SIP",
        "INVITE sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@h SIP",
    ),
    "telephone number": ("INVITE sip:12345@127.0.0.1 SIP", "INVITE tel:12345 SIP"),
    "quotes with escapes": ("From: <sip:a@h>", 'From: "J Rosenberg \\\\\\"" <sip:a@h>'),
    "unknown headers": ("Max-Forwards: 70", "NewFangledHeader: newfangled value\r\n continued\r\nX: "),
    "empty display name": ("From: <", 'From: ""<'),
    "max forwards of zero": ("Max-Forwards: 70", "Max-Forwards: 0"),
    "old branch": ("branch=z9hG4bK", "branch="),
    "no rport": (";rport", ""),
    "two languages in one line": ("From: <", "From: 张三 <"),
    "trailing rubbish": ("m=audio 4000 RTP/AVP 8\r\n", "m=audio 4000 RTP/AVP 8\r\n"),
}


@pytest.mark.parametrize("name", KIND)
async def test_odd_but_legal_requests_ring(make_phone: MakePhone, make_peer: MakePeer, name: str) -> None:
    phone = await make_phone(ring)
    peer = await make_peer(phone)
    old, new = KIND[name]
    text = good(peer)
    assert old in text
    peer.send(text.replace(old, new) + ("\r\n\r\nrubbish" if name == "trailing rubbish" else ""))
    await peer.expect(180)
    assert phone.live_calls == 1


async def still_works(peer: Peer) -> None:
    """A plain OPTIONS gets its 200."""
    await peer.silence(0)
    peer.call_id += "o"
    peer.send(good(peer, "OPTIONS", ""))
    async with asyncio.timeout(3):
        while (await peer.receive(3)).cseq != "1 OPTIONS":
            pass


async def test_responses_out_of_nowhere_are_ignored(make_phone: MakePhone, make_peer: MakePeer) -> None:
    phone = await make_phone(ring)
    peer = await make_peer(phone)
    text = good(peer).partition("\r\n")[2]
    for line in ("SIP/2.0 200 OK", "SIP/2.0 100", "SIP/2.0 4294967301 better not break", "SIP/2.0 999 x", "SIP/3.0 200 OK", "SIP/2.0 -1 x"):
        peer.send(f"{line}\r\n{text}")
    peer.send(f"SIP/2.0 200 OK\r\n{text}".replace("1 INVITE", "1"))
    peer.send(f"ACK sip:a SIP/2.0\r\n{text}".replace("1 INVITE", "1 ACK").replace("From: <", "From: <<"))
    assert all(not reply.status or reply.status >= 400 for reply in await peer.silence(0.1))
    await still_works(peer)


async def test_two_thousand_mutations_do_not_stop_the_phone(make_phone: MakePhone, make_peer: MakePeer) -> None:
    """Seeded, so that a failure can be repeated. `make_phone` fails the test when our own code raised anything."""
    phone = await make_phone(ring, max_calls=300)
    peer = await make_peer(phone)
    dice = random.Random(20261122)
    seeds = [good(peer).encode(), good(peer, "OPTIONS", "").encode(), good(peer, "BYE", "").encode(), good(peer, "CANCEL", "").encode()]
    seeds.append(good(peer).replace("INVITE sip:12345@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK").encode())
    for number in range(2000):
        data = mutate(dice, dice.choice(seeds), number)
        peer.send(data)
        if number % 50 == 0:
            await peer.silence(0)
    await settled(phone, peer)
    counters = phone.counters()
    assert counters["sip_received"] > 1900
    assert counters["sip_failures"] == 0
    assert counters["sip_malformed"] > 100
    await still_works(peer)


def mutate(dice: random.Random, data: bytes, number: int) -> bytes:
    """Change a few bytes, cut, double or exchange pieces; another Call-ID each time, so that calls do begin."""
    raw = bytearray(data.replace(b"Call-ID: ", b"Call-ID: %d" % number).replace(b"z9hG4bK", b"z9hG4bK%d" % number))
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(raw))
        match dice.randrange(6):
            case 0:
                raw[place] = dice.randrange(256)
            case 1:
                del raw[place : place + dice.randint(1, 40)]
            case 2:
                raw[place:place] = bytes(raw[place : place + dice.randint(1, 40)])
            case 3:
                raw[place:place] = dice.choice([b"\r\n", b"\r\n\r\n", b'"', b"<", b">", b";", b",", b":", b"\0", b" ", b"\xff", b"%"])
            case 4:
                raw[place:place] = str(dice.choice([0, -1, 2**31, 2**32, 10**30])).encode()
            case _:
                del raw[place:]
        if not raw:
            break
    return bytes(raw)


async def settled(phone: Phone, peer: Peer) -> None:
    """Until the phone has read everything that was sent."""
    seen = -1.0
    while (received := phone.counters()["sip_received"]) != seen:
        seen = received
        await asyncio.sleep(0.05)
    await peer.silence(0)
