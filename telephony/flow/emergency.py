"""Words of danger: offer to connect 110, 119, 120 or 122 at once, do it, and write it down."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from hotline.logs import get
from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Bridge, Loop
from telephony.flow.tones import ringing
from telephony.leg import CallFailed, HungUp
from telephony.outbound import reaches, route
from telephony.speech.transcriber import Heard
from ticketing.suggestion.emergency import alarm_in

if TYPE_CHECKING:
    from telephony.flow.call import Call

log = get(__name__)
_YES = re.compile(r"^(?:好|好的|是|是的|对|要|要的|可以|行|嗯|接|接通|帮我接|快接|马上接|请接|需要)+(?:吧|啊|呀|快|通)*$|接通|快接")
_NO = re.compile(r"不|别|没")
_RING_S = 30.0


class EmergencyOffer:
    """The offer of one call: open from the words of danger to the caller's next answer."""

    def __init__(self, call: Call) -> None:
        """Nothing was heard yet."""
        self._call = call
        self._line: str | None = None
        self.heard = False
        """Whether words of danger were heard on this call."""

    async def offer(self, text: str) -> None:
        """Offer to connect the line that fits what was said, where the flow wants it and the trunk reaches it. Once per line."""
        alarm, emergency = alarm_in(text), self._call.flow.emergency
        self.heard = self.heard or alarm is not None
        if alarm is None or not alarm.bot or emergency is None or alarm.line not in emergency.lines:
            return
        if not reaches(self._call.parts.settings, alarm.line):
            return  # the assistant has said which number to dial
        self._line = alarm.line
        await self._call.say(emergency.offer.format(line=alarm.line), "emergency_offer")
        await self._call.record.note("call.emergency_offered", line=alarm.line)

    def accepted(self, answer: str) -> bool:
        """Whether the next thing said, or the key, takes the offer; any other answer closes it."""
        if self._line is None:
            return False
        if answer == "1" or (_YES.search(answer) and not _NO.search(answer)):
            return True
        self._line = None
        return False

    async def connect(self) -> str | None:
        """Connect the caller; the end reason, or None when nobody answered there and the talk goes on. Raises CallerGone."""
        line, emergency = self._line, self._call.flow.emergency
        assert line is not None and emergency is not None  # noqa: S101, PT018 - only called after `accepted`
        self._line = None
        call = self._call
        call.ear.on_voice = None
        await call.say(emergency.connecting.format(line=line), "emergency_connecting", firm=True)
        await call.record.note("call.emergency_connecting", line=line)
        try:
            other = await self._ring(line)
        except (CallFailed, ValueError, OSError) as error:
            log.warning("emergency_not_connected", call=str(call.leg.id), line=line, reason=str(error))
            await call.record.note("call.emergency_failed", line=line)
            await call.say(emergency.failed.format(line=line), "emergency_failed", firm=True)
            return None
        await call.record.note("call.emergency_connected", line=line)
        await self._together(other)
        return "transferred"

    async def _ring(self, line: str) -> BridgeLeg:
        """Ring while the caller hears it; what the caller says meanwhile is kept, and a hang-up ends the ring."""
        call = self._call
        call.leg.feed(Loop(ringing()))
        dialling = asyncio.ensure_future(call.parts.switchboard.dial(route(call.parts.settings, line), _RING_S, call.leg.codec))
        listening = asyncio.ensure_future(self._keep_words())
        try:
            await asyncio.wait({dialling, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not dialling.done():
                await listening  # raises CallerGone: it never ends otherwise
            return await dialling
        finally:
            call.leg.feed(None)
            for task in (dialling, listening):
                task.cancel()
            await asyncio.gather(dialling, listening, return_exceptions=True)

    async def _keep_words(self) -> None:
        while True:
            event = await self._call.ear.next(None)
            if isinstance(event, Heard) and event.kind == "final":
                await self._call.store(event)

    async def _together(self, other: BridgeLeg) -> None:
        bridge = Bridge()
        citizen, line = bridge.join(self._call.leg), bridge.join(other)
        bridge.patch({citizen: (line,), line: (citizen,)})
        listening, leaving = asyncio.ensure_future(self._keep_words()), asyncio.ensure_future(_gone(other))
        try:
            await asyncio.wait({listening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                await listening
        finally:
            for task in (listening, leaving):
                task.cancel()
            await asyncio.gather(listening, leaving, return_exceptions=True)
            bridge.close()
            await other.hang_up()


async def _gone(leg: BridgeLeg) -> None:
    while not isinstance(await leg.events.get(), HungUp):
        pass
