"""A citizen calls from the portal: one page, one call to the hotline's own number, nothing kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from hotline import logs
from telephony.leg import CallFailed, Leg
from telephony.webrtc.leg import BrowserLeg, State
from telephony.webrtc.messages import FromPage, HangUp, Place, Press, write
from telephony.webrtc.seat import CONNECT_S, Send, until_hung_up
from telephony.webrtc.wire import Wire

_log = logs.get(__name__)

Dial = Callable[[str], Awaitable[Leg]]


class GuestCalls:
    """Calls of citizens' pages, at most so many at once: the telephone must not be crowded out by the web."""

    def __init__(self, dial: Dial, target: str, *, most: int) -> None:
        """`target`: SIP address of the hotline."""
        self._dial = dial
        self._target = target
        self._most = most
        self._live = 0

    async def serve(self, words: AsyncIterator[FromPage], send: Send) -> None:
        """One page from its offer to the end of its call. Returns when either side hangs up or the page is gone."""
        first = await anext(words, None)
        if not isinstance(first, Place):
            return
        if self._live >= self._most:
            await send(write("state", state="busy"))
            return
        self._live += 1
        try:
            await self._call(first.sdp, words, send)
        finally:
            self._live -= 1

    async def _call(self, offer: str, words: AsyncIterator[FromPage], send: Send) -> None:
        connected, gone = asyncio.Event(), asyncio.Event()
        wires: list[Wire] = []

        def changed(state: State) -> None:
            if state == "connected":
                connected.set()
            elif state == "closed":
                gone.set()

        browser = BrowserLeg(lambda payload, codec: wires[0].heard(payload, codec) if wires else None, changed, stranger=True)
        leg: Leg | None = None
        try:
            await send(write("answer", sdp=await browser.answer(offer)))
            async with asyncio.timeout(CONNECT_S):
                await connected.wait()
            leg = await self._dial(self._target)
            wires.append(Wire(leg))
            wires[0].join(browser)
            await send(write("state", state="talking"))
            await self._until_over(leg, words, gone)
        except (ValueError, TimeoutError, CallFailed) as error:
            _log.info("webrtc.guest.failed", reason=type(error).__name__)
            await send(write("state", state="failed"))
        else:
            await send(write("state", state="ended"))
        finally:
            if leg is not None:
                wires[0].cut()
                await leg.hang_up()
            await browser.close()

    async def _until_over(self, leg: Leg, words: AsyncIterator[FromPage], gone: asyncio.Event) -> None:
        async def listen() -> None:
            async for word in words:
                if isinstance(word, HangUp):
                    return
                if isinstance(word, Press):
                    leg.press(word.digit)

        ends = [asyncio.create_task(work) for work in (listen(), until_hung_up(leg), _wait(gone))]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
