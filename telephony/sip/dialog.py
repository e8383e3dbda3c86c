"""Dialogs (RFC 3261 section 12): the two tags, the counters and the route that all requests of a call share."""

from __future__ import annotations

from dataclasses import dataclass, field

from telephony.sip.access import AccessList
from telephony.sip.headers import parse_address, parse_uri
from telephony.sip.message import Address, Message, Request, Response
from telephony.sip.transaction import OutgoingRequest


@dataclass
class Dialog:
    """One side's view of a call."""

    call_id: str
    local: str
    """Our From/To value, with our tag."""
    remote: str
    """Theirs, with their tag."""
    local_tag: str
    remote_tag: str
    target: str
    """Their Contact: where requests are addressed to."""
    peer: Address
    """Where their messages come from: where ours go when the route does not name a peer's address."""
    routes: tuple[str, ...] = ()
    local_cseq: int = 0
    remote_cseq: int = 0
    headers: tuple[tuple[str, str], ...] = field(default=())

    @classmethod
    def as_callee(cls, invite: Request, tag: str) -> Dialog:
        """The dialog that our answer to this INVITE makes."""
        return cls(
            call_id=invite.call_id,
            local=f"{invite.get('to')};tag={tag}",
            remote=invite.get("from") or "",
            local_tag=tag,
            remote_tag=invite.from_tag,
            target=contact_uri(invite) or "",
            peer=invite.source,
            routes=tuple(invite.all("record-route")),
            remote_cseq=invite.cseq,
        )

    @classmethod
    def as_caller(cls, invite: OutgoingRequest, tag: str, answer: Response) -> Dialog:
        """The dialog that this 2xx makes."""
        return cls(
            call_id=invite.call_id,
            local=invite.from_,
            remote=answer.get("to") or "",
            local_tag=tag,
            remote_tag=answer.to_tag,
            target=contact_uri(answer) or invite.uri,
            peer=answer.source,
            routes=tuple(reversed(answer.all("record-route"))),
            local_cseq=invite.cseq,
        )

    def owns(self, message: Message) -> bool:
        """Whether a request of the other side belongs to this dialog."""
        return message.call_id == self.call_id and message.to_tag == self.local_tag and message.from_tag == self.remote_tag

    def next_request(self, method: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> OutgoingRequest:
        """A new request inside the dialog."""
        self.local_cseq += 1
        return self._request(method, self.local_cseq, headers, body)

    def ack(self, cseq: int) -> OutgoingRequest:
        """The ACK of a 2xx."""
        return self._request("ACK", cseq, (), b"")

    def _request(self, method: str, cseq: int, headers: tuple[tuple[str, str], ...], body: bytes) -> OutgoingRequest:
        uri, routes = self.target, self.routes
        if routes:
            first = parse_address(routes[0]).uri
            if not parse_uri(first).loose:  # a strict router of the last century wants its own address as the target
                uri, routes = first, (*routes[1:], f"<{self.target}>")
        return OutgoingRequest(method, uri, self.local, self.remote, self.call_id, cseq, routes, headers, body)

    def next_hop(self, access: AccessList) -> Address:
        """Where to send: the first router, else the target, when it names a peer's address; else where they send from."""
        uri = parse_uri(parse_address(self.routes[0]).uri if self.routes else self.target)
        if access.allows(uri.host):
            return uri.host, uri.port or 5060
        return self.peer

    def accept(self, request: Request) -> bool:
        """Whether the request is newer than those before it; counts it. Learns a new Contact and a new source address."""
        if request.cseq <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq
        self.peer = request.source
        if request.method in ("INVITE", "UPDATE"):
            self.target = contact_uri(request) or self.target
        return True


def contact_uri(message: Message) -> str | None:
    """The address in Contact, None when there is none that can be used."""
    value = message.get("contact")
    return parse_address(value).uri if value and value != "*" else None
