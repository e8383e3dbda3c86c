"""What both kinds of calls share: media, key presses, hold, the end."""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.leg import CallFailed, LegGone, Side
from telephony.media.codec import CODECS, Codec
from telephony.media.digits import EchoFilter, Way, read_info, write_info
from telephony.media.session import MediaSession
from telephony.sip import sdp, session_timer
from telephony.sip.base import CallState, InvalidStateError, VoIPCall
from telephony.sip.dialog import Dialog, contact_uri
from telephony.sip.digest import Credentials, authorization
from telephony.sip.message import REASONS, Request, Response
from telephony.sip.referral import Referral, TheirReferral
from telephony.sip.renegotiation import Renegotiation
from telephony.sip.session_timer import SessionTimer
from telephony.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint


@dataclass
class CallHooks:
    """What the owner of a call is told, on the event loop."""

    digit: Callable[[str], None] = lambda _digit: None
    early: Callable[[], None] = lambda: None
    """The other side plays something before it answers: it can be heard from now on."""
    answered: Callable[[], None] = lambda: None
    held: Callable[[bool], None] = lambda _held: None
    """The other side has put us on hold, or taken us back."""
    transfer: Callable[[], Callable[[str], Awaitable[None]] | None] = lambda: None
    """Who carries out a transfer that the other side asks for; None: nobody."""
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
        self.began = time.monotonic()
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
        self.login: Credentials | None = None
        """Answers a 401/407 to requests inside the call."""
        self.negotiation = Renegotiation(self)
        self.timer = SessionTimer(self.negotiation.refresh, lambda: self.terminate("timeout", "session expired"))
        self._referral: Referral | None = None
        self._their_referral = TheirReferral(self)
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
            self.send_request("INFO", (("Content-Type", content_type),), body)

    # requests inside the dialog

    def on_request(self, request: Request, transaction: ServerTransaction) -> None:
        """BYE, INFO, re-INVITE and so on of the other side."""
        if self.dialog is None or not self.dialog.accept(request):
            self.agent.respond(transaction, 500, "CSeq Out Of Order")
            return
        handlers = {
            "BYE": self._on_bye_request,
            "INFO": self._on_info,
            "INVITE": self._on_reinvite,
            "UPDATE": self._on_update,
            "PRACK": self.on_prack,
            "REFER": self._their_referral.on_refer,
            "NOTIFY": self._on_notify,
        }
        handlers.get(request.method, self.endpoint.answer_other)(request, transaction)

    def _on_bye_request(self, _request: Request, transaction: ServerTransaction) -> None:
        self.agent.respond(transaction, 200)
        self.on_bye()

    def on_prack(self, _request: Request, transaction: ServerTransaction) -> None:
        """Only for what we sent reliably, see `IncomingCall`."""
        self.agent.respond(transaction, 481)

    def _on_notify(self, request: Request, transaction: ServerTransaction) -> None:
        """How a transfer that we asked for goes on. Nothing else is subscribed to."""
        event = (request.get("event") or "").partition(";")[0].strip().lower()
        if event != "refer":
            self.agent.respond(transaction, 489, headers=[("Allow-Events", "refer")])
        elif self._referral is None:
            self.agent.respond(transaction, 481)
        else:
            self.agent.respond(transaction, 200)
            self._referral.on_notify(request)

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
        if self.negotiation.pending:
            self.agent.respond(transaction, 491)
            return
        change = self._read_change(request, transaction)
        if change is not None:
            self._accept_invite(transaction, *change)

    def _on_update(self, request: Request, transaction: ServerTransaction) -> None:
        """A refresh, or a change without a new INVITE (RFC 3311). Before the answer only a refresh."""
        if request.body and (self.negotiation.pending or self.state != CallState.ANSWERED or self._answer_awaited):
            self.agent.respond(transaction, 491)
            return
        change = self._read_change(request, transaction)
        if change is None:
            return
        agreement, interval = change
        headers = [self.agent.contact(request.source), *session_timer.answer_headers(interval)]
        body = b""
        if agreement is not None:
            self.apply(agreement)
            body = self.description.answer(agreement)
            headers.append(("Content-Type", sdp.CONTENT_TYPE))
        if self.state == CallState.ANSWERED:
            self.timer.run(interval)
        self.agent.respond(transaction, 200, headers=headers, body=body)

    def _read_change(
        self, request: Request, transaction: ServerTransaction
    ) -> tuple[sdp.Agreement | None, session_timer.Interval | None] | None:
        """What they offer and how often they want it refreshed; None when we cannot have that (and have said so)."""
        try:
            agreement = self.endpoint.read_offer(request, prefer=self.codec, ours=self.negotiation.direction)
            return agreement, session_timer.from_request(request)
        except sdp.NotAcceptable:
            self.agent.respond(transaction, 488)
        except session_timer.TooShort:
            self.agent.respond(transaction, 422, headers=[session_timer.LEAST])
        return None

    def _accept_invite(
        self, transaction: ServerTransaction, agreement: sdp.Agreement | None, interval: session_timer.Interval | None
    ) -> None:
        """Send the 2xx: with our answer, or with our offer when there was none (its answer comes in the ACK)."""
        if self._invite is not None:
            self._invite.close()
        self._invite = transaction
        self._answer_awaited = agreement is None
        if agreement is None:
            body = self.description.offer(direction=self.negotiation.direction)
        else:
            self.apply(agreement)
            body = self.description.answer(agreement)
        transaction.on_no_ack = self._never_acknowledged
        self.timer.run(interval)
        headers = [
            self.agent.contact(transaction.request.source),
            ("Content-Type", sdp.CONTENT_TYPE),
            *session_timer.answer_headers(interval),
        ]
        self.agent.respond(transaction, 200, tag=self.dialog.local_tag if self.dialog else None, headers=headers, body=body)

    def apply(self, agreement: sdp.Agreement) -> None:
        """Use what was agreed."""
        self.codec = agreement.plan.codec
        self.media.apply(agreement.plan, self.dialog.peer[0] if self.dialog else None)
        if agreement.held != self.held:
            self.held = agreement.held
            self.hooks.held(self.held)

    @property
    def unacknowledged(self) -> bool:
        """Whether our 2xx to an INVITE of theirs still waits for its ACK: until then we may change nothing."""
        return self._invite is not None

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
                self.apply(sdp.agree(sdp.parse(sdp.body_of(request)), prefer=self.codec, ours=self.negotiation.direction))
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
        self.send_request("BYE")
        self.endpoint.forget(self)

    def send_request(
        self,
        method: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        then: Callable[[Response | None], None] = lambda _response: None,
        *,
        challenged: bool = False,
    ) -> int:
        """A request inside the call; its CSeq. `then` is told every response, None when nobody answered in time."""
        dialog = self.dialog
        if dialog is None:
            raise InvalidStateError("there is nobody to send it to yet")
        outgoing = dialog.next_request(method, (*headers, self.agent.contact(dialog.peer)), body)

        def on_response(response: Response | None) -> None:
            if response is not None and response.status in (401, 407) and self.login is not None and not challenged:
                answer = authorization(response, method, outgoing.uri, self.login)
                if answer is not None:
                    self.send_request(method, (*headers, answer), body, then, challenged=True)
                    return
            if response is None or response.status in (408, 481):  # they have lost the call: so have we (RFC 3261 12.2.1.2)
                self.end("timeout", "the other side does not know the call")
            then(response)

        self.agent.request(outgoing, dialog.next_hop(self.agent.access), on_response)
        return outgoing.cseq

    def acknowledge(self, answer: Response) -> None:
        """ACK a 2xx to a re-INVITE of ours, and learn where they are now."""
        if self.dialog is not None:
            self.dialog.target = contact_uri(answer) or self.dialog.target
            self.agent.acknowledge(self.dialog.ack(answer.cseq), self.dialog.next_hop(self.agent.access))

    # transfer

    async def refer(self, target: str, timeout_s: float) -> None:
        """Blind transfer; raises ValueError, `CallFailed`, `LegGone`. Ours to hang up afterwards."""
        referral = Referral(self, target)
        if self.state != CallState.ANSWERED:
            raise LegGone("the call is not answered, or over")
        if self._referral is not None:
            raise CallFailed(491, "a transfer is going on already")
        self._referral = referral
        try:
            status = await referral.run(timeout_s)
        finally:
            self._referral = None
        if status == 0:
            raise LegGone("the call ended before it was transferred")
        if status >= 300:
            raise CallFailed(status, REASONS.get(status, "the transfer failed"))

    def end(self, by: Side, reason: str, status: int = 0) -> None:
        """Release everything and tell the owner, once."""
        if self.state == CallState.ENDED:
            return
        self.state = CallState.ENDED
        if self._invite is not None and not self._bye_owed:
            self._invite.close()
            self._invite = None
        self.timer.stop()
        self.negotiation.stop()
        if self._referral is not None:
            self._referral.on_call_ended()
        self.endpoint.release(self, keep=self._bye_owed)
        self.hooks.ended(by, reason, status)
