"""Languages and dialects: said on the call, dialled, remembered; and nobody waits for nobody. Telephones are fakes."""

from __future__ import annotations

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tests.telephony.flow.conftest import Line, heard, until
from tests.telephony.flow.with_agent import state_is
from ticketing.conversation.models import CallState, Message
from ticketing.duty.models import Duty, DutyState, Skill
from ticketing.duty.service import change
from ticketing.people.models import User
from ticketing.queue.models import Waiting


async def speaks(line: Line, agent: User, kind: str, code: str) -> None:
    async with line.database.transaction() as session:
        session.add(Skill(user_id=agent.id, kind=kind, code=code))


async def test_who_asks_for_a_dialect_is_put_to_who_speaks_it_and_known_the_next_time(line: Line) -> None:
    await line.agent("lin")
    await speaks(line, await line.agent("chen"), "dialect", "yue")
    for _ in range(2):
        leg = line.call()
        await heard(leg, "<greeting>")
        if not line.bot.turns and not line.phones.rung:
            line.say(leg, "能说粤语吗")
        else:
            leg.press_keys("0")
        phone = await line.phones.answers("chen")
        await state_is(line, leg.id, CallState.TALKING)
        phone.caller_hangs_up()
        await line.over()
        async with line.database.transaction() as session:
            await end_wrap_up(line, session)
    assert line.bot.turns == [], "the assistant, who speaks Mandarin, is not asked"
    async with line.database.transaction() as session:
        assert list(await session.scalars(select(Waiting.dialect))) == ["yue", "yue"]
        assert (await session.scalars(select(Message.text).where(Message.author == "citizen"))).one() == "能说粤语吗"


async def end_wrap_up(line: Line, session: AsyncSession) -> None:
    for duty in list(await session.scalars(select(Duty).where(Duty.state == DutyState.WRAP_UP.value))):
        await change(line.core, session, duty, DutyState.READY)


async def test_the_dialled_number_and_words_in_the_queue_say_the_language_and_nobody_waits_for_nobody(line: Line) -> None:
    await line.rules(flow={"language": "en"})
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    await heard(leg, "<queue_invite>")
    await until(lambda: leg.hear() is not None)
    line.say(leg, "用上海话讲可以吗")
    async with asyncio.timeout(20), line.database.transaction() as session:
        while (await session.execute(select(Waiting.language, Waiting.dialect))).one() != ("zh", "wuu"):
            await asyncio.sleep(0.01)
    await line.agent("lin")  # speaks neither; nobody on duty does
    phone = await line.phones.answers("lin")
    await state_is(line, leg.id, CallState.TALKING)
    phone.caller_hangs_up()
    await line.over()
