"""The phone as the call flow uses it: a task for each call that comes in, a `CallLeg` for each call in hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial

from hotline import logs
from hotline.security import Vault
from hotline.settings import Settings
from telephony.call_leg import CallLeg
from telephony.leg import CallHeaders, Leg
from telephony.media.codec import CODECS
from telephony.media.metrics import exposition
from telephony.media.recorder import RecordingWriter
from telephony.sip.access import AccessList
from telephony.sip.base import CallState, PhoneStatus
from telephony.sip.call import SipCall
from telephony.sip.digest import Credentials
from telephony.sip.endpoint import Endpoint
from telephony.sip.headers import parse_uri
from telephony.sip.identity import number_of
from telephony.sip.incoming import IncomingCall
from telephony.sip.message import Address
from telephony.sip.outgoing import Placing
from telephony.sip.registration import Registrar, Registration
from telephony.sip.transaction import Timers

__all__ = ["CallLeg", "Phone"]

_log = logs.get(__name__)


class Phone:
    """One SIP address: takes calls, places calls."""

    def __init__(
        self,
        on_call: Callable[[Leg], Awaitable[None]] | None,
        *,
        host: str = "127.0.0.1",
        port: int = 5060,
        peers: tuple[str, ...] = ("127.0.0.0/8",),
        rtp_ports: tuple[int, int] = (20000, 29999),
        max_calls: int = 60,
        max_placed: int | None = None,
        rtp_timeout_s: float = 30.0,
        user: str = "hotline",
        login: Credentials | None = None,
        registrar: Registrar | None = None,
        timers: Timers | None = None,
        vault: Vault | None = None,
    ) -> None:
        """`on_call` runs as a task for each incoming call, None refuses all; a call whose task has ended is hung up.

        `max_calls`: that come in at once; `max_placed`: that go out at once, None for three times as many: a citizen with an agent,
        a third party and a supervisor is one call that came in and three that went out.
        `peers`: networks that may call and be called. `rtp_ports`: first and last; (0, 0) takes any free one. `login`:
        answers the trunk's 401/407 to our calls. `registrar`: only for trunks that want a registration. `vault` seals the
        recordings; None: plain WAV files (the test client).
        Raises ValueError for a peer that is no network.
        """
        self._on_call = on_call
        self._host = host
        self._port = port
        self._access = AccessList(peers)
        self._rtp_ports = rtp_ports
        self._max_calls = max_calls
        self._max_placed = 3 * max_calls if max_placed is None else max_placed
        self._rtp_timeout_s = rtp_timeout_s
        self._user = user
        self._login = login
        self._registrar = registrar
        self._timers = timers or Timers()
        self._vault = vault
        self._registration: Registration | None = None
        self._endpoint: Endpoint | None = None
        self._writer: RecordingWriter | None = None
        self._stopped = False
        self.drained = asyncio.Event()
        """Set when no new calls are taken and the last one is over."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._legs: set[CallLeg] = set()

    @classmethod
    def from_settings(cls, settings: Settings, on_call: Callable[[Leg], Awaitable[None]], vault: Vault) -> Phone:
        """The hotline's phone; its recordings are sealed by `vault`."""
        login = _login(settings)
        return cls(
            on_call,
            host=settings.sip_host,
            port=settings.sip_port,
            peers=settings.sip_peers,
            rtp_ports=(settings.rtp_port_low, settings.rtp_port_high),
            max_calls=settings.max_calls,
            max_placed=settings.max_placed_calls,
            user=settings.sip_user or settings.line_number,
            login=login,
            registrar=_registrar(settings, login),
            vault=vault,
        )

    @property
    def endpoint(self) -> Endpoint:
        """What is underneath; raises RuntimeError before `start`."""
        if self._endpoint is None:
            raise RuntimeError("the phone is not started")
        return self._endpoint

    @property
    def port(self) -> int:
        """The SIP port, the real one when 0 was asked for."""
        return int(self.endpoint.agent.myPort)

    @property
    def registered(self) -> bool:
        """Whether the trunk's registrar knows us; True where no registration is wanted."""
        return self._registrar is None or bool(self.endpoint.get_status() == PhoneStatus.REGISTERED)

    @property
    def live_calls(self) -> int:
        """Calls that ring, dial or talk."""
        return self._endpoint.live_calls if self._endpoint else 0

    def counters(self) -> dict[str, float]:
        """Numbers for metrics: sip_…, media_…, clock_…, calls and ports."""
        endpoint = self.endpoint
        found: dict[str, float] = {f"sip_{name}": count for name, count in endpoint.agent.counters.as_dict().items()}
        media = asdict(endpoint.media_totals)
        for call in endpoint.calls.values():
            if call.state != CallState.ENDED:
                for name, count in asdict(call.media.counters).items():
                    media[name] += count
        found |= {f"media_{name}": count for name, count in media.items()}
        found |= {f"clock_{name}": count for name, count in asdict(endpoint.engine.clock).items()}
        return found | {
            "calls_live": endpoint.live_calls,
            "calls_live_incoming": endpoint.live_incoming,
            "calls_incoming": endpoint.incoming_total,
            "calls_busy": endpoint.busy_total,
            "rtp_ports_used": endpoint.ports.used,
        }

    def metrics(self) -> bytes:
        """For Prometheus: the counters, and how well the calls that ended sounded."""
        return exposition(self.endpoint.quality, self.counters)

    async def start(self) -> None:
        """Open the sockets and start the threads; raises `OSError` when the address is taken or not ours."""
        endpoint = Endpoint(
            host=self._host,
            port=self._port,
            access=self._access,
            rtp_ports=self._rtp_ports,
            max_calls=self._max_calls,
            max_placed=self._max_placed,
            rtp_timeout_s=self._rtp_timeout_s,
            timers=self._timers,
            user=self._user,
            on_call=self._incoming,
            on_release=self._check_drained,
        )
        endpoint.start()
        self._endpoint = endpoint
        self._writer = RecordingWriter(endpoint.inbox, self._vault)
        self._writer.start()
        if self._registrar is not None:
            self._registration = Registration(endpoint, self._registrar)
            self._registration.start()
        _log.info("telephony.phone.started", host=self._host, port=self.port, max_calls=self._max_calls)

    def drain(self) -> None:
        """Take no new calls (503, so that a proxy asks another one); those that are there go on."""
        self.endpoint.draining = True
        self._check_drained()

    def _check_drained(self) -> None:
        if self.endpoint.draining and not self.live_calls:
            self.drained.set()

    async def stop(self, grace_s: float = 3.0) -> None:
        """Hang up everywhere, let the calls' tasks end (at most `grace_s`, then they are cancelled), close everything."""
        if self._endpoint is None or self._writer is None or self._stopped:
            return
        self._stopped = True
        self.drain()
        for leg in list(self._legs):
            await leg.hang_up("shutdown")
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if self._registration is not None:
            self._registration.stop()
        await self._endpoint.agent.settle(min(grace_s, self._timers.t1 * 4))
        self._endpoint.stop()
        await asyncio.to_thread(self._writer.stop)
        await asyncio.sleep(0)  # lets the last reports of the threads arrive
        _log.info("telephony.phone.stopped")

    async def dial(
        self,
        uri: str,
        *,
        codecs: tuple[str, ...] = ("PCMA", "PCMU"),
        ring_s: float = 60.0,
        caller: str | None = None,
        on_early: Callable[[CallLeg], None] | None = None,
    ) -> CallLeg:
        """Call `uri` (sip:user@host:port) and return when it is answered. `caller`: the number shown; cancelling cancels the call.

        `on_early`: told once, with the leg that is returned later, when the other side plays something before it answers.

        Raises `CallFailed` when it is not, ValueError when the address is none or is no peer's or `caller` is no number,
        KeyError for an unknown codec.
        """
        if caller is not None and number_of(caller) != caller:
            raise ValueError("the number to show must be digits, with a + before them where it is international")
        destination = await self._resolve(uri)
        call = self.endpoint.place(Placing(uri, destination, tuple(CODECS[name] for name in codecs), self._login, caller))
        leg = self._leg(call, None, parse_uri(uri).user, CallHeaders())
        if on_early is not None:
            leg.on_early = partial(on_early, leg)
        call.dial(ring_s)
        await leg.until_answered()
        return leg

    async def _resolve(self, uri: str) -> Address:
        target = parse_uri(uri)
        if target.scheme != "sip":
            raise ValueError("give an address like sip:12345@127.0.0.1:5060")
        host, port = target.host, target.port or 5060
        if not host.replace(".", "").isdigit():
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
            host = str(found[0][4][0])
        if not self._access.allows(host):
            raise ValueError("this host is not one of HOTLINE_SIP_PEERS")
        return host, port

    def _leg(self, call: SipCall, caller: str | None, called: str, headers: CallHeaders) -> CallLeg:
        if self._writer is None:
            raise RuntimeError("the phone is not started")
        leg = CallLeg(call, self._writer, caller, called, headers)
        self._legs = {known for known in self._legs if known.live} | {leg}
        return leg

    def _incoming(self, call: IncomingCall) -> None:
        if self._on_call is None:
            call.deny(480)
            return
        leg = self._leg(call, call.caller, call.called, call.headers)
        task = asyncio.get_running_loop().create_task(self._run(leg, self._on_call), name=f"call-{leg.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, leg: CallLeg, on_call: Callable[[Leg], Awaitable[None]]) -> None:
        """One call from ring to end. Whatever the flow does, no call is left without an owner."""
        try:
            await on_call(leg)
        except Exception:  # noqa: BLE001 - one call's fault must not touch the others; it is logged and the caller released
            _log.exception("telephony.call.failed", call=str(leg.id))
            await leg.hang_up("failed")
        finally:
            if leg.live:
                await leg.hang_up()


def _login(settings: Settings) -> Credentials | None:
    return Credentials(settings.sip_user, settings.sip_password.get_secret_value()) if settings.sip_user else None


def _registrar(settings: Settings, login: Credentials | None) -> Registrar | None:
    if not settings.sip_registrar or login is None:
        return None
    host, _, port = settings.sip_registrar.partition(":")
    return Registrar(host, login, domain=settings.sip_domain, port=int(port or 5060))
