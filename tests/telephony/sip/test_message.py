from __future__ import annotations

import pytest

from telephony.sip.headers import parse_address, parse_uri, parse_via, split_list
from telephony.sip.message import Malformed, Request, Response, is_keep_alive, parse, render

SOURCE = ("127.0.0.1", 5066)

INVITE = (
    b"INVITE sip:12345@gov.example SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP sbc.example:5062;branch=z9hG4bK77;rport, SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK76\r\n"
    b"Record-Route: <sip:p2.example;lr>,<sip:p1.example;lr>\r\n"
    b'From: "Zhang, San" <sip:+8613800000000@sbc.example>;tag=a1\r\n'
    b"To: <sip:12345@gov.example>\r\n"
    b"Call-ID: 8a@sbc.example\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Contact: <sip:13800000000@10.0.0.7:5070;transport=udp>\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)


def test_a_request_is_read() -> None:
    request = parse(INVITE, SOURCE)
    assert isinstance(request, Request)
    assert (request.method, request.uri) == ("INVITE", "sip:12345@gov.example")
    assert request.branch == "z9hG4bK77"
    assert len(request.all("via")) == 2
    assert request.all("record-route") == ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]
    assert (request.cseq, request.cseq_method, request.call_id) == (314159, "INVITE", "8a@sbc.example")
    assert (request.from_tag, request.to_tag) == ("a1", "")
    assert request.from_
    assert request.from_.name == "Zhang, San"
    assert request.body == b"v=0\n"


def test_compact_forms_case_folding_and_missing_spaces_mean_the_same() -> None:
    odd = (
        b"\r\n\r\nINVITE sip:12345@gov.example SIP/2.0\r\n"
        b"v:SIP/2.0/UDP sbc.example:5062;branch=z9hG4bK77;rport,\r\n   SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK76\r\n"
        b"RECORD-ROUTE:<sip:p2.example;lr>\r\nrecord-route :  <sip:p1.example;lr>\r\n"
        b'f:"Zhang, San"\r\n\t<sip:+8613800000000@sbc.example>;TAG=a1\r\n'
        b"t:<sip:12345@gov.example>\r\ni:8a@sbc.example\r\n"
        b"cseq:  314159    INVITE \r\n"
        b"M:<sip:13800000000@10.0.0.7:5070;transport=udp>\r\nL:4\r\n"
        b"X-Unknown: \xff\xfe not utf-8\r\n"
        b"\r\nv=0\ntrailing rubbish beyond Content-Length"
    )
    strange, plain = parse(odd, SOURCE), parse(INVITE, SOURCE)
    assert isinstance(strange, Request)
    assert isinstance(plain, Request)
    strange.headers.pop("x-unknown")
    assert strange.via == plain.via
    assert strange.all("record-route") == plain.all("record-route")
    assert (strange.from_, strange.to, strange.cseq, strange.call_id, strange.body) == (
        plain.from_,
        plain.to,
        plain.cseq,
        plain.call_id,
        plain.body,
    )


def test_bare_line_feeds_are_read() -> None:
    assert parse(INVITE.replace(b"\r\n", b"\n"), SOURCE).call_id == "8a@sbc.example"


def test_without_content_length_the_rest_is_the_body() -> None:
    assert parse(INVITE.replace(b"Content-Length: 4\r\n", b""), SOURCE).body == b"v=0\n"


def test_a_response_is_read() -> None:
    response = parse(INVITE.replace(b"INVITE sip:12345@gov.example SIP/2.0", b"SIP/2.0 486 Busy Here"), SOURCE)
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (486, "Busy Here")
    bare = parse(INVITE.replace(b"INVITE sip:12345@gov.example SIP/2.0", b"SIP/2.0 200"), SOURCE)
    assert isinstance(bare, Response)


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0\0\0\0", b"\r\n"])
def test_keep_alives_are_no_messages(data: bytes) -> None:
    assert is_keep_alive(data)
    assert not is_keep_alive(INVITE)


def test_what_is_written_is_exact() -> None:
    assert (
        render("SIP/2.0 200 OK", [("Via", "x"), ("To", "y")], b"ab") == b"SIP/2.0 200 OK\r\nVia: x\r\nTo: y\r\nContent-Length: 2\r\n\r\nab"
    )


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb"])
def test_headers_cannot_be_smuggled_in(value: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        render("SIP/2.0 200 OK", [("To", value)])


def test_bytes_that_are_not_utf8_come_back_as_they_were() -> None:
    request = parse(INVITE.replace(b"Zhang, San", b"\xd5\xc5\xc8\xfd"), SOURCE)
    assert b"\xd5\xc5\xc8\xfd" in render("SIP/2.0 200 OK", [("From", request.get("from") or "")])


def test_a_display_name_in_gbk_is_no_reason_to_refuse_a_caller() -> None:
    request = parse(
        INVITE.replace(b"Zhang, San", b"\xd5\xc5\xc8\xfd").replace(b"Content-Length", b"Subject: \xd5\xc5\r\nContent-Length"), SOURCE
    )
    assert request.from_ is not None
    assert request.from_.name == "\ufffd\ufffd\ufffd\ufffd"
    assert request.get("subject") == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"INVITE sip:12345@", b"INVITE sip:\xff12345@"),
        (b"INVITE sip:12345@", b"INVITE sip:12\x00345@"),
        (b"Call-ID: 8a", b"Call-ID: 8a\xff"),
        (b"<sip:+8613800000000@", b"<sip:\xed\xa0\x80@"),
        (b"tag=a1", b"tag=a1\xfe"),
        (b"To: <sip:12345@", b"To: <sip:\xd5\xc5@"),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 INV\xffITE"),
        (b"branch=z9hG4bK77", b"branch=z9hG4bK77\xff"),
    ],
)
def test_bytes_that_are_not_utf8_in_what_names_a_call_are_a_bad_request(good: bytes, bad: bytes) -> None:
    assert good in INVITE
    with pytest.raises(Malformed) as caught:
        parse(INVITE.replace(good, bad), SOURCE)
    assert caught.value.status == 400
    request = caught.value.message
    assert request is not None  # so that it is answered, with the Call-ID as it came
    sent = render("SIP/2.0 400 Bad Request", [("Call-ID", request.call_id)])
    assert (b"8a\xff@" if b"8a\xff" in bad else b"8a@") in sent


def test_what_cannot_be_answered_is_not() -> None:
    for data in (b"\x16\x03\x01\x02", b"INVITE", b"A B C", b"INVITE sip:a SIP/2.0\r\nFrom: x\r\n\r\n", bytes(range(256)) * 10):
        with pytest.raises(Malformed) as caught:
            parse(data, SOURCE)
        assert caught.value.message is None


def test_lists_are_cut_outside_of_quotes_and_brackets() -> None:
    assert split_list('"a,b" <sip:c,d@e>, <sip:f>') == ['"a,b" <sip:c,d@e>', "<sip:f>"]
    assert split_list(r'"quote \" , inside" <sip:a>') == [r'"quote \" , inside" <sip:a>']
    with pytest.raises(ValueError, match="quote"):
        split_list('"open <sip:a>')


def test_uris() -> None:
    uri = parse_uri("sip:+86-138:secret@[2001:db8::1]:5062;lr;transport=UDP?subject=x")
    assert (uri.user, uri.host, uri.port, uri.loose) == ("+86-138", "[2001:db8::1]", 5062, True)
    assert parse_uri("tel:+8612345;phone-context=x").user == "+8612345"
    assert parse_uri("sips:gov.example").host == "gov.example"
    for bad in ("", "sip:", "sip:@host", "sip:a@b:99999", "sip:a@b c", "no-colon", "1x:abc", "sip:a@ho st", "sip:a@host:0"):
        with pytest.raises(ValueError, match=r".+"):
            parse_uri(bad)


def test_addresses() -> None:
    address = parse_address('"A \\" B" <sip:a@b;tag=inside>;tag=outside;x="y;z"')
    assert (address.uri, address.tag, address.parameters["x"]) == ("sip:a@b;tag=inside", "outside", "y;z")
    assert parse_address("sip:a@b;tag=7").tag == "7"
    for bad in ("<sip:a@b", '"x <sip:a@b>', "a b <<sip:c>>", "nothing"):
        with pytest.raises(ValueError, match=r".+"):
            parse_address(bad)


def test_via() -> None:
    via = parse_via("SIP / 2.0 / UDP   Host.Example : 5061 ; branch = z9hG4bK1 ; rport")
    assert (via.transport, via.host, via.port, via.branch, via.parameters) == (
        "UDP",
        "host.example",
        5061,
        "z9hG4bK1",
        {"branch": "z9hG4bK1", "rport": None},
    )
    for bad in ("", "HTTP/1.1/TCP a", "SIP/2.0/UDP", "SIP/2.0/UDP a b"):
        with pytest.raises(ValueError, match="Via"):
            parse_via(bad)
