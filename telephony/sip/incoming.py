"""A call that comes in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telephony.media.session import MediaSession
from telephony.sip import sdp
from telephony.sip.base import CallState, InvalidStateError
from telephony.sip.call import SipCall
from telephony.sip.dialog import Dialog
from telephony.sip.headers import parse_address, parse_uri
from telephony.sip.message import Request
from telephony.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint

_NUMBER = re.compile(r"\+?\d{3,15}$")


class IncomingCall(SipCall):
    """It rings until `answer`, `deny`, or the caller gives up."""

    def __init__(
        self, endpoint: Endpoint, media: MediaSession, request: Request, transaction: ServerTransaction, offer: sdp.Agreement | None
    ) -> None:
        """`offer` is what we would agree to; None when the caller leaves the offer to us."""
        super().__init__(endpoint, media, request.call_id, CallState.RINGING, request.source[0])
        self.dialog = Dialog.as_callee(request, self.agent.gen_tag())
        self.caller = caller_number(request)
        self.called = parse_uri(request.uri).user
        self._transaction = transaction
        self._offer = offer
        if offer is not None:
            self.codec = offer.plan.codec
        transaction.on_cancel = self._on_cancel

    def ring(self) -> None:
        """Tell the caller that it rings."""
        self._reply(180)

    def answer(self) -> None:
        """Pick up; raises pyVoIP's `InvalidStateError` when it does not ring (any more)."""
        if self.state != CallState.RINGING:
            raise InvalidStateError("Call is not ringing")
        self.state = CallState.ANSWERED
        self._accept_invite(self._transaction, self._offer)
        self.endpoint.engine.add(self.media)
        self.hooks.answered()

    def deny(self, status: int = 486) -> None:
        """Refuse it; raises pyVoIP's `InvalidStateError` when it does not ring."""
        if self.state != CallState.RINGING:
            raise InvalidStateError("Call is not ringing")
        self._reply(status)
        self.end("us", "refused", status)

    def on_bye(self) -> None:
        """The caller hung up; before our answer that ends the INVITE too."""
        if self.state == CallState.RINGING:
            self._reply(487)
        super().on_bye()

    def _on_cancel(self) -> None:
        if self.state == CallState.RINGING:
            self._reply(487)
            self.end("caller", "cancelled", 487)

    def _reply(self, status: int) -> None:
        tag = self.dialog.local_tag if self.dialog else None
        headers = [self.agent.contact(self._transaction.request.source)] if status < 300 else []
        self.agent.respond(self._transaction, status, tag=tag, headers=headers)


def caller_number(request: Request) -> str | None:
    """Who calls: what the network asserts, else what the caller says; None when withheld or not a number."""
    for value in (request.get("p-asserted-identity"), request.get("from")):
        if value is None:
            continue
        try:
            user = parse_uri(parse_address(value).uri).user
        except ValueError:
            continue
        number = re.sub(r"[-.() ]", "", user)
        if _NUMBER.match(number):
            return number
    return None
