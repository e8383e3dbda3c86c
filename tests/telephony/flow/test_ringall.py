"""`strategy: ringall`: every free agent's telephone rings; the first one has the caller, the others stop."""

from __future__ import annotations

from tests.telephony.flow.conftest import Line, heard, until
from tests.telephony.flow.with_agent import FROM_AGENT, FROM_CITIZEN, duty_is, hears_only, state_is
from ticketing.conversation.models import CallState
from ticketing.duty.models import DutyState


async def test_the_first_one_to_pick_up_has_the_caller(line: Line) -> None:
    await line.rules(strategy="ringall")
    agents = {name: await line.agent(name) for name in ("lin", "chen", "wang")}
    leg = line.call()
    await heard(leg, "<greeting>")
    leg.press_keys("0")
    for name in agents:
        await line.phones.rings(name)
    await line.phones.refuses("lin")
    phone = await line.phones.answers("wang")
    await state_is(line, leg.id, CallState.TALKING)
    await hears_only(leg, phone, FROM_AGENT)
    await hears_only(phone, leg, FROM_CITIZEN)
    await until(lambda: any("chen" in uri for uri in line.phones.stopped))
    await duty_is(line, agents["chen"], DutyState.READY)
    await duty_is(line, agents["wang"], DutyState.BUSY)
    leg.caller_hangs_up()
    await line.over()
    await duty_is(line, agents["wang"], DutyState.WRAP_UP)
