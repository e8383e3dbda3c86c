from __future__ import annotations

import pytest

from telephony.media.codec import PCMA, PCMU
from telephony.sip.sdp import LocalDescription, NotAcceptable, agree, find_body, parse

HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"


def offer(*lines: str, head: str = HEAD) -> bytes:
    return (head + "".join(f"{line}\r\n" for line in lines)).encode()


def test_the_offers_order_decides_and_all_numbers_are_theirs() -> None:
    agreement = agree(parse(offer("m=audio 4000 RTP/AVP 18 0 8 96", "a=rtpmap:96 telephone-event/8000", "a=rtpmap:18 G729/8000")))
    assert (agreement.plan.codec, agreement.plan.payload_type, agreement.plan.event_type) == (PCMU, 0, 96)
    assert agreement.plan.remote == ("10.0.0.1", 4000)


def test_dynamic_numbers_and_letter_case() -> None:
    agreement = agree(parse(offer("m=audio 4000 RTP/AVP 98 99", "a=rtpmap:98 pcma/8000/1", "a=rtpmap:99 Telephone-Event/8000")))
    assert (agreement.plan.codec, agreement.plan.payload_type, agreement.plan.event_type) == (PCMA, 98, 99)


def test_a_static_number_that_is_renamed_is_believed() -> None:
    with pytest.raises(NotAcceptable):
        agree(parse(offer("m=audio 4000 RTP/AVP 8", "a=rtpmap:8 PCMA/16000")))


def test_the_codec_in_use_is_kept_on_renegotiation() -> None:
    assert agree(parse(offer("m=audio 4000 RTP/AVP 0 8")), prefer=PCMA).plan.codec is PCMA


def test_the_streams_own_address_wins() -> None:
    assert agree(parse(offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 10.0.0.9"))).plan.remote == ("10.0.0.9", 4000)
    no_session_level = HEAD.replace("c=IN IP4 10.0.0.1\r\n", "")
    assert agree(parse(offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 10.0.0.9/127", head=no_session_level))).plan.remote[0] == "10.0.0.9"


@pytest.mark.parametrize(
    ("theirs", "ours", "may_send", "will_receive"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "recvonly", False, True),
        ("recvonly", "sendonly", True, False),
        ("inactive", "inactive", False, False),
    ],
)
def test_directions(theirs: str, ours: str, may_send: bool, will_receive: bool) -> None:
    for body in (offer("m=audio 4000 RTP/AVP 8", f"a={theirs}"), offer("m=audio 4000 RTP/AVP 8", head=HEAD + f"a={theirs}\r\n")):
        agreement = agree(parse(body))
        assert (agreement.direction, agreement.plan.may_send, agreement.plan.will_receive) == (ours, may_send, will_receive)
        assert agreement.held is not may_send


def test_hold_the_old_way() -> None:
    agreement = agree(parse(offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0")))
    assert (agreement.direction, agreement.plan.may_send) == ("inactive", False)


def test_the_answer_is_exact_and_refuses_what_else_was_offered() -> None:
    description = parse(
        offer("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "m=audio 4002 RTP/AVP 8")
    )
    local = LocalDescription("10.0.0.2", 20000, 77)
    assert local.answer(agree(description)) == (
        b"v=0\r\no=hotline 77 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n"
        b"m=video 0 RTP/AVP 31\r\n"
        b"m=audio 20000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        b"a=ptime:20\r\na=sendrecv\r\n"
        b"m=audio 0 RTP/AVP 8\r\n"
    )
    assert b"o=hotline 77 2 " in local.offer(), "each new description counts up"


def test_our_offer_can_be_agreed_to() -> None:
    agreement = agree(parse(LocalDescription("10.0.0.2", 20000, 1).offer()))
    assert (agreement.plan.codec, agreement.plan.event_type) == (PCMA, 101)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"v=0\r\n" + b"a=x\r\n" * 4000,
        offer(),
        offer("m=audio 0 RTP/AVP 8"),
        offer("m=audio 4000 RTP/SAVP 8"),
        offer("m=audio 4000 RTP/SAVPF 8 0"),
        offer("m=audio 4000 RTP/AVP 18 3"),
        offer("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
        offer("m=audio 99999 RTP/AVP 8"),
        offer("m=audio x RTP/AVP 8"),
        offer("m=audio"),
        offer("m=image 4000 udptl t38"),
        offer("m=audio 4000 RTP/AVP 8", head="v=0\r\n"),
        offer("m=audio 4000 RTP/AVP 8", "c=IN IP6 ::1", head="v=0\r\n"),
        offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 host.example", head="v=0\r\n"),
        offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 224.0.0.1", head="v=0\r\n"),
        offer("m=audio 4000 RTP/AVP 999"),
    ],
)
def test_what_cannot_work_is_not_acceptable(body: bytes) -> None:
    with pytest.raises(NotAcceptable):
        agree(parse(body))


def test_the_description_is_found_in_multipart() -> None:
    sdp = offer("m=audio 4000 RTP/AVP 8")
    body = (
        b"--x1\r\nContent-Type: application/isup;version=itu\r\n\r\n\x01\x02\r\n--x1\r\ncontent-type:application/sdp\r\n\r\n"
        + sdp
        + b"\r\n--x1--\r\n"
    )
    for kind in ("multipart/mixed;boundary=x1", 'Multipart/Mixed; boundary="x1"'):
        found = find_body(kind, body)
        assert found is not None
        assert agree(parse(found)).plan.remote == ("10.0.0.1", 4000)
    assert find_body("multipart/mixed", body) is None
    assert find_body("text/plain", sdp) is None
    assert find_body("application/sdp; charset=utf-8", sdp) == sdp
