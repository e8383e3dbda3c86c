"""A call that we place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from telephony.media.codec import Codec
from telephony.media.session import MediaSession
from telephony.sip import sdp
from telephony.sip.base import CallState
from telephony.sip.call import SipCall
from telephony.sip.dialog import Dialog
from telephony.sip.digest import Credentials, authorization
from telephony.sip.message import Address, Response
from telephony.sip.transaction import ClientTransaction, OutgoingRequest

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint


class OutgoingCall(SipCall):
    """It is DIALING until the other side answers, refuses, or `cancel`."""

    def __init__(
        self, endpoint: Endpoint, media: MediaSession, uri: str, destination: Address, codecs: tuple[Codec, ...], login: Credentials | None
    ) -> None:
        """`uri` is whom to call, `destination` where the INVITE goes."""
        agent = endpoint.agent
        super().__init__(endpoint, media, agent.gen_call_id(), CallState.DIALING, destination[0])
        self._tag = agent.gen_tag()
        self._destination = destination
        self._login = login
        self._challenged = False
        self._cancelled: str | None = None
        self._ring_timer: asyncio.TimerHandle | None = None
        self._transaction: ClientTransaction | None = None
        host = agent.local_host(destination[0])
        self._invite_request = OutgoingRequest(
            "INVITE",
            uri,
            f"<sip:{agent.username}@{host}>;tag={self._tag}",
            f"<{uri}>",
            self.call_id,
            1,
            headers=(agent.contact(destination), ("Content-Type", sdp.CONTENT_TYPE)),
            body=self.description.offer(codecs),
        )

    def dial(self, ring_s: float) -> None:
        """Send the INVITE; it is cancelled when nobody has answered after `ring_s`."""
        self._ring_timer = asyncio.get_running_loop().call_later(ring_s, self.cancel, "nobody answered")
        self._send_invite()

    def _send_invite(self) -> None:
        self._transaction = self.agent.request(self._invite_request, self._destination, self._on_response)

    def cancel(self, reason: str = "cancelled") -> None:
        """Give up. Before anything was heard the CANCEL waits for the first response (RFC 3261 9.1)."""
        if self.state != CallState.DIALING or self._cancelled is not None:
            return
        self._cancelled = reason
        if self._transaction is not None and self._transaction.provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        transaction = self._transaction
        if transaction is not None and transaction.final is None:
            cancel = transaction.request.without_body("CANCEL")
            self.agent.request(cancel, self._destination, lambda _response: None, transaction.branch)

    def _on_response(self, response: Response | None) -> None:
        if response is None:
            self._fail(408, self._cancelled or "no answer from the network")
        elif response.status < 200:
            if self._cancelled is not None:
                self._send_cancel()
        elif response.status < 300:
            self._on_answer(response)
        elif response.status in (401, 407) and self._log_in(response):
            self._send_invite()
        else:
            self._fail(response.status, self._cancelled or response.reason)

    def _log_in(self, response: Response) -> bool:
        """Whether there is a point in asking again with our log-in."""
        if self._login is None or self._challenged or self._cancelled is not None:
            return False
        header = authorization(response, "INVITE", self._invite_request.uri, self._login)
        if header is None:
            return False
        self._challenged = True
        old = self._invite_request
        self._invite_request = OutgoingRequest(
            old.method, old.uri, old.from_, old.to, old.call_id, old.cseq + 1, old.routes, (*old.headers, header), old.body
        )
        return True

    def _on_answer(self, response: Response) -> None:
        dialog = Dialog.as_caller(self._invite_request, self._tag, response)
        self.agent.acknowledge(dialog.ack(self._invite_request.cseq), dialog.next_hop(self.agent.access))
        if self.dialog is not None:
            if response.to_tag != self.dialog.remote_tag:  # a second phone picked up as well
                bye = dialog.next_request("BYE")
                self.agent.request(bye, dialog.next_hop(self.agent.access), lambda _response: None)
            return
        self.dialog = dialog
        if self.state != CallState.DIALING:
            return
        self._stop_ringing()
        self.state = CallState.ANSWERED
        if self._cancelled is not None:
            self.terminate("us", self._cancelled)
            return
        try:
            self.apply(sdp.agree(sdp.parse(sdp.find_body(response.get("content-type") or "", response.body) or b"")))
        except sdp.NotAcceptable:
            self.terminate("us", "no usable answer")
            return
        self.endpoint.engine.add(self.media)
        self.hooks.answered()

    def _fail(self, status: int, reason: str) -> None:
        self._stop_ringing()
        if self.state == CallState.DIALING:
            self.end("timeout" if status == 408 else "caller", reason, status)

    def _stop_ringing(self) -> None:
        if self._ring_timer is not None:
            self._ring_timer.cancel()
