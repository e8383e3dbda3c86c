"""A caller with an agent, both legs fakes: how tests get there, and what they look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import select

from hotline.events import Event
from telephony.leg import FRAME_BYTES
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import Line, heard, until
from ticketing.conversation.models import Call, CallState
from ticketing.duty.models import DutyState
from ticketing.people.actor import staff_actor
from ticketing.people.models import User
from ticketing.queue.commands import command
from ticketing.queue.models import CallCommand

FROM_CITIZEN = b"\x01\x10" * (FRAME_BYTES // 2)
FROM_AGENT = b"\x02\x10" * (FRAME_BYTES // 2)
FROM_OTHER = b"\x03\x10" * (FRAME_BYTES // 2)
TRUNK = "sip:{number}@127.0.0.1:5090"
OUTSIDE = "057112345"
"""A department's telephone; `outside` lets it be called."""


async def greeted(line: Line, **values: object) -> FakeLeg:
    """A caller who has heard the greeting."""
    leg = line.call(**values)
    await heard(leg, "<greeting>")
    return leg


async def ends(line: Line, leg: FakeLeg) -> None:
    """This one hangs up, and the call is wound up."""
    leg.caller_hangs_up()
    await line.over()


async def to_agent(line: Line, name: str = "lin", **values: object) -> tuple[FakeLeg, FakeLeg]:
    """A caller presses 0 and this agent picks up: both legs."""
    leg = await greeted(line, **values)
    leg.press_keys("0")
    phone = await line.phones.answers(name)
    await until(lambda: phone.hear() is None and leg._relay is not None)
    await state_is(line, leg.id, CallState.TALKING)
    return leg, phone


async def outside(line: Line, action: str) -> tuple[User, FakeLeg, FakeLeg]:
    """An agent with a caller calls the department by this command: agent, both legs. It does not ring yet."""
    line.set(outbound_uri=TRUNK, outbound_prefixes=("0571",))
    agent = await line.agent()
    leg, phone = await to_agent(line)
    await do(line, agent, leg.id, action, OUTSIDE, result=None)
    return agent, leg, phone


async def on_the_line(leg: FakeLeg) -> FakeLeg:
    """Once it hears the others."""
    await until(lambda: leg._relay is not None)
    return leg


async def stored(condition: Callable[[], Awaitable[bool]]) -> None:
    """Until the database says so."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def noted(line: Line, subject_id: UUID | int, name: str) -> None:
    """Until this event is written."""

    async def found() -> bool:
        return name in await events_of(line, subject_id)

    await stored(found)


async def call_row(line: Line, call_id: UUID) -> Call:
    async with line.database.transaction() as session:
        return await session.get_one(Call, call_id)


async def state_is(line: Line, call_id: UUID, state: CallState) -> None:
    async def found() -> bool:
        return (await call_row(line, call_id)).state == state.value

    await stored(found)


async def duty_is(line: Line, user: User, *states: DutyState) -> None:
    async def found() -> bool:
        return await line.state_of(user) in {state.value for state in states}

    await stored(found)


async def do(line: Line, user: User, call_id: UUID, action: str, to: str = "", *, result: str | None = "") -> None:
    """A command of the console, carried out. `result`: how it ends; None: not waited for."""
    async with line.database.transaction() as session:
        row = await command(line.core, session, staff_actor(user), call_id, action, to=to)
    if result is None:
        return

    async def carried_out() -> bool:
        nonlocal row
        async with line.database.transaction() as session:
            row = await session.get_one(CallCommand, row.id)
        return row.done_at is not None

    await stored(carried_out)
    assert (row.state, row.result) == ("done" if not result else "failed", result)


async def hears_only(leg: FakeLeg, speaker: FakeLeg, sound: bytes) -> None:
    """Until what this one says reaches that leg, and nothing else does."""
    async with asyncio.timeout(20):
        while True:
            for _ in range(4):  # what is still on its way
                leg.hear()
            speaker.speak(sound)
            if leg.hear() == sound and leg.hear() is None:
                return
            await asyncio.sleep(0.01)


def hears_music(leg: FakeLeg) -> bool:
    return all(leg.hear() for _ in range(8))  # no voice goes on after its frames were taken


async def events_of(line: Line, subject_id: UUID | int) -> list[str]:
    async with line.database.transaction() as session:
        return list(await session.scalars(select(Event.name).where(Event.subject_id == str(subject_id)).order_by(Event.id)))
