"""To a person: whether one can be reached now, the queue, the conversation, and what follows when nobody comes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from telephony.bridge.person_call import AGENT_LOST, PersonCall
from telephony.flow.message import take_message
from telephony.queue.waiting_room import PRIORITIES, Connected, Left, WaitingRoom
from ticketing.call_flow.document import QueueOptions, is_open
from ticketing.call_flow.tongue import MANDARIN, Tongue
from ticketing.queue.models import Outcome
from ticketing.queue.service import Wish

if TYPE_CHECKING:
    from telephony.flow.call import Call

_SOONEST = timedelta(minutes=5)
_REASONS = {Outcome.TIMEOUT: "queue_timeout", Outcome.FULL: "queue_full", Outcome.EMPTY: "nobody_on_duty"}


async def reachable(call: Call, queue: str | None = None) -> bool:
    """Whether callers of this flow may wait for a person now. `queue`: another one than the flow's own."""
    person = call.flow.person
    if not is_open(person.hours, call.parts.core.clock.now(), call.record.calendar):
        return False
    name = queue or person.queue
    if call.document.queues[name].joinempty:
        return True
    any_line = any(call.document.queues[each].any_line for each in call.document.overflows_of(name))
    return await call.record.on_duty(any_line=any_line) > 0


async def reach_person(call: Call, reason: str, *, told: bool = False, queue: str | None = None) -> str | None:
    """The end reason of the call; None when nobody can be reached now and the caller goes on with the assistant.

    `told`: the assistant has already said that a person will come. `queue`: another one than the flow's own.
    Raises CallerGone, Unavailable.
    """
    if not await reachable(call, queue):
        return await _nobody(call, reason)
    await call.record.queue(reason)
    call.waiting = True
    call.ear.on_voice = None  # who speaks while waiting does not stop what is said: it is stored
    if not told:
        await call.prompt("queued")
    await call.prompt("queue_invite")
    name, since, priority = queue or call.flow.person.queue, call.parts.core.clock.now(), PRIORITIES.get(reason, 0)
    while True:
        options = call.document.queues[name]
        found = await WaitingRoom(call, wish_of(call, name, priority), options, since=since).wait()
        if isinstance(found, Left):
            if found.outcome is Outcome.EMERGENCY:
                priority = PRIORITIES["emergency"]
                if (ended := await call.emergency.connect()) is not None:
                    return ended
                continue  # nobody answered there: the same place in the queue
            if found.outcome in (Outcome.OVERFLOW, Outcome.FULL) and options.overflow.startswith("queue:"):
                name = options.overflow.removeprefix("queue:")
                continue
            return await _without_agent(call, found, options)
        ended = await _talk(call, found, options)
        if ended != AGENT_LOST:
            return ended
        await call.record.agent_lost()
        await call.prompt("agent_lost")
        call.waiting, priority = True, PRIORITIES[AGENT_LOST]


async def _talk(call: Call, found: Connected, options: QueueOptions) -> str:
    call.mouth.hush(even_firm=True)
    call.waiting, call.record.person_has_it = False, True
    return await PersonCall(call, found.leg, found.ring.user_id, options).run()


def wish_of(call: Call, queue: str, priority: int) -> Wish:
    """What this caller needs of an agent: what they said on this call comes before the dialled number, that before earlier calls."""
    flow, earlier = call.flow, call.record.tongue
    of_number = Tongue(flow.language if flow.language != MANDARIN else "", flow.dialect)
    tongue = call.tongue or of_number or earlier
    return Wish(
        queue, call.record.line, call.parts.worker, language=tongue.language or MANDARIN, dialect=tongue.dialect, priority=priority
    )  # fmt: skip


async def _nobody(call: Call, reason: str) -> str | None:
    """Out of hours, or nobody on duty: the assistant goes on, or a message is taken when it cannot."""
    call.owed_unless_registered = "nobody_on_duty"
    if reason == "failed":  # the assistant itself is broken
        return await _owe(call, "nobody_on_duty", "return_call")
    await call.say(call.flow.person.closed, "closed")
    await call.record.back_to_bot()
    return None


async def _without_agent(call: Call, left: Left, options: QueueOptions) -> str:
    call.mouth.hush(even_firm=True)
    if left.outcome is Outcome.RETURN_CALL:
        within = max(_SOONEST, timedelta(seconds=left.expected_s))
        return await _owe(call, "kept_place", "kept_place", within=within, ends="return_call")
    if options.overflow == "message":
        return await take_message(call, "leave_message")
    return await _owe(call, _REASONS.get(left.outcome, "queue_timeout"), "return_call")


async def _owe(call: Call, reason: str, prompt: str, *, within: timedelta | None = None, ends: str = "queue_timeout") -> str:
    await call.record.owe(reason, within=within)
    call.waiting, call.owed_unless_registered = False, ""
    await call.prompt(prompt, firm=True)
    await call.mouth.finished()
    return ends
