"""The user agent's lower half: the UDP socket, who may talk to it, transactions, and how our messages look."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Protocol

from hotline import logs
from telephony.sip.access import AccessList
from telephony.sip.base import SIPClient, VoIPPhone
from telephony.sip.message import REASONS, SERVED, Address, Malformed, Request, Response, is_keep_alive, parse, render
from telephony.sip.transaction import ClientTransaction, OutgoingRequest, ServerTransaction, ServerTransactions, Timers

_log = logs.get(__name__)

_DATAGRAM = 65535
_BURST = 64
_RECEIVE_BUFFER = 1 << 21
Header = tuple[str, str]
SUPPORTED = "timer, 100rel"
"""Extensions that we understand."""


@dataclass
class SipCounters:
    """What came over the SIP socket, for metrics."""

    received: int = 0
    foreign: int = 0
    """Datagrams of addresses that are no peers: not answered, not read."""
    malformed: int = 0
    repeated: int = 0
    """Requests that came again and got the same answer."""
    stray: int = 0
    """Responses and ACKs that belong to nothing."""
    refused: int = 0
    """Requests beyond the limit of remembered transactions."""
    send_errors: int = 0
    failures: int = 0
    """Errors of our own code; anything but 0 is a bug."""

    def as_dict(self) -> dict[str, int]:
        """Name to count."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


class RequestHandler(Protocol):
    """The upper half: what to do with requests."""

    def on_request(self, request: Request, transaction: ServerTransaction) -> None:
        """A new request; must be answered through `SipAgent.respond`."""
        ...

    def on_ack(self, request: Request) -> None:
        """The ACK of a 2xx."""
        ...


class SipAgent(SIPClient):
    """pyVoIP's SIPClient with our own receive loop, parser, transactions and message builder.

    Everything runs on the event loop's thread.
    """

    def __init__(
        self, phone: VoIPPhone, handler: RequestHandler, host: str, port: int, access: AccessList, user: str, timers: Timers
    ) -> None:
        """`host` and `port` are bound by `start`; port 0 takes a free one."""
        super().__init__(host, port, user, "", phone=phone, myIP=host, myPort=port, callCallback=None, fatalCallback=phone.fatal)
        self.counters = SipCounters()
        self.access = access
        self.timers = timers
        self.server_transactions = ServerTransactions(self.send, timers)
        self._handler = handler
        self._client_transactions: dict[tuple[str, str], ClientTransaction] = {}
        self._local_hosts: dict[str, str] = {}
        self._idle = asyncio.Event()

    # life

    def start(self) -> None:
        """Bind the socket and listen; raises `OSError` when the address is taken."""
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self.s.bind((self.myIP, self.myPort))
        except OSError:
            self.s.close()
            raise
        self.s.setblocking(False)
        self.out = self.s
        self.myPort = self.s.getsockname()[1]
        self.NSD = True
        asyncio.get_running_loop().add_reader(self.s.fileno(), self.recv)

    def stop(self) -> None:
        """Close the socket; what is not answered yet stays so."""
        if not self.NSD:
            return
        self.NSD = False
        asyncio.get_running_loop().remove_reader(self.s.fileno())
        self.s.close()
        self.server_transactions.close()
        for transaction in self._client_transactions.values():
            transaction.close()
        self._client_transactions.clear()

    async def settle(self, timeout_s: float) -> None:
        """Until each of our requests has its final answer, at most so long."""
        end = time.monotonic() + timeout_s
        while any(transaction.final is None for transaction in self._client_transactions.values()):
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), max(0.0, end - time.monotonic()))
            except TimeoutError:
                return

    # identifiers nobody can guess (pyVoIP counts)

    def gen_call_id(self) -> str:
        """A new Call-ID."""
        return secrets.token_hex(16)

    def gen_tag(self) -> str:
        """A new dialog tag."""
        return secrets.token_hex(8)

    def gen_branch(self, length: int = 32) -> str:
        """A new transaction name."""
        return "z9hG4bK" + secrets.token_hex(length // 2)

    # in

    def recv(self) -> None:
        """Datagrams are waiting."""
        for _ in range(_BURST):
            try:
                data, source = self.s.recvfrom(_DATAGRAM)
            except OSError:  # nothing more, or an ICMP error of somebody's closed port
                return
            self.counters.received += 1
            if not self.access.allows(source[0]):
                self.counters.foreign += 1
                continue
            try:
                self._receive(data, source)
            except Exception:  # noqa: BLE001 - no message may ever stop the line; the counter shows it
                self.counters.failures += 1
                _log.exception("telephony.sip.message_failed")

    def _receive(self, data: bytes, source: Address) -> None:
        if is_keep_alive(data):
            return
        try:
            message = parse(data, source)
        except Malformed as error:
            self.counters.malformed += 1
            if error.message is not None:
                self.send(self._render(error.message, error.status, error.reason, self.gen_tag()), source)
            return
        if isinstance(message, Response):
            self._receive_response(message)
        else:
            self._receive_request(message)

    def _receive_response(self, response: Response) -> None:
        transaction = self._client_transactions.get((response.branch, response.cseq_method))
        if transaction is None:
            self.counters.stray += 1
            return
        transaction.receive(response)
        if response.status >= 200:
            self._idle.set()

    def _receive_request(self, request: Request) -> None:
        transaction = self.server_transactions.find(request)
        if request.method == "ACK":
            if transaction is not None and transaction.final is not None and transaction.final >= 300:
                transaction.acknowledged()
            else:
                self._handler.on_ack(request)
            return
        if transaction is not None:
            self.counters.repeated += 1
            transaction.replay()
            return
        transaction = self.server_transactions.open(request)
        if transaction is None:
            self.counters.refused += 1
            return
        if request.method == "CANCEL":
            self._cancel(request, transaction)
            return
        try:
            self._handler.on_request(request, transaction)
        except Exception:
            self.respond(transaction, 500)
            raise

    def _cancel(self, request: Request, transaction: ServerTransaction) -> None:
        invite = self.server_transactions.find(request, "INVITE")
        if invite is None:
            self.respond(transaction, 481)
            return
        self.respond(transaction, 200)
        if invite.final is None:
            invite.on_cancel()

    # out

    def send(self, data: bytes, destination: Address) -> None:
        """Put a datagram on the wire. An error is counted: repetition mends what can be mended."""
        try:
            self.s.sendto(data, destination)
        except OSError:
            self.counters.send_errors += 1

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        reason: str | None = None,
        *,
        tag: str | None = None,
        headers: Iterable[Header] = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request. `tag`: our dialog tag, a new one when left out."""
        if transaction.final is not None:
            return
        data = self._render(transaction.request, status, reason, tag or self.gen_tag(), tuple(headers), body)
        transaction.respond(status, data)
        if status >= 200:
            self.server_transactions.forget_later(transaction.request)

    def _render(
        self, request: Request, status: int, reason: str | None, tag: str, headers: tuple[Header, ...] = (), body: bytes = b""
    ) -> bytes:
        head: list[Header] = [("Via", value) for value in request.all("via")]
        head[0] = ("Via", _stamp(request))
        if 100 < status < 300 and request.method == "INVITE":
            head += [("Record-Route", value) for value in request.all("record-route")]
        to = request.get("to")
        if to and status > 100 and (request.to is None or not request.to_tag) and ";tag=" not in to.lower():
            to = f"{to};tag={tag}"
        for name, value in (("From", request.get("from")), ("To", to), ("Call-ID", request.call_id), ("CSeq", request.get("cseq"))):
            if value:
                head.append((name, value))
        head += [*headers, ("Allow", ", ".join(SERVED)), ("Supported", SUPPORTED), ("User-Agent", "hotline")]
        return render(f"SIP/2.0 {status} {reason or REASONS[status]}", head, body)

    def request(
        self, outgoing: OutgoingRequest, destination: Address, on_response: Callable[[Response | None], None], branch: str | None = None
    ) -> ClientTransaction:
        """Send a request of ours; `branch` only for a CANCEL, which has that of its INVITE."""
        branch = branch or self.gen_branch()
        transaction = ClientTransaction(
            outgoing, destination, self.via(destination, branch), branch, self.send, self.timers, on_response, self._done
        )
        self._client_transactions[branch, outgoing.method] = transaction
        transaction.start()
        return transaction

    def acknowledge(self, ack: OutgoingRequest, destination: Address) -> None:
        """Send the ACK of a 2xx."""
        self.send(ack.render(self.via(destination, self.gen_branch())), destination)

    def _done(self, transaction: ClientTransaction) -> None:
        self._client_transactions.pop((transaction.branch, transaction.request.method), None)
        self._idle.set()

    # our addresses

    def local_host(self, peer: str) -> str:
        """Our address as `peer` sees it: the bound one, or, when bound to all, the one of the route there."""
        if self.myIP != "0.0.0.0":  # noqa: S104 - compared, not bound
            return str(self.myIP)
        if peer not in self._local_hosts:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect((peer, 9))  # sends nothing: it only chooses the route
                self._local_hosts[peer] = probe.getsockname()[0]
        return self._local_hosts[peer]

    def via(self, peer: Address, branch: str) -> str:
        """Our Via."""
        return f"SIP/2.0/UDP {self.local_host(peer[0])}:{self.myPort};branch={branch};rport"

    def contact(self, peer: Address) -> Header:
        """Our Contact."""
        return "Contact", f"<sip:{self.username}@{self.local_host(peer[0])}:{self.myPort}>"


def _stamp(request: Request) -> str:
    """The top Via with the address that the request came from (RFC 3261 18.2.1, RFC 3581)."""
    value = request.all("via")[0]
    host, port = request.source
    via = request.via
    if via is None:
        return value
    if "rport" in via.parameters and via.parameters["rport"] is None:
        head, _, tail = value.partition(";")
        pieces = [f"rport={port}" if piece.strip().lower() == "rport" else piece for piece in tail.split(";")]
        return ";".join([head, *pieces, f"received={host}"])
    return value if via.host == host else f"{value};received={host}"
