"""Words of danger: offer to connect 110, 119, 120, 122, or the city's gas or power service at once, do it, and write it down.

One offer for the whole call: in the talk with the assistant, in the waiting room, while a message is left.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hotline.errors import Unavailable
from hotline.logs import get
from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Bridge
from telephony.bridge.ringback import Ringback
from telephony.leg import CallFailed, HungUp
from telephony.outbound import reaches, route
from telephony.speech.transcriber import Heard
from ticketing.suggestion.emergency import Alarm, alarm_in, doubt_in, rules
from ticketing.ticket.danger import Help

if TYPE_CHECKING:
    from telephony.flow.call import Call

log = get(__name__)
_YES = re.compile(r"^(?:好|好的|是|是的|对|要|要的|可以|行|嗯|接|接通|帮我接|快接|马上接|请接|需要)+(?:吧|啊|呀|快|通)*$|接通|快接")
_NO = re.compile(r"不|别|没")
_RING_S = 30.0
FOLLOW_UP = "emergency"
"""Why whoever was connected is called back: somebody asks whether help came."""


class EmergencyOffer:
    """The offer of one call: open from the words of danger to the caller's next answer."""

    def __init__(self, call: Call) -> None:
        """Nothing was heard yet."""
        self._call = call
        self._alarm: Alarm | None = None
        """What is offered just now."""
        self._told: set[str] = set()
        self._noting: asyncio.Task[None] | None = None
        """What is being written down beside the way to help; it waits for what was before it."""
        self.heard = False
        """Whether words of danger were heard on this call."""

    @property
    def open(self) -> bool:
        """Whether the caller was asked and has not answered yet."""
        return self._alarm is not None

    async def offer(self, text: str, *, alone: bool = False) -> None:
        """Offer to connect the line that fits what was said, where the flow wants it and the trunk reaches it.

        `alone`: no assistant answers as well. What may be danger is asked here then, and a number that can't be connected is told.
        """
        alarm = alarm_in(text)
        if alarm is not None:
            self.heard = True
            await self._offer(alarm, alone=alone)
        elif alone and (doubt := doubt_in(text)) is not None:
            await self._ask(rules().of_kind(doubt))

    async def _offer(self, alarm: Alarm, *, alone: bool) -> None:
        emergency = self._call.flow.emergency
        line = emergency.line_for(alarm.line) if emergency is not None else None
        utility = emergency is not None and line in emergency.utilities
        if emergency is None or line is None or not (alarm.bot or utility):
            await self._note(Help.HEARD, alarm, once=True)
            return
        alarm = replace(alarm, line=line)
        if self._reaches(line):
            self._alarm = alarm
            await self._call.say(emergency.offer.format(line=emergency.name_of(line)), "emergency_offer")
            await self._note(Help.OFFERED, alarm)
            return
        if alone or utility:  # else the assistant has said which number to dial
            await self._call.say(emergency.dial.format(line=emergency.name_of(line)), "emergency_dial", firm=True)
        await self._note(Help.HEARD, alarm, once=True)

    async def _ask(self, doubt: Alarm) -> None:
        """It may be danger: nothing is written down before the caller says so."""
        emergency = self._call.flow.emergency
        line = emergency.line_for(doubt.line) if emergency is not None else None
        if emergency is None or line is None:
            return
        if self._reaches(line):
            self._alarm = replace(doubt, line=line)
            await self._call.say(emergency.ask.format(line=emergency.name_of(line)), "emergency_ask")
        else:
            await self._call.say(emergency.dial.format(line=emergency.name_of(line)), "emergency_dial")

    def _reaches(self, line: str) -> bool:
        emergency = self._call.flow.emergency
        return emergency is not None and reaches(self._call.parts.settings, emergency.number_of(line))

    def accepted(self, answer: str) -> bool:
        """Whether the next thing said, or the key, takes the offer; any other answer closes it."""
        if self._alarm is None:
            return False
        if answer == "1" or (_YES.search(answer) and not _NO.search(answer)):
            return True
        self._alarm = None
        return False

    async def connect(self) -> str | None:
        """Connect the caller; the end reason, or None when nobody answered there and the call goes on. Raises CallerGone."""
        alarm, emergency = self._alarm, self._call.flow.emergency
        if alarm is None or not alarm.line or emergency is None:  # nothing was offered
            return None
        self._alarm, self.heard = None, True
        call, number, name = self._call, emergency.number_of(alarm.line), emergency.name_of(alarm.line)
        call.ear.on_voice = None
        waiting, call.waiting, owed = call.waiting, False, call.owed_unless_registered
        call.owed_unless_registered = FOLLOW_UP
        await call.say(emergency.connecting.format(line=name), "emergency_connecting", firm=True)
        self._note_meanwhile(Help.CONNECTING, alarm)
        try:
            try:
                other = await self._ring(number)
            except (CallFailed, ValueError, OSError) as error:
                log.warning("emergency_not_connected", call=str(call.leg.id), line=alarm.line, reason=str(error))
                call.waiting, call.owed_unless_registered = waiting, owed
                self._note_meanwhile(Help.FAILED, alarm)
                await call.say(emergency.failed.format(line=name), "emergency_failed", firm=True)
                return None
            self._note_meanwhile(Help.CONNECTED, alarm)
            await self._together(other)
            return "transferred"
        finally:
            await self._noted()

    async def _noted(self) -> None:
        if self._noting is not None:
            await self._noting

    def _note_meanwhile(self, step: Help, alarm: Alarm) -> None:
        """Write it down in its order while the call goes on: a database that hangs must not hold up help."""
        before = self._noting

        async def note() -> None:
            if before is not None:
                await before
            await self._note(step, alarm)

        self._noting = asyncio.ensure_future(note())

    async def _note(self, step: Help, alarm: Alarm, *, once: bool = False) -> None:
        """`once`: the same danger said again is told no second time."""
        key = f"{step.value} {alarm.danger.value}"
        if not (once and key in self._told):
            self._told.add(key)
            await self._call.record.danger(step, alarm)

    async def _ring(self, number: str) -> BridgeLeg:
        """Ring while the caller hears it; what the caller says meanwhile is kept, and a hang-up ends the ring."""
        call = self._call
        ringback = Ringback(call.leg)
        board, uri = call.parts.switchboard, route(call.parts.settings, number)
        dialling = asyncio.ensure_future(board.dial(uri, _RING_S, call.leg.codec, on_early=ringback.early))
        listening = asyncio.ensure_future(self._keep_words())
        try:
            await asyncio.wait({dialling, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not dialling.done():
                await listening  # raises CallerGone: it never ends otherwise
            return await dialling
        finally:
            ringback.stop()
            for task in (dialling, listening):
                task.cancel()
            await asyncio.gather(dialling, listening, return_exceptions=True)

    async def _keep_words(self) -> None:
        """Until the caller hangs up. A database that is away cuts nobody off from help."""
        while True:
            event = await self._call.ear.next(None)
            if isinstance(event, Heard) and event.kind == "final":
                try:
                    await self._call.store(event)
                except Unavailable as error:  # it is among `unanswered`: kept at the end of the call
                    log.warning("words_not_stored", call=str(self._call.leg.id), reason=str(error))

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
