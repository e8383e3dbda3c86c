"""Blind transfer (RFC 3515): we ask the other side to call somebody else, or it asks us."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from hotline import logs
from telephony.leg import CallFailed
from telephony.sip.base import CallState
from telephony.sip.headers import parse_address, parse_uri
from telephony.sip.message import REASONS, Request, Response
from telephony.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from telephony.sip.call import SipCall

_log = logs.get(__name__)
_STATUS = re.compile(rb"\s*SIP/2\.0 ([1-6]\d\d)")
_SUBSCRIBED_S = 120


class Referral:
    """Our REFER, and what the other side tells of its outcome."""

    def __init__(self, call: SipCall, target: str) -> None:
        """Raises ValueError when `target` is no sip: URI."""
        if parse_uri(target).scheme not in ("sip", "sips"):
            raise ValueError("give an address like sip:1001@127.0.0.1:5060")
        self._call = call
        self._target = target
        self._accepted = False
        self._outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self, timeout_s: float) -> int:
        """Ask, and wait for the outcome: a SIP status, 202 when the other side left without telling, 0 when the call ended first."""
        us = f"<sip:{self._call.agent.username}@{self._call.description.host}>"
        self._call.send_request("REFER", [("Refer-To", f"<{self._target}>"), ("Referred-By", us)], then=self._on_response)
        try:
            return await asyncio.wait_for(self._outcome, timeout_s)
        except TimeoutError:
            return 408

    def on_notify(self, request: Request) -> None:
        """The other side tells how far it got."""
        match = _STATUS.match(request.body)
        over = (request.get("subscription-state") or "").lower().startswith("terminated")
        if match and (int(match[1]) >= 200 or over):
            self._settle(int(match[1]) if int(match[1]) >= 200 else 487)
        elif over:
            self._settle(487)

    def on_call_ended(self) -> None:
        """Phones that take a transfer often hang up on us at once: then it counts as accepted."""
        self._settle(202 if self._accepted else 0)

    def _on_response(self, response: Response | None) -> None:
        if response is None:
            self._settle(408)
        elif response.status >= 300:
            self._settle(response.status)
        elif response.status >= 200:
            self._accepted = True

    def _settle(self, status: int) -> None:
        if not self._outcome.done():
            self._outcome.set_result(status)


class TheirReferral:
    """Their REFER: the owner of the call decides, they are told the outcome by NOTIFY."""

    def __init__(self, call: SipCall) -> None:
        """One at a time."""
        self._call = call
        self._task: asyncio.Task[None] | None = None

    def on_refer(self, request: Request, transaction: ServerTransaction) -> None:
        """Accept it when the owner of the call takes transfers."""
        call = self._call
        transfer = call.hooks.transfer()
        if transfer is None or call.state != CallState.ANSWERED:
            call.agent.respond(transaction, 603)
            return
        if self._task is not None and not self._task.done():
            call.agent.respond(transaction, 491)
            return
        try:
            target = parse_address(request.get("refer-to") or "").uri
        except ValueError:
            call.agent.respond(transaction, 400, "Bad Refer-To")
            return
        call.agent.respond(transaction, 202, headers=[call.agent.contact(request.source)])
        self._notify(100, f"active;expires={_SUBSCRIBED_S}")

        async def run() -> None:
            try:
                await transfer(target)
            except CallFailed as error:
                self._notify(error.status, "terminated;reason=noresource")
            except Exception:  # noqa: BLE001 - the other side must be told, and the call goes on
                _log.exception("telephony.sip.transfer_failed")
                self._notify(500, "terminated;reason=noresource")
            else:
                self._notify(200, "terminated;reason=noresource")

        self._task = asyncio.get_running_loop().create_task(run(), name=f"transfer-{call.call_id}")

    def _notify(self, status: int, state: str) -> None:
        headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag;version=2.0")]
        body = f"SIP/2.0 {status} {REASONS.get(status, 'Trying' if status == 100 else 'Failed')}\r\n".encode()
        self._call.send_request("NOTIFY", headers, body)
