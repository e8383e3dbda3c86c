"""The user agent's upper half: which calls there are, who gets busy, and the watch over their media."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import fields

from hotline import logs
from telephony.media.codec import Codec
from telephony.media.engine import MediaEngine
from telephony.media.inbox import LoopInbox
from telephony.media.metrics import CallQuality
from telephony.media.ports import NoFreePort, PortPool
from telephony.media.session import MediaCounters, MediaSession
from telephony.sip import sdp, session_timer
from telephony.sip.access import AccessList
from telephony.sip.agent import SipAgent
from telephony.sip.base import CallState, NoPortsAvailableError, PhoneStatus, VoIPPhone
from telephony.sip.call import SipCall
from telephony.sip.incoming import IncomingCall
from telephony.sip.message import KNOWN, SERVED, Request
from telephony.sip.outgoing import OutgoingCall, Placing
from telephony.sip.transaction import ServerTransaction, Timers

_log = logs.get(__name__)

_WATCH_S = 1.0
_LONGEST_HOLD_S = 600.0
"""On hold silence is meant, but nobody is held for ever: after this without a packet or a re-INVITE the call is a dead one."""
LONGEST_RINGING_S = 240.0
"""Longer than any proxy lets it ring (timer C, RFC 3261 16.6): who has gone without a CANCEL does not ring for ever."""
_UNDERSTOOD = frozenset({"timer", "100rel"})
"""Extensions that a caller may require: session timers and acknowledged ringing, nothing else."""


class TooManyCalls(OSError):
    """No further call is placed at present; whoever wanted it is treated like one who does not answer."""


class Endpoint(VoIPPhone):
    """pyVoIP's VoIPPhone in trunk mode, without its threads and its port search. Lives on the event loop."""

    calls: dict[str, SipCall]  # type: ignore[assignment]

    def __init__(
        self,
        *,
        host: str,
        port: int,
        access: AccessList,
        rtp_ports: tuple[int, int],
        max_calls: int,
        max_placed: int,
        rtp_timeout_s: float,
        timers: Timers,
        user: str,
        on_call: Callable[[IncomingCall], None],
        on_release: Callable[[], None] = lambda: None,
    ) -> None:
        """`max_calls`: come in at once, further ones hear busy; `max_placed`: go out at once (agents, third parties, citizens called).

        `on_call` is told of each call that rings, at once, on the loop; `on_release` of each that is over.
        """
        super().__init__(host, port, user, "", myIP=host, sipPort=port, rtpPortLow=rtp_ports[0], rtpPortHigh=rtp_ports[1])
        self.agent = SipAgent(self, self, host, port, access, user, timers)
        self.sip = self.agent
        self.inbox = LoopInbox(asyncio.get_running_loop())
        self.engine = MediaEngine(self.inbox)
        self.ports = PortPool(host, *rtp_ports)
        self.media_totals = MediaCounters()
        self.quality = CallQuality()
        self.incoming_total = 0
        self.busy_total = 0
        self.draining = False
        self._max_calls = max_calls
        self._max_placed = max_placed
        self._rtp_timeout_s = rtp_timeout_s
        self._on_call = on_call
        self._on_release = on_release
        self._watch: asyncio.TimerHandle | None = None

    # life

    def start(self) -> None:
        """Open the SIP socket and start the media clock; raises `OSError`."""
        self.agent.start()
        self.engine.start()
        self.NSD = True
        self._schedule_watch()

    def stop(self, failed: bool = False) -> None:
        """Close everything at once. `Phone.stop` says goodbye first."""
        self.NSD = False
        if self._watch is not None:
            self._watch.cancel()
        self.agent.stop()
        self.engine.stop()

    def set_status(self, status: PhoneStatus) -> None:
        """What pyVoIP's `get_status` will say."""
        self._status = status

    def _schedule_watch(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(_WATCH_S, self._watch_media)

    def _watch_media(self) -> None:
        """A caller whose network died sends no BYE and no CANCEL: no media, or ringing, for so long means gone."""
        self._schedule_watch()
        now = time.monotonic()
        for call in list(self.calls.values()):
            plan = call.media.plan
            if isinstance(call, IncomingCall) and call.state == CallState.RINGING and now - call.began > LONGEST_RINGING_S:
                call.deny(480)
            if call.state != CallState.ANSWERED or plan is None:
                continue
            silence_is_meant = call.held or not plan.will_receive
            if now - call.media.last_received > (_LONGEST_HOLD_S if silence_is_meant else self._rtp_timeout_s):
                call.terminate("timeout", "no media")

    @property
    def live_calls(self) -> int:
        """Calls that ring, dial or talk, in either direction."""
        return sum(call.state != CallState.ENDED for call in self.calls.values())

    @property
    def live_incoming(self) -> int:
        """Of these, the ones that came in: citizens. Their agents' telephones are calls of ours."""
        return sum(isinstance(call, IncomingCall) and call.state != CallState.ENDED for call in self.calls.values())

    # pyVoIP's names for the port pool

    def request_port(self, blocking: bool = True) -> int:
        """Not offered: ports are handed out as bound sockets (`PortPool.take`), so that no two calls can share one."""
        raise NoPortsAvailableError("use Endpoint.ports")

    def release_ports(self, call: object = None) -> None:
        """Nothing: `release` gives a call's port back."""

    # requests

    def on_request(self, request: Request, transaction: ServerTransaction) -> None:
        """Find whom it concerns."""
        required = [name for name in request.all("require") if name.lower() not in _UNDERSTOOD]
        if required:
            self.agent.respond(transaction, 420, headers=[("Unsupported", ", ".join(required))])
        elif request.to_tag:
            call = self.find(request)
            if call is None:
                self.agent.respond(transaction, 481)
            else:
                call.on_request(request, transaction)
        elif request.method == "INVITE":
            self._on_invite(request, transaction)
        else:
            self.answer_other(request, transaction)

    def find(self, request: Request) -> SipCall | None:
        """The call whose dialog this request is part of."""
        call = self.calls.get(request.call_id)
        return call if call is not None and call.dialog is not None and call.dialog.owns(request) else None

    def on_ack(self, request: Request) -> None:
        """The ACK of a 2xx."""
        call = self.find(request)
        if call is None:
            self.agent.counters.stray += 1
        else:
            call.on_ack(request)

    def answer_other(self, request: Request, transaction: ServerTransaction) -> None:
        """What is neither INVITE nor meant for a call: are we alive, and what can we do?"""
        if request.method == "OPTIONS":
            status = 503 if self.draining else 200
            self.agent.respond(transaction, status, headers=[("Accept", sdp.CONTENT_TYPE)])
        elif request.method in ("BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"):
            self.agent.respond(transaction, 481)
        elif request.method == "REFER":
            self.agent.respond(transaction, 403, "Transfers Only Inside Calls")
        elif request.method in KNOWN and request.method not in SERVED:
            self.agent.respond(transaction, 405)
        else:
            self.agent.respond(transaction, 501)

    def read_offer(self, request: Request, prefer: Codec | None = None, ours: str = "sendrecv") -> sdp.Agreement | None:
        """What we can agree to; None when the request leaves the offer to us. `ours`: our direction. Raises `sdp.NotAcceptable`."""
        if not request.body:
            return None
        body = sdp.find_body(request.get("content-type") or "", request.body)
        if body is None:
            raise sdp.NotAcceptable("no session description")
        return sdp.agree(sdp.parse(body), prefer=prefer, ours=ours)

    def _on_invite(self, request: Request, transaction: ServerTransaction) -> None:
        refusal = self._refuse(request)
        if refusal is not None:
            status, headers = refusal
            self.agent.respond(transaction, status, headers=headers)
            return
        try:
            offer, interval = self.read_offer(request), session_timer.from_request(request)
        except sdp.NotAcceptable:
            self.agent.respond(transaction, 488)
            return
        except session_timer.TooShort:
            self.agent.respond(transaction, 422, headers=[session_timer.LEAST])
            return
        try:
            bound = self.ports.take()
        except NoFreePort:
            _log.error("telephony.rtp.no_free_port")
            self.agent.respond(transaction, 503, headers=[("Retry-After", "5")])
            return
        media = MediaSession(bound, self.inbox, lambda key: call.on_rtp_key(key))
        call = IncomingCall(self, media, request, transaction, offer, interval)
        self.calls[request.call_id] = call
        self.incoming_total += 1
        call.ring()
        self._on_call(call)

    def _refuse(self, request: Request) -> tuple[int, list[tuple[str, str]]] | None:
        """Status and headers when this INVITE cannot become a call."""
        if request.call_id in self.calls:
            return 482, []
        if request.get("contact") in (None, "", "*"):
            return 400, []
        if (request.get("content-encoding") or "identity").lower() != "identity":
            return 415, [("Accept-Encoding", "identity")]
        kind = (request.get("content-type") or "").partition(";")[0].strip().lower()
        if request.body and kind != sdp.CONTENT_TYPE and not kind.startswith("multipart/"):
            return 415, [("Accept", sdp.CONTENT_TYPE)]
        if self.draining:
            return 503, [("Retry-After", "10")]
        if self.live_incoming >= self._max_calls:
            self.busy_total += 1
            return 486, [("Retry-After", "5")]
        return None

    # calls

    def place(self, placing: Placing) -> OutgoingCall:
        """An outgoing call, not dialled yet; raises `NoFreePort`, `TooManyCalls`."""
        if self.live_calls - self.live_incoming >= self._max_placed:
            raise TooManyCalls("as many calls go out as HOTLINE_MAX_PLACED_CALLS allows")
        media = MediaSession(self.ports.take(), self.inbox, lambda key: call.on_rtp_key(key))
        call = OutgoingCall(self, media, placing)
        self.calls[call.call_id] = call
        return call

    def release(self, call: SipCall, *, keep: bool) -> None:
        """The call is over: its media stop and its port rests. `keep`: it still has to say goodbye."""
        media = call.media
        media.stop_playing()
        for item in fields(MediaCounters):
            setattr(self.media_totals, item.name, getattr(self.media_totals, item.name) + getattr(media.counters, item.name))
        self.quality.observe(media)
        self.engine.remove(media, lambda: self._close_media(media))
        if not keep:
            self.forget(call)
        self._on_release()

    def _close_media(self, media: MediaSession) -> None:
        """The media clock has let go of it (media thread)."""
        if media.recording is not None:
            media.recording.close()
        self.ports.give_back(media.socket)

    def forget(self, call: SipCall) -> None:
        """Nothing more will come for it."""
        if self.calls.get(call.call_id) is call:
            del self.calls[call.call_id]
