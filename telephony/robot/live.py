"""From the robot to a person on the same call: the citizen stays on the line, an agent takes over, and the robot is out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from telephony.bridge.person_call import AGENT_LOST, PersonCall
from telephony.flow.person import reachable, wish_of
from telephony.queue.waiting_room import Left, WaitingRoom
from ticketing.queue.models import Outcome

if TYPE_CHECKING:
    from telephony.flow.call import Call

LONGEST_WAIT_S = 60
"""We called them: nobody is kept waiting longer, the clerks' list has the task then."""


async def to_person(call: Call, words: str, on_taken: Callable[[int], Awaitable[None]]) -> str | None:
    """The call's end reason when somebody took it; None when nobody is there, or came in time: the call goes on with the robot.

    Args:
        call: with `record.adopt` done, so that flow, line and conversation are known.
        words: what the citizen hears while somebody is looked for.
        on_taken: told of the account that picked up, before the two talk.

    Raises CallerGone, Unavailable.
    """
    if call.record.conversation_id is None or not await reachable(call) or not await call.record.on_duty():
        return None
    await call.say(words, "to_person")
    await call.record.queue("asked")
    name = call.flow.person.queue
    options = call.document.queues[name].model_copy(update={"return_call_after": 0, "max_wait": LONGEST_WAIT_S, "overflow": "return-call"})
    found = await WaitingRoom(call, wish_of(call, name, 0), options).wait()
    call.mouth.hush(even_firm=True)
    if isinstance(found, Left):
        if found.outcome is Outcome.EMERGENCY and (ended := await call.emergency.connect()) is not None:
            return ended
        await call.record.back_to_bot()
        return None
    call.record.person_has_it = True
    await on_taken(found.ring.user_id)
    ended = await PersonCall(call, found.leg, found.ring.user_id, options).run()
    if ended == AGENT_LOST:
        await call.prompt("call_broken", firm=True)
        await call.mouth.finished()
    return ended
