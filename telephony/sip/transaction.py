"""Transactions over UDP (RFC 3261 section 17): what is sent again, until when, and what a repeated request gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from telephony.sip.message import Address, Request, Response, render

Send = Callable[[bytes, Address], None]


@dataclass(frozen=True)
class Timers:
    """The clocks of RFC 3261, in seconds. Tests shorten them."""

    t1: float = 0.5
    """Estimate of the round trip: the first repetition comes after this."""
    t2: float = 4.0
    """Longest pause between repetitions."""

    @property
    def give_up(self) -> float:
        """When nobody is believed to be there any more."""
        return 64 * self.t1


@dataclass(frozen=True)
class OutgoingRequest:
    """A request of ours, without the Via that its transaction adds."""

    method: str
    uri: str
    from_: str
    to: str
    call_id: str
    cseq: int
    routes: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def render(self, via: str) -> bytes:
        """The datagram."""
        head = [
            ("Via", via),
            *(("Route", route) for route in self.routes),
            ("Max-Forwards", "70"),
            ("From", self.from_),
            ("To", self.to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} {self.method}"),
            *self.headers,
            ("User-Agent", "hotline"),
        ]
        return render(f"{self.method} {self.uri} SIP/2.0", head, self.body)

    def without_body(self, method: str, to: str | None = None) -> OutgoingRequest:
        """The ACK or CANCEL that belongs to this INVITE."""
        return replace(self, method=method, to=to or self.to, headers=(), body=b"")


class Repeater:
    """Sends the same datagram again and again, at doubling pauses, until stopped or given up."""

    def __init__(self, send: Callable[[], None], timers: Timers, on_give_up: Callable[[], None], longest: float | None) -> None:
        """`send` is called now and after each pause; `longest`: no pause beyond it (None: they double on)."""
        self._send = send
        self._longest = longest
        self._pause = timers.t1
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._on_give_up = on_give_up
        self._end = loop.call_later(timers.give_up, self._give_up)
        self._next = loop.call_later(self._pause, self._again)
        send()

    def stop(self) -> None:
        """Enough."""
        self._next.cancel()
        self._end.cancel()

    def quiet(self) -> None:
        """No more repetitions, but the end stays."""
        self._next.cancel()

    def _again(self) -> None:
        self._pause *= 2
        if self._longest is not None:
            self._pause = min(self._pause, self._longest)
        self._next = self._loop.call_later(self._pause, self._again)
        self._send()

    def _give_up(self) -> None:
        self._next.cancel()
        self._on_give_up()


class ServerTransaction:
    """One request of the other side and our answer to it."""

    def __init__(self, request: Request, send: Send, timers: Timers) -> None:
        """`send` puts a datagram on the wire."""
        self.request = request
        self.on_no_ack: Callable[[], None] = lambda: None
        """Called when our final answer to an INVITE is never acknowledged."""
        self.on_cancel: Callable[[], None] = lambda: None
        """Called when the caller gives up before our final answer."""
        self.final: int | None = None
        self._send = send
        self._timers = timers
        self._answer: bytes | None = None
        self._repeater: Repeater | None = None

    def respond(self, status: int, data: bytes) -> None:
        """Send an answer. The final one to an INVITE is repeated until its ACK comes."""
        if self.final is not None:
            return
        self._answer = data
        if status < 200:
            self.replay()
            return
        self.final = status
        if self.request.method == "INVITE":
            self._repeater = Repeater(self.replay, self._timers, lambda: self.on_no_ack(), self._timers.t2)
        else:
            self.replay()

    def replay(self) -> None:
        """The request came again: so does the answer."""
        if self._answer is not None:
            self._send(self._answer, self.request.source)

    def acknowledged(self) -> None:
        """The ACK came."""
        self.close()

    def close(self) -> None:
        """Stop repeating."""
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None


Key = tuple[str, ...]


def transaction_key(request: Request, method: str | None = None) -> Key:
    """What makes two datagrams the same request (RFC 3261 17.2.3, with the older rule for branches without the cookie)."""
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    via = request.via
    place = f"{via.host}:{via.port or 5060}" if via else ""
    if request.branch.startswith("z9hG4bK"):
        return (request.branch, place, method)
    return (place, method, request.uri, request.from_tag, request.call_id, str(request.cseq), request.all("via")[0])


class ServerTransactions:
    """All requests of the last 32 seconds, so that a repeated one gets the same answer and does nothing twice."""

    MOST = 50_000

    def __init__(self, send: Send, timers: Timers) -> None:
        """`send` puts a datagram on the wire."""
        self._send = send
        self._timers = timers
        self._live: dict[Key, ServerTransaction] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._live)

    def find(self, request: Request, method: str | None = None) -> ServerTransaction | None:
        """The transaction that this datagram belongs to; `method` to find an INVITE by its CANCEL."""
        return self._live.get(transaction_key(request, method))

    def open(self, request: Request) -> ServerTransaction | None:
        """A new one; None when there are too many (a flood)."""
        if len(self._live) >= self.MOST:
            return None
        transaction = ServerTransaction(request, self._send, self._timers)
        self._live[transaction_key(request)] = transaction
        return transaction

    def forget_later(self, request: Request) -> None:
        """The final answer was given."""
        key = transaction_key(request)
        asyncio.get_running_loop().call_later(self._timers.give_up + self._timers.t2, self._forget, key)

    def _forget(self, key: Key) -> None:
        transaction = self._live.pop(key, None)
        if transaction is not None:
            transaction.close()

    def close(self) -> None:
        """Forget all."""
        for key in list(self._live):
            self._forget(key)


@dataclass
class ClientTransaction:
    """One request of ours. `on_response` gets every new response, and None when nobody answered in time."""

    request: OutgoingRequest
    destination: Address
    via: str
    branch: str
    send: Send
    timers: Timers
    on_response: Callable[[Response | None], None]
    on_done: Callable[[ClientTransaction], None]
    provisional: bool = False
    final: int | None = None
    _repeater: Repeater | None = field(default=None, repr=False)

    def start(self) -> None:
        """Send it, and again until something is heard."""
        data = self.request.render(self.via)
        longest = None if self.request.method == "INVITE" else self.timers.t2
        self._repeater = Repeater(lambda: self.send(data, self.destination), self.timers, self._timed_out, longest)

    def receive(self, response: Response) -> None:
        """A response with our branch came."""
        invite = self.request.method == "INVITE"
        if response.status < 200:
            if self.final is None:
                self.provisional = True
                if invite and self._repeater is not None:
                    self._repeater.stop()  # it rings: how long is for the caller to decide
                self.on_response(response)
            return
        if invite and response.status >= 300:
            self._acknowledge(response)
        repeated = self.final is not None
        if repeated and not (invite and response.status < 300):
            return
        self.final = response.status
        self.close()
        if not repeated:
            asyncio.get_running_loop().call_later(self.timers.give_up, self.on_done, self)
        self.on_response(response)  # a repeated 2xx too: it is the dialog that acknowledges it

    def abandon(self) -> None:
        """Wait for no answer any more."""
        self.close()
        self.final = 408
        self.on_done(self)

    def close(self) -> None:
        """Stop repeating."""
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None

    def _acknowledge(self, response: Response) -> None:
        ack = self.request.without_body("ACK", response.get("to"))
        self.send(ack.render(self.via), self.destination)

    def _timed_out(self) -> None:
        self.final = 408
        self.on_done(self)
        self.on_response(None)
