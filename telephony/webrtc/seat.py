"""One agent's place: at most one page, at most one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from uuid import uuid4

from hotline import logs
from telephony.leg import HungUp, Leg, LegGone
from telephony.webrtc.leg import BrowserLeg, NoCommonCodec, State
from telephony.webrtc.messages import Accept, FromPage, HangUp, Press, Refuse, write
from telephony.webrtc.wire import Wire

_log = logs.get(__name__)

Send = Callable[[str], Awaitable[None]]
CONNECT_S = 10.0
"""A page that picked up must have sound after this (0.4 to 0.8 s are usual)."""
RETURN_S = 20.0
"""So long a call waits for a page that was reloaded or lost its network; then the citizen goes back to the queue."""


class SeatCall:
    """A call at a seat: rings, talks through a browser leg, may be without one while the page is away."""

    def __init__(self, leg: Leg, tell: Callable[..., None]) -> None:
        """`leg`: the SIP side; `tell(kind, **fields)` sends to the page, if there is one."""
        self.id = uuid4().hex[:12]
        self.leg = leg
        self.accepted: asyncio.Event = asyncio.Event()
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why it ended."""
        self._tell = tell
        self._browser: BrowserLeg | None = None
        self._wire = Wire(leg)
        self._away: asyncio.TimerHandle | None = None

    async def accept(self, offer: str) -> None:
        """The page picks up, or comes back. Raises ValueError for an offer that cannot be answered."""
        browser = BrowserLeg(self._wire.heard, self._changed)
        answer = await browser.answer(offer)  # first: an offer that cannot be read must not cost the connection that stands
        old, self._browser = self._browser, browser
        if old is not None:
            await old.close("replaced")
        self._cancel_away()
        self._away = asyncio.get_running_loop().call_later(CONNECT_S, self.end, "no sound from the page")
        self._tell("answer", call=self.id, sdp=answer)

    def press(self, digit: str) -> None:
        """A key goes to the other side."""
        self.leg.press(digit)

    def page_left(self) -> None:
        """The page is gone: wait for it to come back."""
        if self.accepted.is_set():
            self._wait_for_return()
        else:
            self.end("refused")

    def end(self, reason: str) -> None:
        """The call is over at this seat; the first reason counts."""
        if not self.over.done():
            self.over.set_result(reason)

    async def close(self) -> None:
        """Let go of everything."""
        self._cancel_away()
        self._wire.cut()
        if self._browser is not None:
            await self._browser.close("hangup")

    def _changed(self, state: State) -> None:
        browser = self._browser
        if browser is None or browser.state != state:  # one that was replaced, or never became ours
            return
        if state == "connected":
            self._cancel_away()
            self._wire.join(browser)
            self.accepted.set()
        if state in ("connected", "silent"):
            self._tell("state", call=self.id, state="talking" if state == "connected" else "silent")
        elif state == "closed" and not self.over.done():
            self._wait_for_return()

    def _wait_for_return(self) -> None:
        self._cancel_away()
        self._away = asyncio.get_running_loop().call_later(RETURN_S, self.end, "the page did not come back")

    def _cancel_away(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None


class Seat:
    """Where calls for one agent arrive."""

    def __init__(self, user_id: int) -> None:
        """Nobody sits there before `sit`."""
        self.user_id = user_id
        self.session_id = 0
        self.call: SeatCall | None = None
        self._send: Send | None = None
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def taken(self) -> bool:
        """Whether a page is connected."""
        return self._send is not None

    def sit(self, send: Send, session_id: int) -> None:
        """A page connects; an older one is told that it was replaced (the newest wins)."""
        if self._send is not None:
            self.tell("replaced")
        self._send, self.session_id = send, session_id
        call = self.call
        self.tell("welcome", call=call.id if call and call.accepted.is_set() else None)
        if call is not None and not call.accepted.is_set():
            self._ring(call)

    def leave(self, send: Send) -> None:
        """A page is gone; harmless when another one has taken its place."""
        if self._send is send:
            self._send = None
            if self.call is not None:
                self.call.page_left()

    def tell(self, kind: str, **fields: object) -> None:
        """Send to the page, if there is one."""
        if self._send is not None:
            task = asyncio.ensure_future(self._send(write(kind, **fields)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def serve(self, leg: Leg) -> Literal["busy", "absent", "served"]:
        """Carry one call from ring to end."""
        if not self.taken:
            return "absent"
        if self.call is not None:
            return "busy"
        call = self.call = SeatCall(leg, self.tell)
        hung_up = asyncio.create_task(until_hung_up(leg))
        answering = asyncio.create_task(_answer_when(call))
        try:
            self._ring(call)
            ends: list[asyncio.Future[Any]] = [call.over, hung_up]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            reason = call.over.result() if call.over.done() else "the other side hung up"
            self.tell("state", call=call.id, state="ended", reason=reason)
            _log.info("webrtc.call.ended", call=str(leg.id), reason=reason)
            await leg.hang_up("declined" if reason == "refused" else "normal")
        finally:
            self.call = None
            for task in (hung_up, answering):
                task.cancel()
            await asyncio.gather(hung_up, answering, return_exceptions=True)
            await call.close()
        return "served"

    async def hear(self, message: FromPage) -> None:
        """What the page says, other than hello."""
        call = self.call
        if call is None or getattr(message, "call", None) != call.id:
            self.tell("state", call=getattr(message, "call", ""), state="ended", reason="unknown")
            return
        match message:
            case Accept(sdp=sdp):
                try:
                    await call.accept(sdp)
                except NoCommonCodec:
                    self.tell("error", reason="codec")
                except ValueError:
                    self.tell("error", reason="offer")
            case Refuse():
                call.end("refused")
            case HangUp():
                call.end("hung up by the agent")
            case Press(digit=digit):
                call.press(digit)

    def _ring(self, call: SeatCall) -> None:
        self.tell("ring", call=call.id, caller=call.leg.caller or "")


async def until_hung_up(leg: Leg) -> None:
    """Until the other side, or a clock, ended the call."""
    while not isinstance(await leg.events.get(), HungUp):
        continue


async def _answer_when(call: SeatCall) -> None:
    """The citizen is let through only when the page has sound: nobody talks into the void."""
    await call.accepted.wait()
    try:
        await call.leg.answer()
    except LegGone:
        call.end("the other side hung up")
