"""A caller with an agent, both legs fakes: how tests get there, and what they look at."""

from __future__ import annotations

import asyncio
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


async def to_agent(line: Line, name: str = "lin", **values: object) -> tuple[FakeLeg, FakeLeg]:
    """A caller presses 0 and this agent picks up: both legs."""
    leg = line.call(**values)
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    phone = await line.phones.answers(name)
    await until(lambda: phone.hear() is None and leg._relay is not None)
    await state_is(line, leg.id, CallState.TALKING)
    return leg, phone


async def call_row(line: Line, call_id: UUID) -> Call:
    async with line.database.transaction() as session:
        return await session.get_one(Call, call_id)


async def state_is(line: Line, call_id: UUID, state: CallState) -> None:
    async with asyncio.timeout(20):
        while (await call_row(line, call_id)).state != state.value:
            await asyncio.sleep(0.01)


async def duty_is(line: Line, user: User, *states: DutyState) -> None:
    async with asyncio.timeout(20):
        while await line.state_of(user) not in {state.value for state in states}:
            await asyncio.sleep(0.01)


async def do(line: Line, user: User, call_id: UUID, action: str, to: str = "", *, result: str | None = "") -> None:
    """A command of the console, carried out. `result`: how it ends; None: not waited for."""
    async with line.database.transaction() as session:
        row = await command(line.core, session, staff_actor(user), call_id, action, to=to)
    if result is None:
        return
    async with asyncio.timeout(20):
        while True:
            async with line.database.transaction() as session:
                found = await session.get_one(CallCommand, row.id)
            if found.done_at is not None:
                break
            await asyncio.sleep(0.01)
    assert (found.state, found.result) == ("done" if not result else "failed", result)


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
