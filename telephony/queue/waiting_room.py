"""Waiting for a person: music, one's place, a return call instead, and the ring of one agent after the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.logs import get
from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Loop
from telephony.flow.ear import Key, Told
from telephony.flow.tones import music
from telephony.leg import CallFailed
from telephony.speech.transcriber import Heard
from ticketing.call_flow.document import QueueOptions
from ticketing.call_flow.tongue import asked_for
from ticketing.conversation.calls import answered_by_person
from ticketing.queue.models import Outcome
from ticketing.queue.service import Place, Ring, Wish, enter, leave, not_answered, place, rings_of, served

if TYPE_CHECKING:
    from telephony.flow.call import Call

log = get(__name__)
_RESULTS = {486: "busy", 600: "busy", 603: "refused", 408: "no_answer", 480: "no_answer", 487: "no_answer"}
PRIORITIES = {"emergency": 20, "agent_lost": 15, "elderly": 10}
"""Who comes before the others, by the reason for which a person was asked for."""
_LONGEST_TOLD_S = 1800
"""A longer expected wait is told as «more than half an hour»."""


@dataclass(frozen=True)
class Connected:
    """An agent picked up."""

    ring: Ring
    leg: BridgeLeg


@dataclass(frozen=True)
class Left:
    """The wait ended without an agent."""

    outcome: Outcome
    expected_s: int = 0
    """How long it would have taken, for who chose the return call."""


@dataclass(frozen=True)
class _Look(Told):
    """An offer may have come."""


@dataclass(frozen=True)
class _PickedUp(Told):
    ring: Ring
    leg: BridgeLeg


class WaitingRoom:
    """One caller's wait in one queue."""

    def __init__(self, call: Call, wish: Wish, options: QueueOptions, *, since: datetime | None = None) -> None:
        """`since`: keeps an earlier place."""
        self._call = call
        self._wish = wish
        self._options = options
        self._since = since
        self._ringing: dict[int, asyncio.Task[None]] = {}
        """By agent: one, or with `ringall` several."""
        self._may_choose = False
        """Whether the return call was offered."""
        self._looking = False
        self._last: Place | None = None

    async def wait(self) -> Connected | Left:
        """Until an agent picked up or there is nothing to wait for. Raises CallerGone, Unavailable."""
        call, board = self._call, self._call.parts.switchboard
        async with call.record.transaction() as session:
            if not await enter(call.parts.core, session, call.leg.id, self._wish, self._options, since=self._since):
                return Left(Outcome.FULL)
        call.leg.feed(Loop(music()))
        found: Connected | Left | None = None
        try:
            with board.waits(call.leg.id, self._look_soon):
                board.poke()
                found = await self._until_over()
            return found
        finally:
            call.leg.feed(None)
            await asyncio.shield(asyncio.ensure_future(self._stop_ringing(keep=found if isinstance(found, Connected) else None)))

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._call.ear.put(_Look())

    async def _until_over(self) -> Connected | Left:
        loop, options = asyncio.get_running_loop(), self._options
        began = loop.time()
        announce_at = began + min(3.0, options.announce_frequency)
        offer_at = began + options.return_call_after if options.return_call_after and self._call.leg.caller else None
        while True:
            now = loop.time()
            if now >= began + options.max_wait:
                return await self._leave(Outcome.OVERFLOW if options.overflow.startswith("queue:") else Outcome.TIMEOUT)
            if offer_at is not None and now >= offer_at:
                offer_at = None
                await self._offer_return_call()
            elif now >= announce_at:
                announce_at = now + options.announce_frequency
                await self._announce()
            pause = min(at for at in (began + options.max_wait, announce_at, offer_at) if at is not None)
            found = await self._take(await self._call.ear.next(max(0.01, pause - now)))
            if found is not None:
                return found

    async def _take(self, event: object) -> Connected | Left | None:
        match event:
            case _Look():
                self._looking = False
                return await self._look()
            case _PickedUp():
                return await self._picked_up(event)
            case Heard(kind="final"):
                return await self._heard(event)
            case Key(digit="1") if self._call.emergency.open:
                return await self._leave(Outcome.EMERGENCY)
            case Key(digit="1") if self._may_choose:
                return await self._leave(Outcome.RETURN_CALL)
        return None

    async def _heard(self, heard: Heard) -> Left | None:
        """What is said while waiting is kept; danger does not wait for an agent."""
        call, emergency = self._call, self._call.emergency
        await call.store(heard)
        if emergency.accepted(heard.text):
            return await self._leave(Outcome.EMERGENCY)
        wish = asked_for(heard.text, call.document.tongues)
        if wish and wish != call.tongue:
            call.tongue = wish
            await call.record.ask_for_tongue(wish)
        await emergency.offer(heard.text, alone=True)
        if emergency.heard:
            await call.record.hurry(PRIORITIES["emergency"])
        return None

    async def _look(self) -> Left | None:
        core, call = self._call.parts.core, self._call
        async with call.record.transaction() as session:
            rings = await rings_of(core, session, call.leg.id)
            self._last = await place(core, session, call.leg.id) or self._last
        for ring in rings:
            if ring.user_id not in self._ringing:
                self._ringing[ring.user_id] = asyncio.create_task(self._ring(ring), name=f"ring-{ring.user_id}")
        if not rings and self._last is not None and self._last.on_duty == 0 and self._options.leavewhenempty:
            return await self._leave(Outcome.EMPTY)
        return None

    async def _ring(self, ring: Ring) -> None:
        try:
            leg = await self._call.parts.switchboard.dial(ring.phone, ring.timeout_s, self._call.leg.codec)
        except CallFailed as failed:
            await self._refused(ring, _RESULTS.get(failed.status, "failed"))
        except (ValueError, OSError) as error:  # no address of ours, no such host, no port left
            log.warning("agent_not_rung", user=ring.user_id, reason=str(error))
            await self._refused(ring, "failed")
        else:
            self._call.ear.put(_PickedUp(ring, leg))

    async def _refused(self, ring: Ring, result: str) -> None:
        try:
            async with self._call.record.transaction() as session:
                await not_answered(self._call.parts.core, session, ring.call_id, ring.user_id, result, self._options)
        except Unavailable as error:  # the offer runs out by itself
            log.warning("refusal_not_written", call=str(ring.call_id), reason=str(error))
        self._ringing.pop(ring.user_id, None)  # not before: until then the database still names this agent
        self._call.parts.switchboard.poke()

    async def _picked_up(self, event: _PickedUp) -> Connected | None:
        core, ring = self._call.parts.core, event.ring
        self._ringing.pop(ring.user_id, None)
        try:
            async with self._call.record.transaction() as session:
                mine = await served(core, session, ring.call_id, ring.user_id)
                if mine:
                    await answered_by_person(core, session, ring.call_id, ring.user_id)
        except BaseException:
            await event.leg.hang_up()
            raise
        if not mine:  # the offer was taken back in that moment
            await event.leg.hang_up()
            return None
        return Connected(ring, event.leg)

    async def _leave(self, outcome: Outcome) -> Left:
        core, call_id = self._call.parts.core, self._call.leg.id
        async with self._call.record.transaction() as session:
            last = await place(core, session, call_id)
            await leave(core, session, call_id, outcome)
        return Left(outcome, last.expected_s if last else 0)

    async def _stop_ringing(self, keep: Connected | None) -> None:
        for task in self._ringing.values():
            task.cancel()
        await asyncio.gather(*self._ringing.values(), return_exceptions=True)
        for left in self._call.ear.leftovers(_PickedUp):
            if keep is None or left.leg is not keep.leg:
                await left.leg.hang_up()

    async def _announce(self) -> None:
        options, now = self._options, self._last
        if now is None or not (options.announce_position or options.announce_holdtime):
            return
        said = []
        if options.announce_position:
            said.append(_("您是下一位") if now.position == 1 else _("您前面还有{n}位").format(n=now.position - 1))
        if options.announce_holdtime:
            said.append(told_wait(now.expected_s))
        await self._call.mouth.offer("，".join(said) + "。")

    async def _offer_return_call(self) -> None:
        self._may_choose = await self._call.mouth.offer(
            _("不想继续等待，请按一。我们会保留您的排队位置，轮到您的时候给您回电话。继续等待请不要挂机。")
        )


def told_wait(seconds: int) -> str:
    """An expected wait in words, in whole minutes."""
    if seconds <= 60:
        return _("预计等待不到一分钟")
    if seconds > _LONGEST_TOLD_S:
        return _("预计等待超过半小时")
    return _("预计等待{n}分钟").format(n=-(-seconds // 60))
