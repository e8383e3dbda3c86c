"""Danger heard where no assistant speaks: in the queue, in a message, from an elderly caller who goes straight to the queue."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from telephony.flow import emergency
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import Line, heard, until
from tests.telephony.flow.rows import citizen_words
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
    state_is,
)
from ticketing.callback.models import ReturnCall
from ticketing.citizen.service import by_caller
from ticketing.conversation.models import CallState
from ticketing.conversation.service import get_conversation
from ticketing.people.actor import SYSTEM
from ticketing.queue.models import Waiting
from ticketing.suggestion.emergency import Danger
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Urgency

FIRE = "我家着火了快来"


async def waiting(line: Line, **values: object) -> FakeLeg:
    """A caller who waits for a person; nobody comes."""
    leg = await greeted(line, **values)
    leg.press_keys("0")
    await heard(leg, "<queue_invite>")
    await until(lambda: leg.hear() is not None)
    return leg


async def the_ticket(line: Line) -> Ticket:
    async with line.database.transaction() as session:
        return (await session.scalars(select(Ticket))).one()


async def test_who_waits_is_offered_the_line_comes_first_and_is_connected(line: Line) -> None:
    line.set(outbound_uri=TRUNK)
    leg = await waiting(line)
    line.say(leg, FIRE)
    await heard(leg, "帮您接通119")
    async with asyncio.timeout(20), line.database.transaction() as session:
        while await session.scalar(select(Waiting.priority)) != 20:
            await asyncio.sleep(0.01)
    leg.press_keys("1")
    fire = await line.phones.answers("119")
    await on_the_line(fire)
    await hears_only(leg, fire, FROM_OTHER)
    await hears_only(fire, leg, FROM_CITIZEN)
    await ends(line, fire)
    assert (await call_row(line, leg.id)).end_reason == "transferred"
    async with line.database.transaction() as session:
        assert list(await session.scalars(select(Waiting.outcome))) == ["emergency"]
        assert list(await session.scalars(select(ReturnCall.reason))) == ["emergency"], "somebody asks whether help came"
    ticket = await the_ticket(line)
    assert ticket.urgency == Urgency.EMERGENCY.value
    assert FIRE in ticket.content


async def test_an_emergency_line_that_does_not_answer_leaves_the_place_in_the_queue(line: Line) -> None:
    line.set(outbound_uri=TRUNK)
    leg = await waiting(line)
    line.say(leg, FIRE)
    await heard(leg, "帮您接通119")
    line.say(leg, "接通")
    await line.phones.refuses("119", 503)
    await heard(leg, "马上直接拨打119")
    await line.agent()
    phone = await line.phones.answers("lin")
    await state_is(line, leg.id, CallState.TALKING)
    async with line.database.transaction() as session:
        first, second = await session.scalars(select(Waiting).order_by(Waiting.id))
    assert (first.outcome, second.state, second.priority) == ("emergency", "served", 20)
    assert first.entered_at == second.entered_at, "the same place"
    await ends(line, phone)


async def test_elderly_callers_in_the_queue_are_offered_it_too(line: Line) -> None:
    line.set(outbound_uri=TRUNK)
    async with line.database.transaction() as session:
        (await by_caller(line.core, session, "+8613911112222")).needs = "elderly"
    leg = line.call(caller="13911112222")
    await heard(leg, "<queue_invite>")
    line.say(leg, FIRE)
    await heard(leg, "帮您接通119")
    assert line.bot.turns == [], "no assistant spoke"
    await ends(line, leg)
    assert (await the_ticket(line)).urgency == Urgency.EMERGENCY.value


async def test_without_a_trunk_the_number_is_told_once_and_kept(line: Line) -> None:
    leg = await waiting(line)
    line.say(leg, FIRE)
    await heard(leg, "马上挂机拨打119")
    await ends(line, leg)
    assert "call.emergency_heard" in await events_of(line, leg.id)
    assert (await the_ticket(line)).urgency == Urgency.EMERGENCY.value


async def test_what_may_be_danger_is_asked_and_leaves_nothing_when_it_is_none(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergency, "doubt_in", lambda text: Danger.FIRE if "烟" in text else None)  # the classifier has tests of its own
    line.set(outbound_uri=TRUNK)
    leg = await waiting(line)
    line.say(leg, "楼道里好像有烟味")
    await heard(leg, "您现在有危险吗")
    line.say(leg, "不用了是有人抽烟的味道")
    async with asyncio.timeout(20):
        while len(await citizen_words(line.database)) < 2:
            await asyncio.sleep(0.01)
    await ends(line, leg)
    assert line.phones.rung == []
    assert (await the_ticket(line)).urgency != Urgency.EMERGENCY.value
    assert not any("emergency" in name for name in await events_of(line, leg.id))


async def test_danger_in_a_message_is_offered_the_line_and_the_message_is_kept(line: Line) -> None:
    line.set(outbound_uri=TRUNK, silence_s=2.0)
    await line.rules(maxlen=1, overflow="message", **{"max-wait": 1, "return-call-after": 0})
    leg = await waiting(line)
    await heard(leg, "<leave_message>")
    line.say(leg, FIRE)
    await heard(leg, "帮您接通119")
    leg.press_keys("1")
    fire = await line.phones.answers("119")
    await on_the_line(fire)
    await ends(line, fire)
    assert (await call_row(line, leg.id)).end_reason == "transferred"
    ticket = await the_ticket(line)
    assert (ticket.urgency, FIRE in ticket.content) == (Urgency.EMERGENCY.value, True)
    async with line.database.transaction() as session:
        assert list(await session.scalars(select(ReturnCall.reason))) == ["message_left"]


async def test_a_ticket_registered_before_is_raised_and_told(line: Line) -> None:
    leg = await waiting(line)
    call = await call_row(line, leg.id)
    async with line.database.transaction() as session:
        conversation = await get_conversation(session, call.conversation_id)
        appeal = Appeal(channel=Channel.PHONE, title="路灯不亮", content="学院路路灯不亮", conversation_id=conversation.id)
        made = await register(line.core, session, SYSTEM, appeal)
    assert made.ticket.urgency == Urgency.NORMAL.value
    line.say(leg, FIRE)
    await heard(leg, "马上挂机拨打119")
    await noted(line, made.ticket.id, "danger.heard")
    assert (await the_ticket(line)).urgency == Urgency.EMERGENCY.value
    await ends(line, leg)
