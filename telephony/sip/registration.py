"""Registration at a trunk that wants it (RFC 3261 section 10). It never gives up: calls go on while the registrar is away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotline import logs
from telephony.sip.base import PhoneStatus
from telephony.sip.digest import Credentials, authorization
from telephony.sip.headers import parse_address
from telephony.sip.message import Address, Response
from telephony.sip.transaction import OutgoingRequest

if TYPE_CHECKING:
    from telephony.sip.endpoint import Endpoint

_log = logs.get(__name__)

_SOONEST_S = 5.0
_LONGEST_S = 3600


@dataclass(frozen=True)
class Registrar:
    """Where and as whom to register."""

    host: str
    """An IPv4 address: registration must not hang on DNS."""
    login: Credentials
    domain: str = ""
    """The name of the realm's domain; the host when left out."""
    port: int = 5060
    expires_s: int = 120
    retry_s: float = 15.0

    @property
    def uri(self) -> str:
        """Request-URI of REGISTER."""
        return f"sip:{self.domain or self.host}"

    @property
    def address(self) -> Address:
        """Where REGISTER is sent."""
        return self.host, self.port


class Registration:
    """Keeps one registration alive; the endpoint's pyVoIP status says how it stands."""

    def __init__(self, endpoint: Endpoint, registrar: Registrar) -> None:
        """`start` sends the first REGISTER."""
        self._endpoint = endpoint
        self._agent = endpoint.agent
        self._registrar = registrar
        self._expires = registrar.expires_s
        self._call_id = self._agent.gen_call_id()
        self._tag = self._agent.gen_tag()
        self._cseq = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Register now and keep it so."""
        self._endpoint.set_status(PhoneStatus.REGISTERING)
        self._register(self._expires)

    def stop(self) -> None:
        """Take the registration back (the answer is not waited for here, see `SipAgent.settle`)."""
        self._cancel_timer()
        if self._endpoint.get_status() == PhoneStatus.REGISTERED:
            self._register(0)
        self._endpoint.set_status(PhoneStatus.INACTIVE)

    def _register(self, expires: int, answer: tuple[str, str] | None = None) -> None:
        self._cseq += 1
        registrar = self._registrar
        us = f"<sip:{registrar.login.user}@{registrar.domain or registrar.host}>"
        headers = (self._agent.contact(registrar.address), ("Expires", str(expires)), *((answer,) if answer else ()))
        request = OutgoingRequest("REGISTER", registrar.uri, f"{us};tag={self._tag}", us, self._call_id, self._cseq, headers=headers)
        self._agent.request(request, registrar.address, lambda response: self._on_response(response, expires, answer is not None))

    def _on_response(self, response: Response | None, expires: int, answered: bool) -> None:
        if response is not None and response.status < 200:
            return
        if response is not None and response.status in (401, 407) and not answered:
            header = authorization(response, "REGISTER", self._registrar.uri, self._registrar.login)
            if header is not None:
                self._register(expires, header)
                return
        if expires == 0 or self._endpoint.get_status() == PhoneStatus.INACTIVE:
            return
        if response is not None and response.status == 423 and self._longer(response):
            self._register(self._expires)
        elif response is not None and 200 <= response.status < 300:
            self._endpoint.set_status(PhoneStatus.REGISTERED)
            self._again(max(_SOONEST_S, self._granted(response) * 0.6))
        else:
            _log.warning("telephony.registration.failed", status=response.status if response else 408)
            self._endpoint.set_status(PhoneStatus.REGISTERING)
            self._again(self._registrar.retry_s)

    def _longer(self, response: Response) -> bool:
        """Whether the registrar asks for a longer time that is reasonable; takes it over."""
        least = response.get("min-expires") or ""
        if not least.isdigit() or not self._expires < int(least) <= _LONGEST_S:
            return False
        self._expires = int(least)
        return True

    def _granted(self, response: Response) -> int:
        """For how long: the expires of our own Contact, else the header, else what we asked for."""
        ours = parse_address(self._agent.contact(self._registrar.address)[1]).uri
        for value in response.all("contact"):
            if value != "*" and parse_address(value).uri == ours:
                seconds = parse_address(value).parameters.get("expires") or ""
                if seconds.isdigit():
                    return int(seconds)
        header = response.get("expires") or ""
        return int(header) if header.isdigit() else self._expires

    def _again(self, seconds: float) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._register, self._expires)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
