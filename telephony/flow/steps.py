"""The steps of a call flow, one job each. Data: ticketing.call_flow.document; which step is which is the table at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from telephony.flow.conversation import Talk, listen_for_voice
from telephony.flow.message import take_message
from telephony.flow.person import reach_person, reachable
from ticketing.call_flow import document

if TYPE_CHECKING:
    from telephony.flow.call import Call


async def screen(call: Call, step: document.Screen) -> str | None:
    """Who is on the nuisance list hears why, and the call ends."""
    if not call.record.nuisance:
        return None
    await call.say(step.say, "nuisance", firm=True)
    await call.mouth.finished()
    return "nuisance"


async def greet(call: Call, step: document.Greet) -> str | None:
    """The greeting, that the call is recorded, and what is urgent in the city. The city's own when the line has none or the voice fails.

    Nothing where nothing can be transcribed: «speak» would be a lie, and asking for a message has a greeting of its own.
    """
    if not call.transcribed:
        return None
    words = step.say or call.record.greeting
    if not words or not await call.mouth.offer(words):
        await call.prompt("greeting")
    else:
        await call.keep(words, "line_greeting")
        await call.prompt("recorded")
    if call.record.urgent:
        await call.say(call.record.urgent, "topic")
    return None


async def announce(call: Call, step: document.Announce) -> str | None:
    """What everybody is told in this period."""
    if step.holds_at(call.parts.core.clock.now(), call.record.calendar):
        await call.say(step.say, "announcement")
    return None


async def straight(call: Call, step: document.Straight) -> str | None:
    """Who is old or deaf need not speak with a machine, when somebody is there."""
    if not call.record.needs.intersection(step.needs) or not await reachable(call):
        return None
    await call.say(step.say, "straight")
    return await reach_person(call, "elderly", told=True)


async def talk(call: Call, step: document.Talk) -> str | None:
    """The caller speaks with the assistant; without a transcriber a person or a message takes its place."""
    if not call.transcribed:
        there = await reachable(call) and await call.record.on_duty() > 0
        return (await reach_person(call, "failed") if there else None) or await take_message(call, "leave_message")
    call.talk = Talk(call, step)
    return await call.talk.run()


async def queue(call: Call, step: document.Queue) -> str | None:
    """Straight into the queue."""
    return await reach_person(call, "asked", queue=step.queue) or await take_message(call, "leave_message")


async def message(call: Call, _step: document.Message) -> str | None:
    """A message after the tone."""
    return await take_message(call, "leave_message")


_STEPS: dict[type, Callable[[Call, Any], Awaitable[str | None]]] = {
    document.Screen: screen,
    document.Greet: greet,
    document.Announce: announce,
    document.Straight: straight,
    document.Talk: talk,
    document.Queue: queue,
    document.Message: message,
}


async def go_through(call: Call) -> str:
    """All steps of the call's flow; the end reason. Raises CallerGone, Unavailable."""
    if call.transcribed and isinstance(last := call.flow.steps[-1], document.Talk):
        listen_for_voice(call, last)  # the greeting may be interrupted too
    for step in call.flow.steps:
        if not isinstance(step, document.Screen | document.Greet):  # a caller is greeted before anything is written
            await call.record.written()
        ended = await _STEPS[type(step)](call, step)
        if ended is not None:
            return ended
    return "finished"  # the document ends with a step that ends the call
