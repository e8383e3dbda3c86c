"""What a supervisor may do with a call of others. Telephones are fakes."""

from __future__ import annotations

from tests.telephony.flow.conftest import Line, until
from tests.telephony.flow.with_agent import (
    FROM_AGENT,
    FROM_CITIZEN,
    FROM_OTHER,
    do,
    duty_is,
    events_of,
    hears_only,
    state_is,
    to_agent,
)
from ticketing.conversation.models import CallState
from ticketing.duty.models import DutyState
from ticketing.duty.service import change, duty_of
from ticketing.people.models import Role


async def test_listen_whisper_and_take_over(line: Line) -> None:
    agent, head = await line.agent("lin"), await line.agent("head", role=Role.SUPERVISOR, ready=False)
    leg, phone = await to_agent(line)
    await do(line, head, leg.id, "listen", result=None)
    ear = await line.phones.answers("head")
    await until(lambda: ear._relay is not None)
    await hears_only(ear, leg, FROM_CITIZEN)
    await hears_only(ear, phone, FROM_AGENT)
    ear.speak(FROM_OTHER)
    while (got := phone.hear()) is not None:
        assert got != FROM_OTHER
    await do(line, head, leg.id, "whisper")
    await hears_only(phone, ear, FROM_OTHER)
    ear.speak(FROM_OTHER)
    while (got := leg.hear()) is not None:
        assert got != FROM_OTHER, "the citizen never hears the supervisor"
    await do(line, head, leg.id, "take_over")
    await hears_only(leg, ear, FROM_OTHER)
    assert phone.hung_up is not None
    await duty_is(line, agent, DutyState.WRAP_UP)
    names = await events_of(line, leg.id)
    assert {"call.listen", "call.whisper", "call.take_over"} <= set(names)
    leg.caller_hangs_up()
    await line.over()


async def test_who_only_listened_has_nothing_to_wrap_up(line: Line) -> None:
    await line.agent("lin")
    head = await line.agent("head", role=Role.SUPERVISOR)
    async with line.database.transaction() as session:
        await change(line.core, session, await duty_of(line.core, session, head.id), DutyState.BREAK, reason="other")
    leg, _phone = await to_agent(line)
    await do(line, head, leg.id, "listen", result=None)
    ear = await line.phones.answers("head")
    await duty_is(line, head, DutyState.BUSY)
    ear.caller_hangs_up()
    await duty_is(line, head, DutyState.BREAK)
    await state_is(line, leg.id, CallState.TALKING)
    leg.caller_hangs_up()
    await line.over()
