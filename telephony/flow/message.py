"""Taking a message (留言): when nothing can be transcribed, or the database is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from hotline.errors import Unavailable
from telephony.flow.ear import Key, Silence
from telephony.flow.parts import CallerGone
from telephony.flow.tones import beep
from telephony.speech.transcriber import Heard

if TYPE_CHECKING:
    from telephony.flow.call import Call

LONGEST_S = 120.0
_SOMETHING_S = 0.4
"""So much sound makes a message; less is a click on the line."""


async def take_message(call: Call, prompt: Literal["leave_message", "apology"]) -> str:
    """Prompt, tone, record until the caller hangs up, presses #, is silent, or two minutes are over; the end reason.

    The return call is owed as soon as there is something to hear, so that a hang-up can't lose it.
    """
    mouth, ear = call.mouth, call.ear
    await mouth.prompt(prompt, firm=True)
    mouth.play(beep(), firm=True)
    await mouth.finished()
    before = ear.loud_seconds
    try:
        danger = await _until_over(call)
    except CallerGone:
        await _owe(call, ear.loud_seconds - before)
        raise
    left = await _owe(call, ear.loud_seconds - before)
    if danger and (ended := await call.emergency.connect()) is not None:
        return ended
    await mouth.prompt("goodbye" if prompt == "apology" else "message_saved" if left else "message_empty", firm=True)
    await mouth.finished()
    return "message_left" if left else "silence"


async def _until_over(call: Call) -> bool:
    """Whether the caller wants to be connected with an emergency line instead of ending the message."""
    loop = asyncio.get_running_loop()
    began, heard_at = call.ear.seconds, loop.time()
    ends = loop.time() + LONGEST_S
    silence_s = call.parts.settings.silence_s
    loud = call.ear.loud_seconds
    while loop.time() < ends and call.ear.seconds - began < LONGEST_S:
        event = await call.ear.next(min(0.5, silence_s))
        if isinstance(event, Key):
            if event.digit == "1" and call.emergency.open:
                return True
            if event.digit == "#":
                return False
        if isinstance(event, Heard) and event.kind == "final":
            await _keep(call, event)
            if call.emergency.accepted(event.text):
                return True
            await call.emergency.offer(event.text, alone=True)
        if call.ear.loud_seconds > loud or call.mouth.talking:
            loud, heard_at = call.ear.loud_seconds, loop.time()
        elif isinstance(event, Silence) and loop.time() - heard_at >= silence_s:
            return False
    return False


async def _keep(call: Call, heard: Heard) -> None:
    """In the database, or in the call's file while that is away."""
    if call.record.outage:
        call.record.keep(call.record.name(heard))
        return
    try:
        await call.store(heard)
    except Unavailable:
        call.record.keep(*call.unanswered)


async def _owe(call: Call, loud_seconds: float) -> bool:
    """Whether there is a message; if so a return call is owed for it."""
    if loud_seconds < _SOMETHING_S and not call.record.anything_said:
        return False
    if call.record.outage:
        call.record.keep(owed="message_left")
        return True
    try:
        await call.record.owe("message_left")
    except Unavailable:
        call.record.keep(owed="message_left")
    return True
