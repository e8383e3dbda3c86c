"""A call that we place."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from telephony.media.codec import Codec
from telephony.media.session import MediaSession
from telephony.sip import sdp, session_timer
from telephony.sip.agent import SUPPORTED
from telephony.sip.base import CallState
from telephony.sip.call import SipCall
from telephony.sip.dialog import Dialog
from telephony.sip.digest import Credentials, authorization
from telephony.sip.message import SERVED, Address, Response
from telephony.sip.transaction import ClientTransaction, OutgoingRequest

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint


@dataclass
class EarlyDialog:
    """What a phone has told us reliably before somebody picked it up."""

    dialog: Dialog
    heard: int = 0
    """The last RSeq."""
    description: bytes = b""


@dataclass(frozen=True)
class Placing:
    """How a call is placed."""

    uri: str
    """Whom to call."""
    destination: Address
    """Where the INVITE goes."""
    codecs: tuple[Codec, ...]
    login: Credentials | None = None
    """Answers a 401/407."""
    caller: str | None = None
    """The number shown to the one called; our own user name when left out."""


class OutgoingCall(SipCall):
    """It is DIALING until the other side answers, refuses, or `cancel`."""

    def __init__(self, endpoint: Endpoint, media: MediaSession, placing: Placing) -> None:
        """Not dialled yet."""
        agent, destination = endpoint.agent, placing.destination
        super().__init__(endpoint, media, agent.gen_call_id(), CallState.DIALING, destination[0])
        self.login = placing.login
        self.heard = False
        """Whether anybody has answered anything yet, be it 100 Trying."""
        self._tag = agent.gen_tag()
        self._destination = destination
        self._challenged = False
        self._cancelled: str | None = None
        self._ring_timer: asyncio.TimerHandle | None = None
        self._transaction: ClientTransaction | None = None
        self._early: dict[str, EarlyDialog] = {}
        self._hears_early = False
        self._session_s = session_timer.USUAL_S
        us = f"sip:{placing.caller or agent.username}@{agent.local_host(destination[0])}"
        identity = [("P-Asserted-Identity", f"<{us}>")] if placing.caller else []
        self._headers = (
            *(agent.contact(destination), *identity),
            *(("Allow", ", ".join(SERVED)), ("Supported", SUPPORTED), ("Content-Type", sdp.CONTENT_TYPE)),
        )
        self._invite_request = OutgoingRequest(
            "INVITE",
            placing.uri,
            f"<{us}>;tag={self._tag}",
            f"<{placing.uri}>",
            self.call_id,
            1,
            headers=(*self._headers, *session_timer.offer(self._session_s)),
            body=self.description.offer(placing.codecs),
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
            # whoever has gone since it rang sends no 487 (RFC 3261 9.1)
            asyncio.get_running_loop().call_later(self.agent.timers.give_up, self._give_up, transaction)

    def _give_up(self, transaction: ClientTransaction) -> None:
        if transaction.final is None:
            transaction.abandon()
            self._fail(408, self._cancelled or "no answer from the network")

    def _on_response(self, response: Response | None) -> None:
        self.heard |= response is not None
        if response is None:
            self._fail(408, self._cancelled or "no answer from the network")
        elif response.status < 200:
            if self._cancelled is not None:
                self._send_cancel()
            self._on_provisional(response)
        elif response.status < 300:
            self._on_answer(response)
        elif self._cancelled is None and (self._log_in(response) or self._longer_session(response)):
            self._send_invite()
        else:
            self._fail(response.status, self._cancelled or response.reason)

    def _on_provisional(self, response: Response) -> None:
        """Acknowledge what was sent reliably; its description may be the only one that comes (RFC 3262 5)."""
        self._hear_early(response)
        number = response.get("rseq") or ""
        if response.status == 100 or not response.requires("100rel") or not re.fullmatch(r"\d{1,10}", number) or not response.to_tag:
            return
        early = self._early.get(response.to_tag)
        if early is None:
            early = self._early[response.to_tag] = EarlyDialog(Dialog.as_caller(self._invite_request, self._tag, response))
        if int(number) <= early.heard:
            return  # the same again: its PRACK is on its way
        early.heard = int(number)
        early.description = sdp.body_of(response) or early.description
        prack = early.dialog.next_request("PRACK", (("RAck", f"{number} {response.cseq} INVITE"),))
        self.agent.request(prack, early.dialog.next_hop(self.agent.access), lambda _response: None)

    def _hear_early(self, response: Response) -> None:
        """What the far end plays before its answer (183 with a description). The first one counts where several telephones ring."""
        body = sdp.body_of(response)
        if not body or self._hears_early or self._cancelled is not None or self.state != CallState.DIALING:
            return
        try:
            agreement = sdp.agree(sdp.parse(body))
        except sdp.NotAcceptable:
            return  # the answer brings another one, or ends the call
        if not agreement.plan.will_receive:
            return
        self._hears_early = True
        self.codec = agreement.plan.codec
        self.media.apply(agreement.plan)
        self.endpoint.engine.add(self.media)
        self.hooks.early()

    def _log_in(self, response: Response) -> bool:
        """Whether there is a point in asking again with our log-in."""
        if response.status not in (401, 407) or self.login is None or self._challenged:
            return False
        header = authorization(response, "INVITE", self._invite_request.uri, self.login)
        if header is None:
            return False
        self._challenged = True
        self._headers = (*self._headers, header)
        self._again()
        return True

    def _longer_session(self, response: Response) -> bool:
        """Whether somebody on the way wants fewer refreshes (422), and reasonably so."""
        least = session_timer.longer(response) if response.status == 422 else None
        if least is None or least <= self._session_s:
            return False
        self._session_s = least
        self._again()
        return True

    def _again(self) -> None:
        old = self._invite_request
        self._invite_request = replace(old, cseq=old.cseq + 1, headers=(*self._headers, *session_timer.offer(self._session_s)))

    def _on_answer(self, response: Response) -> None:
        dialog = Dialog.as_caller(self._invite_request, self._tag, response)
        early = self._early.get(response.to_tag)
        if early is not None:
            dialog.local_cseq = max(dialog.local_cseq, early.dialog.local_cseq)
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
            self.apply(sdp.agree(sdp.parse(sdp.body_of(response) or (early.description if early else b""))))
        except sdp.NotAcceptable:
            self.terminate("us", "no usable answer")
            return
        self.timer.run(session_timer.from_response(response))
        self.endpoint.engine.add(self.media)
        self.hooks.answered()

    def _fail(self, status: int, reason: str) -> None:
        self._stop_ringing()
        if self.state == CallState.DIALING:
            self.end("timeout" if status == 408 else "caller", reason, status)

    def _stop_ringing(self) -> None:
        if self._ring_timer is not None:
            self._ring_timer.cancel()
