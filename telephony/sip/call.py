"""What both kinds of calls share: media, key presses, hold, the end."""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.leg import Side
from telephony.media.codec import CODECS, Codec
from telephony.media.digits import EchoFilter, Way, read_info, write_info
from telephony.media.session import MediaSession
from telephony.sip import sdp
from telephony.sip.base import CallState, InvalidStateError, VoIPCall
from telephony.sip.dialog import Dialog
from telephony.sip.message import Request, Response
from telephony.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint


@dataclass
class CallHooks:
    """What the owner of a call is told, on the event loop."""

    digit: Callable[[str], None] = lambda _digit: None
    answered: Callable[[], None] = lambda: None
    ended: Callable[[Side, str, int], None] = lambda _by, _reason, _status: None
    """Who, why, and the SIP status when the call was never answered (else 0)."""


class SipCall(VoIPCall):
    """pyVoIP's VoIPCall with our dialog and media. `IncomingCall` and `OutgoingCall` add how it begins."""

    def __init__(self, endpoint: Endpoint, media: MediaSession, call_id: str, state: CallState, peer_host: str) -> None:
        """`media` is bound but not running. pyVoIP's own constructor is not run: it opens ports and threads of its own."""
        self.phone = endpoint
        self.endpoint = endpoint
        self.agent = endpoint.agent
        self.sip = endpoint.agent
        self.state = state
        self.call_id = call_id
        self.media = media
        self.hooks = CallHooks()
        self.dialog: Dialog | None = None
        self.held = False
        self.dtmf = io.StringIO()
        self.dtmfLock = threading.Lock()
        self.RTPClients = []
        self.codec: Codec = CODECS["PCMU"]
        self.description = sdp.LocalDescription(self.agent.local_host(peer_host), media.port, secrets.randbits(31))
        self._keys = EchoFilter()
        self._invite: ServerTransaction | None = None
        """The INVITE (or re-INVITE) whose 2xx is not acknowledged yet."""
        self._answer_awaited = False
        self._bye_owed = False

    def __del__(self) -> None:
        """Nothing: pyVoIP releases ports here, under a lock, whenever the garbage collector likes (a deadlock)."""

    # pyVoIP's interface for sound

    def write_audio(self, data: bytes) -> None:
        """Not offered: pyVoIP's 8-bit audio loses half of the sound. Use `telephony.leg.Leg.play`."""
        raise InvalidStateError("use Leg.play: 16-bit audio with a playback that can be stopped")

    def read_audio(self, length: int = 160, blocking: bool = True) -> bytes:
        """Not offered, see `write_audio`. Use `telephony.leg.Leg.listen`."""
        raise InvalidStateError("use Leg.listen")

    # key presses

    def on_rtp_key(self, key: str) -> None:
        """A press came by RTP."""
        self._pressed(key, "rtp")

    def _pressed(self, key: str, way: Way) -> None:
        if self.state == CallState.ANSWERED and self._keys.passes(key, way, time.monotonic()):
            self.dtmf_callback(key)
            self.hooks.digit(key)

    def press(self, keys: str) -> None:
        """Send key presses, by RTP where agreed, else by INFO; raises ValueError for what is no key."""
        if self.state != CallState.ANSWERED or self.dialog is None or self.media.plan is None:
            return
        if self.media.plan.event_type is not None:
            self.media.press(keys)
            return
        for key in keys:
            content_type, body = write_info(key)
            self._request("INFO", (("Content-Type", content_type),), body)

    # requests inside the dialog

    def on_request(self, request: Request, transaction: ServerTransaction) -> None:
        """BYE, INFO or re-INVITE of the other side."""
        if self.dialog is None or not self.dialog.accept(request):
            self.agent.respond(transaction, 500, "CSeq Out Of Order")
        elif request.method == "BYE":
            self.agent.respond(transaction, 200)
            self.on_bye()
        elif request.method == "INFO":
            self._on_info(request, transaction)
        elif request.method == "INVITE":
            self._on_reinvite(request, transaction)
        else:
            self.endpoint.answer_other(request, transaction)

    def on_bye(self) -> None:
        """The other side hung up."""
        self._bye_owed = False
        self.end("caller", "hung up")

    def _on_info(self, request: Request, transaction: ServerTransaction) -> None:
        if not request.body:
            self.agent.respond(transaction, 200)  # an empty INFO asks whether we are alive
            return
        content_type = request.get("content-type") or ""
        if not content_type.lower().startswith("application/dtmf"):
            self.agent.respond(transaction, 415, headers=[("Accept", "application/dtmf-relay, application/dtmf")])
            return
        key = read_info(content_type, request.body)
        if key is None:
            self.agent.respond(transaction, 400, "Not A Key")
            return
        self.agent.respond(transaction, 200)
        self._pressed(key, "info")

    def _on_reinvite(self, request: Request, transaction: ServerTransaction) -> None:
        """A changed address, codec or direction (hold), or only a refresh. The sender goes on, it is never doubled."""
        if self.state != CallState.ANSWERED:
            self.agent.respond(transaction, 500, "Not Answered Yet", headers=[("Retry-After", "2")])
            return
        try:
            agreement = self.endpoint.read_offer(request, prefer=self.codec)
        except sdp.NotAcceptable:
            self.agent.respond(transaction, 488)
            return
        self._accept_invite(transaction, agreement)

    def _accept_invite(self, transaction: ServerTransaction, agreement: sdp.Agreement | None) -> None:
        """Send the 2xx: with our answer, or with our offer when there was none (its answer comes in the ACK)."""
        if self._invite is not None:
            self._invite.close()
        self._invite = transaction
        self._answer_awaited = agreement is None
        if agreement is None:
            body = self.description.offer()
        else:
            self.apply(agreement)
            body = self.description.answer(agreement)
        transaction.on_no_ack = self._never_acknowledged
        headers = [self.agent.contact(transaction.request.source), ("Content-Type", sdp.CONTENT_TYPE)]
        self.agent.respond(transaction, 200, tag=self.dialog.local_tag if self.dialog else None, headers=headers, body=body)

    def apply(self, agreement: sdp.Agreement) -> None:
        """Use what was agreed."""
        self.codec = agreement.plan.codec
        self.held = agreement.held
        self.media.apply(agreement.plan, self.dialog.peer[0] if self.dialog else None)

    def on_ack(self, request: Request) -> None:
        """Our 2xx was acknowledged."""
        if self._invite is None or request.cseq != self._invite.request.cseq:
            return
        self._invite.acknowledged()
        self._invite = None
        if self._bye_owed:
            self._send_bye()
        elif self._answer_awaited:
            self._answer_awaited = False
            try:
                self.apply(sdp.agree(sdp.parse(sdp.find_body(request.get("content-type") or "", request.body) or b"")))
            except sdp.NotAcceptable:
                self.terminate("us", "no usable answer in the ACK")

    def _never_acknowledged(self) -> None:
        self._invite = None
        self.terminate("timeout", "not acknowledged")
        if self._bye_owed:
            self._send_bye()

    # the end

    def hangup(self) -> None:
        """End an answered call; raises pyVoIP's `InvalidStateError` in any other state."""
        if self.state != CallState.ANSWERED:
            raise InvalidStateError("Call is not answered")
        self.terminate("us", "normal")

    def bye(self) -> None:
        """The name that pyVoIP has for the other side's hang-up."""
        self.on_bye()

    def terminate(self, by: Side, reason: str) -> None:
        """Say goodbye and end. Before our 2xx is acknowledged the BYE has to wait (RFC 3261 15)."""
        if self.state != CallState.ANSWERED:
            return
        self._bye_owed = True
        if self._invite is None:
            self._send_bye()
        self.end(by, reason)

    def _send_bye(self) -> None:
        self._bye_owed = False
        self._request("BYE")
        self.endpoint.forget(self)

    def _request(self, method: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> None:
        if self.dialog is not None:
            outgoing = self.dialog.next_request(method, (*headers, self.agent.contact(self.dialog.peer)), body)
            self.agent.request(outgoing, self.dialog.next_hop(self.agent.access), self._on_own_response)

    def _on_own_response(self, response: Response | None) -> None:
        """The other side has lost the call: so have we (RFC 3261 12.2.1.2)."""
        if response is None or response.status in (408, 481):
            self.end("timeout", "the other side does not know the call")

    def end(self, by: Side, reason: str, status: int = 0) -> None:
        """Release everything and tell the owner, once."""
        if self.state == CallState.ENDED:
            return
        self.state = CallState.ENDED
        if self._invite is not None and not self._bye_owed:
            self._invite.close()
            self._invite = None
        self.endpoint.release(self, keep=self._bye_owed)
        self.hooks.ended(by, reason, status)
