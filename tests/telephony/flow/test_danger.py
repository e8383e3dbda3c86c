"""Words of danger on a call: the offer to connect an emergency line, and its way. Telephones are fakes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from sqlalchemy import select

from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import Line, heard, said
from tests.telephony.flow.with_agent import (
    FROM_CITIZEN,
    FROM_OTHER,
    TRUNK,
    call_row,
    ends,
    events_of,
    greeted,
    hears_only,
    noted,
    on_the_line,
)
from ticketing.call_flow.document import seed_text
from ticketing.conversation.models import Call

FIRE = "我家着火了快来"


async def offered(line: Line, words: str = FIRE, service: str = "119") -> FakeLeg:
    """A caller in danger, offered this line. There is a trunk."""
    line.set(outbound_uri=TRUNK)
    leg = await greeted(line)
    line.say(leg, words)
    await heard(leg, f"帮您接通{service}")
    return leg


async def test_danger_is_connected_at_once_when_the_caller_wants_it(line: Line) -> None:
    leg = await offered(line)
    leg.press_keys("1")
    fire = await line.phones.answers("119")
    await on_the_line(leg)
    await noted(line, leg.id, "call.emergency_connected")
    await on_the_line(fire)
    await hears_only(leg, fire, FROM_OTHER)
    await hears_only(fire, leg, FROM_CITIZEN)
    await ends(line, fire)
    names = await events_of(line, leg.id)
    assert [name for name in names if "emergency" in name] == [
        "call.emergency_offered", "call.emergency_connecting", "call.emergency_connected"
    ]  # fmt: skip
    assert (await call_row(line, leg.id)).end_reason == "transferred"


async def test_a_database_that_hangs_holds_up_no_help(line: Line) -> None:
    leg = await offered(line)
    await noted(line, leg.id, "call.emergency_offered")
    async with line.database.transaction() as session:
        await session.execute(select(Call.id).where(Call.id == leg.id).with_for_update())
        leg.press_keys("1")
        fire = await line.phones.answers("119")
        await on_the_line(leg)
        await hears_only(leg, fire, FROM_OTHER)
        await hears_only(fire, leg, FROM_CITIZEN)
        assert "call.emergency_connecting" not in await events_of(line, leg.id), "it could not be written yet"
    await noted(line, leg.id, "call.emergency_connected")
    await ends(line, fire)
    names = await events_of(line, leg.id)
    assert names.index("call.emergency_connecting") < names.index("call.emergency_connected")


@pytest.mark.parametrize(("answer", "connected"), [("接通", True), ("好的快接", True), ("不用了已经灭了", False), ("没事", False)])
async def test_the_offer_is_taken_by_words_and_closed_by_any_other_answer(line: Line, answer: str, connected: bool) -> None:
    leg = await offered(line)
    line.say(leg, answer)
    if connected:
        await line.phones.rings("119")
    else:
        await heard(leg, f"答：{answer}")
        assert line.phones.rung == []
    await ends(line, leg)


async def test_an_emergency_line_that_does_not_answer_is_told_and_the_call_goes_on(line: Line) -> None:
    leg = await offered(line)
    leg.press_keys("1")
    await line.phones.refuses("119", 503)
    await heard(leg, "马上直接拨打119")
    await ends(line, leg)


def with_utilities(**numbers: str) -> dict[str, Any]:
    flow = yaml.safe_load(seed_text())["flows"]["hotline"]
    return {"emergency": {**flow["emergency"], "utilities": numbers}}


@pytest.mark.parametrize(
    ("words", "name", "number", "line_of"),
    [
        ("厨房里煤气味很大", "燃气抢修电话96777", "96777", "gas"),
        ("电线断了掉在地上", "供电抢修电话95598", "95598", "power"),
    ],
)
async def test_gas_and_power_are_put_through_to_the_citys_own_service(line: Line, words: str, name: str, number: str, line_of: str) -> None:
    await line.rules(flow=with_utilities(gas="96777", power="95598"))
    line.set(outbound_prefixes=("110", "119", "120", "122", "95598", "96777"))
    leg = await offered(line, words, name)
    leg.press_keys("1")
    service = await line.phones.answers(number)
    await on_the_line(leg)
    await ends(line, service)
    row = await call_row(line, leg.id)
    assert (row.end_reason, row.data["danger"]["line"], row.data["danger"]["help"]) == ("transferred", line_of, "connected")


async def test_a_service_that_the_trunk_does_not_reach_is_told_by_its_number(line: Line) -> None:
    await line.rules(flow=with_utilities(power="95598"))
    line.set(outbound_uri=TRUNK)
    leg = await greeted(line)
    line.say(leg, "电线断了掉在地上")
    await heard(leg, "拨打供电抢修电话95598")
    assert not any("接通供电" in one for one in said(leg))
    await ends(line, leg)


async def test_without_numbers_of_the_city_gas_is_offered_the_fire_brigade_and_power_nothing(line: Line) -> None:
    line.set(outbound_uri=TRUNK)
    leg = await greeted(line)
    line.say(leg, "电线断了掉在地上")
    await heard(leg, "答：电线断了")
    line.say(leg, "厨房里煤气味很大")
    await heard(leg, "帮您接通119")
    await ends(line, leg)
    assert not any("供电" in one for one in said(leg))


async def test_without_a_trunk_nothing_is_offered_that_cannot_be_done(line: Line) -> None:
    leg = await greeted(line)
    line.say(leg, FIRE)
    await heard(leg, f"答：{FIRE}")
    assert not any("接通119" in one for one in said(leg))
    await ends(line, leg)
