"""Our own re-INVITEs: hold, resume, and the refresh that a session timer wants (RFC 3261 14, RFC 4028)."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from hotline import logs
from telephony.leg import CallFailed, LegGone
from telephony.media.codec import CODECS
from telephony.sip import sdp, session_timer
from telephony.sip.base import CallState
from telephony.sip.message import Response

if TYPE_CHECKING:
    from telephony.sip.call import SipCall

_log = logs.get(__name__)
_MOST_TRIES = 4
_PENDING = 491


class Renegotiation:
    """What this side asks to change in a running call, one change after the other."""

    def __init__(self, call: SipCall) -> None:
        """Nothing is asked for yet."""
        self.direction = "sendrecv"
        """What we want: sendonly while we hold the other side."""
        self._call = call
        self._one_at_a_time = asyncio.Lock()
        self._answer: asyncio.Future[int] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def pending(self) -> bool:
        """Whether a re-INVITE of ours is not answered yet: one of theirs has to wait (491)."""
        return self._answer is not None

    async def change(self, direction: str) -> None:
        """Ask for it and wait for the answer; raises `CallFailed` when refused, `LegGone` when the call is over."""
        async with self._one_at_a_time:
            if direction != self.direction:
                await self._ask(direction)

    def refresh(self) -> None:
        """Say that we are still there. Nobody waits for it: without an answer the session timer ends the call."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh(), name=f"refresh-{self._call.call_id}")

    def stop(self) -> None:
        """The call is over: whoever waits is told."""
        self._settle(0)

    async def _refresh(self) -> None:
        async with self._one_at_a_time:
            try:
                await self._ask(self.direction)
            except LegGone:
                return
            except CallFailed as error:
                _log.warning("telephony.sip.refresh_refused", status=error.status)

    async def _ask(self, direction: str) -> None:
        for _ in range(_MOST_TRIES):
            status = await self._once(direction)
            if status == 0:
                raise LegGone("the call is over")
            if status < 300:
                return
            if status != _PENDING:
                raise CallFailed(status, "the other side refused the change")
            # both asked at once: so long, by chance, before asking again (RFC 3261 14.1)
            await asyncio.sleep(self._call.agent.timers.t1 * (0.2 + secrets.randbelow(3800) / 1000))
        raise CallFailed(_PENDING, "the other side was busy with changes of its own")

    async def _once(self, direction: str) -> int:
        call = self._call
        if call.state != CallState.ANSWERED:
            return 0
        if call.unacknowledged:
            return _PENDING
        codecs = (call.codec, *(codec for codec in CODECS.values() if codec is not call.codec))
        headers = [("Content-Type", sdp.CONTENT_TYPE)]
        if call.timer.interval is not None:
            headers.append(call.timer.interval.request_header())
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answer = answer
        body = call.description.offer(codecs, direction)
        call.send_request("INVITE", headers, body, lambda response: self._on_response(response, direction, answer))
        try:
            return await answer
        finally:
            if not answer.done():  # whoever waited has been cancelled; the answer is still taken when it comes
                answer.cancel()

    def _on_response(self, response: Response | None, direction: str, answer: asyncio.Future[int]) -> None:
        if response is None or response.status < 200:
            return
        if response.status >= 300:
            self._settle(response.status)
            return
        call = self._call
        call.acknowledge(response)
        if answer is not self._answer:
            return  # the same 2xx again
        try:
            agreement = sdp.agree(sdp.parse(sdp.body_of(response)), prefer=call.codec, ours=direction)
        except sdp.NotAcceptable:
            self._settle(488)
            call.terminate("us", "no usable answer to a change")
            return
        self.direction = direction
        call.apply(agreement)
        call.timer.run(session_timer.from_response(response) if call.timer.interval else None)
        self._settle(response.status)

    def _settle(self, status: int) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(status)
