from __future__ import annotations

import asyncio

from telephony.sip.message import Request, Response, parse
from telephony.sip.transaction import ClientTransaction, OutgoingRequest, ServerTransactions, Timers, transaction_key

FAST = Timers(t1=0.01, t2=0.04)
PEER = ("127.0.0.1", 5060)
REQUEST = OutgoingRequest(
    "INVITE", "sip:b@host", "<sip:a@host>;tag=1", "<sip:b@host>", "c1", 7, ("<sip:p;lr>",), (("Contact", "<sip:a@h>"),), b"v=0"
)


def incoming(method: str = "INVITE", branch: str = "z9hG4bK1", sent_by: str = "host:5061") -> Request:
    message = parse(
        f"{method} sip:b@host SIP/2.0\r\nVia: SIP/2.0/UDP {sent_by};branch={branch}\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
        f"Call-ID: c\r\nCSeq: 1 {method}\r\n\r\n".encode(),
        PEER,
    )
    assert isinstance(message, Request)
    return message


def response(status: int, tag: str = "x") -> Response:
    return Response({"to": [f"<sip:b@host>;tag={tag}"]}, status=status)


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.heard: list[int | None] = []

    def send(self, data: bytes, _destination: tuple[str, int]) -> None:
        self.sent.append(data)

    def client(self, request: OutgoingRequest = REQUEST) -> ClientTransaction:
        def hear(answer: Response | None) -> None:
            self.heard.append(answer.status if answer else None)

        return ClientTransaction(
            request, PEER, "SIP/2.0/UDP me;branch=z9hG4bKm", "z9hG4bKm", self.send, FAST, hear, lambda _transaction: None
        )


def test_an_outgoing_request_is_exact() -> None:
    assert REQUEST.render("SIP/2.0/UDP me;branch=b") == (
        b"INVITE sip:b@host SIP/2.0\r\nVia: SIP/2.0/UDP me;branch=b\r\nRoute: <sip:p;lr>\r\nMax-Forwards: 70\r\n"
        b"From: <sip:a@host>;tag=1\r\n"
        b"To: <sip:b@host>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:a@h>\r\nUser-Agent: hotline\r\nContent-Length: 3\r\n\r\nv=0"
    )


def test_keys_tell_requests_apart() -> None:
    same = [transaction_key(incoming()), transaction_key(incoming("ACK"))]
    assert same[0] == same[1]
    others = [incoming("BYE"), incoming(branch="z9hG4bK2"), incoming(sent_by="host2:5061"), incoming(branch="old-style")]
    assert len({same[0], *map(transaction_key, others)}) == 5
    assert transaction_key(incoming("CANCEL"), "INVITE") == same[0]


async def test_a_silent_invite_is_repeated_then_given_up() -> None:
    wire = Wire()
    wire.client().start()
    async with asyncio.timeout(10):
        while not wire.heard:
            await asyncio.sleep(0.01)
    assert wire.heard == [None]
    assert 5 <= len(wire.sent) <= 7  # at 0, 1, 3, 7, 15, 31, 63 times T1, given up at 64; a busy machine is late for the last ones
    assert len(set(wire.sent)) == 1


async def test_ringing_stops_the_repetition_and_an_error_is_acknowledged_each_time() -> None:
    wire = Wire()
    transaction = wire.client()
    transaction.start()
    transaction.receive(response(180))
    await asyncio.sleep(0.1)
    assert len(wire.sent) == 1
    for _ in range(2):
        transaction.receive(response(486, "busy"))
    assert wire.heard == [180, 486]
    assert [data.split(b" ")[0] for data in wire.sent] == [b"INVITE", b"ACK", b"ACK"]
    assert b"\r\nVia: SIP/2.0/UDP me;branch=z9hG4bKm\r\nRoute: <sip:p;lr>\r\n" in wire.sent[1]
    assert b"To: <sip:b@host>;tag=busy\r\n" in wire.sent[1]
    assert b"CSeq: 7 ACK\r\n" in wire.sent[1]
    assert wire.sent[1].endswith(b"Content-Length: 0\r\n\r\n")


async def test_every_2xx_is_handed_up_since_the_dialog_acknowledges() -> None:
    wire = Wire()
    transaction = wire.client()
    transaction.start()
    transaction.receive(response(200))
    transaction.receive(response(200))
    assert wire.heard == [200, 200]
    assert len(wire.sent) == 1


async def test_other_requests_are_repeated_until_answered() -> None:
    wire = Wire()
    bye = wire.client(REQUEST.without_body("BYE"))
    bye.start()
    async with asyncio.timeout(3):
        while len(wire.sent) < 3:
            await asyncio.sleep(0.01)
    count = len(wire.sent)
    bye.receive(response(200))
    bye.receive(response(200))
    await asyncio.sleep(0.1)
    assert len(wire.sent) == count
    assert wire.heard == [200]


async def test_a_final_answer_to_an_invite_is_repeated_until_the_ack() -> None:
    wire = Wire()
    transactions = ServerTransactions(wire.send, FAST)
    transaction = transactions.open(incoming())
    assert transaction is not None
    transaction.respond(486, b"busy")
    async with asyncio.timeout(3):
        while len(wire.sent) < 3:
            await asyncio.sleep(0.01)
    found = transactions.find(incoming("ACK"))
    assert found is transaction
    found.acknowledged()
    count = len(wire.sent)
    await asyncio.sleep(0.1)
    assert len(wire.sent) == count


async def test_without_an_ack_somebody_is_told() -> None:
    transaction = ServerTransactions(Wire().send, FAST).open(incoming())
    assert transaction is not None
    lost = asyncio.Event()
    transaction.on_no_ack = lost.set
    transaction.respond(200, b"ok")
    await asyncio.wait_for(lost.wait(), 2)


async def test_a_repeated_request_gets_the_same_answer_then_is_forgotten() -> None:
    wire = Wire()
    transactions = ServerTransactions(wire.send, FAST)
    transaction = transactions.open(incoming("OPTIONS"))
    assert transaction is not None
    transaction.replay()
    assert wire.sent == []
    transaction.respond(200, b"ok")
    transaction.respond(500, b"second thoughts")
    transaction.replay()
    assert wire.sent == [b"ok", b"ok"]
    transactions.forget_later(incoming("OPTIONS"))
    async with asyncio.timeout(2):
        while len(transactions):
            await asyncio.sleep(0.01)


async def test_a_flood_is_bounded() -> None:
    transactions = ServerTransactions(Wire().send, FAST)
    transactions.MOST = 3
    opened = [transactions.open(incoming("OPTIONS", f"z9hG4bK{number}")) for number in range(5)]
    assert [item is not None for item in opened] == [True, True, True, False, False]
