"""A call that comes in."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from telephony.media.session import MediaSession
from telephony.sip import identity, sdp
from telephony.sip.base import CallState, InvalidStateError
from telephony.sip.call import SipCall
from telephony.sip.dialog import Dialog
from telephony.sip.message import Request
from telephony.sip.reliable import Provisional
from telephony.sip.session_timer import Interval
from telephony.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint

_RINGS_AFTER_S = 0.2
"""A flow that picks up at once needs no ringing."""
_APART_S = 0.1
"""At least so long between 180 and 200: a proxy with several workers may reorder what follows each other at once."""


class IncomingCall(SipCall):
    """It rings until `answer`, `deny`, or the caller gives up."""

    def __init__(
        self,
        endpoint: Endpoint,
        media: MediaSession,
        request: Request,
        transaction: ServerTransaction,
        offer: sdp.Agreement | None,
        interval: Interval | None,
    ) -> None:
        """`offer` is what we would agree to; None when the caller leaves the offer to us. `interval`: of the session timer."""
        super().__init__(endpoint, media, request.call_id, CallState.RINGING, request.source[0])
        tag = self.agent.gen_tag()
        self.dialog = Dialog.as_callee(request, tag)
        self.caller = identity.caller_number(request)
        self.called = identity.called_number(request)
        self.headers = identity.read_headers(request)
        self._transaction = transaction
        self._offer = offer
        self._interval = interval
        self._early = False
        self._ringing: asyncio.TimerHandle | None = None
        self._rang_at: float | None = None
        self._provisional = Provisional(self.agent, transaction, tag, self._never_heard)
        if offer is not None:
            self.codec = offer.plan.codec
        transaction.on_cancel = self._on_cancel

    def ring(self) -> None:
        """Tell the caller that we have it, and soon that it rings, unless it is answered before.

        Who insists on acknowledging ringing, but made no offer, is not told that it rings: our offer would have to go with it
        (RFC 3261 13.2.1).
        """
        self.agent.respond(self._transaction, 100)
        if self._offer is not None or not self._transaction.request.requires("100rel"):
            self._ringing = asyncio.get_running_loop().call_later(_RINGS_AFTER_S, self._ring)

    def _ring(self) -> None:
        self._rang_at = time.monotonic()
        self._provisional.send(180, (self.agent.contact(self._transaction.request.source),))

    def early_media(self) -> bool:
        """Let the caller hear us before the answer (183), once; whether that is so. Without an offer of the caller's it is not."""
        if self.state != CallState.RINGING or self._early:
            return True
        if self._offer is None:
            return False
        self._early = True
        self._ring_no_more()
        self.apply(self._offer)
        headers = (self.agent.contact(self._transaction.request.source), ("Content-Type", sdp.CONTENT_TYPE))
        self._provisional.send(183, headers, self.description.answer(self._offer))
        self.endpoint.engine.add(self.media)
        return True

    async def ready(self) -> None:
        """Until `answer` may come: some time after ringing, and after the caller has acknowledged what was sent reliably."""
        self._ring_no_more()
        if self._rang_at is not None:
            await asyncio.sleep(max(0.0, self._rang_at + _APART_S - time.monotonic()))
        await self._provisional.settled()

    def _ring_no_more(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()

    def answer(self) -> None:
        """Pick up; raises pyVoIP's `InvalidStateError` when it does not ring (any more)."""
        if self.state != CallState.RINGING:
            raise InvalidStateError("Call is not ringing")
        self.state = CallState.ANSWERED
        self._ring_no_more()
        self._provisional.stop()
        self._accept_invite(self._transaction, self._offer, self._interval)
        self.endpoint.engine.add(self.media)
        self.hooks.answered()

    def deny(self, status: int = 486) -> None:
        """Refuse it; raises pyVoIP's `InvalidStateError` when it does not ring."""
        if self.state != CallState.RINGING:
            raise InvalidStateError("Call is not ringing")
        self._refuse(status)
        self.end("us", "refused", status)

    def on_bye(self) -> None:
        """The caller hung up; before our answer that ends the INVITE too."""
        if self.state == CallState.RINGING:
            self._refuse(487)
        super().on_bye()

    def on_prack(self, request: Request, transaction: ServerTransaction) -> None:
        """The caller has heard that it rings."""
        self.agent.respond(transaction, 200 if self._provisional.acknowledge(request) else 481)

    def _on_cancel(self) -> None:
        if self.state == CallState.RINGING:
            self._refuse(487)
            self.end("caller", "cancelled", 487)

    def _never_heard(self) -> None:
        """Our ringing was never acknowledged: the INVITE is refused (RFC 3262 3)."""
        if self.state == CallState.RINGING:
            self._refuse(504)
            self.end("timeout", "ringing was not acknowledged", 504)

    def _refuse(self, status: int) -> None:
        self._ring_no_more()
        self._provisional.stop()
        self.agent.respond(self._transaction, status, tag=self.dialog.local_tag if self.dialog else None)
