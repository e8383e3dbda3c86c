"""A caller with an agent: hold, consult, transfer, three at once. Telephones are fakes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from hotline.errors import Unavailable
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import LOUD, Line, heard, until
from tests.telephony.flow.with_agent import (
    FROM_AGENT,
    FROM_CITIZEN,
    FROM_OTHER,
    OUTSIDE,
    call_row,
    do,
    duty_is,
    ends,
    events_of,
    hears_music,
    hears_only,
    on_the_line,
    outside,
    state_is,
    to_agent,
)
from ticketing.conversation.models import CallState, Conversation, Message
from ticketing.duty.models import DutyState
from ticketing.duty.service import change, duty_of
from ticketing.people.models import User


async def with_a_colleague(line: Line) -> tuple[User, User, FakeLeg, FakeLeg]:
    """An agent with a caller, a colleague on a break (who may be rung by name), both legs."""
    agent, colleague = await line.agent("lin"), await line.agent("chen", ready=False)
    async with line.database.transaction() as session:
        await change(line.core, session, await duty_of(line.core, session, colleague.id), DutyState.BREAK, reason="rest")
    return agent, colleague, *await to_agent(line)


async def test_hold_plays_music_and_nobody_hears_the_citizen(line: Line) -> None:
    agent = await line.agent()
    leg, phone = await to_agent(line)
    await do(line, agent, leg.id, "hold")
    assert hears_music(leg)
    leg.speak(FROM_CITIZEN)
    assert phone.hear() is None
    await do(line, agent, leg.id, "hold", result="wrong_state")
    assert line.transcriber is not None
    line.transcriber.sessions[1].script.append(Heard("final", "电话机自己的音乐", 0, 1, 0.9))
    phone.speak(LOUD * 6)
    await until(lambda: not line.transcriber.sessions[1].script)  # type: ignore[union-attr]
    await do(line, agent, leg.id, "resume")
    await hears_only(phone, leg, FROM_CITIZEN)
    phone.on_held(True)  # the key on the agent's own telephone
    await until(lambda: hears_music(leg))
    await ends(line, leg)
    async with line.database.transaction() as session:
        assert "电话机自己的音乐" not in list(await session.scalars(select(Message.text)))


async def test_warm_transfer_to_a_colleague(line: Line) -> None:
    agent, colleague, leg, phone = await with_a_colleague(line)
    await do(line, agent, leg.id, "consult", f"agent:{colleague.staff_number}", result=None)
    other = await line.phones.answers("chen")
    await on_the_line(other)
    await hears_only(phone, other, FROM_OTHER)
    await hears_only(other, phone, FROM_AGENT)
    assert hears_music(leg)
    await do(line, agent, leg.id, "transfer")
    await hears_only(leg, other, FROM_OTHER)
    assert phone.hung_up is not None
    await duty_is(line, agent, DutyState.WRAP_UP)
    assert await line.state_of(colleague) == DutyState.BUSY.value
    async with line.database.transaction() as session:
        assert (await session.scalars(select(Conversation.agent_id))).one() == colleague.id
    await ends(line, other)
    await duty_is(line, colleague, DutyState.WRAP_UP)
    assert "call.transferred" in await events_of(line, leg.id)


async def test_retrieve_three_at_once_and_numbers_outside(line: Line) -> None:
    agent, leg, phone = await outside(line, "consult")
    await line.phones.rings(OUTSIDE)
    await do(line, agent, leg.id, "retrieve")
    await until(lambda: line.phones.stopped != [])
    await hears_only(leg, phone, FROM_AGENT)
    await do(line, agent, leg.id, "consult", "10086", result="not_allowed")
    await do(line, agent, leg.id, "consult", OUTSIDE, result=None)
    department = await line.phones.answers(OUTSIDE)
    await on_the_line(department)
    await do(line, agent, leg.id, "conference")
    await hears_only(leg, department, FROM_OTHER)
    await hears_only(phone, department, FROM_OTHER)
    await hears_only(department, leg, FROM_CITIZEN)
    phone.caller_hangs_up()  # the agent leaves: the citizen goes on with the department
    await duty_is(line, agent, DutyState.WRAP_UP)
    await hears_only(leg, department, FROM_OTHER)
    await ends(line, department)
    assert (await call_row(line, leg.id)).end_reason == "transferred"


async def test_a_blind_transfer_that_nobody_answers_brings_the_caller_back_to_the_queue(line: Line) -> None:
    agent, colleague, leg, phone = await with_a_colleague(line)
    await do(line, agent, leg.id, "blind", f"agent:{colleague.staff_number}", result=None)
    await line.phones.refuses("chen", 480)
    await heard(leg, "<agent_lost>")
    assert phone.hung_up is not None
    await state_is(line, leg.id, CallState.QUEUED)
    await ends(line, leg)


async def test_a_call_survives_the_loss_of_the_database_while_a_person_talks(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = await line.agent()
    leg, phone = await to_agent(line)

    @asynccontextmanager
    async def gone():  # type: ignore[no-untyped-def]
        raise Unavailable("no database")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(line.database, "transaction", gone)
        await asyncio.sleep(0)
        phone.on_held(True)
        await until(lambda: hears_music(leg))
        phone.on_held(False)
        await hears_only(leg, phone, FROM_AGENT)
    await ends(line, phone)
    await duty_is(line, agent, DutyState.WRAP_UP)


async def test_an_exchange_that_speaks_before_it_answers_is_heard_by_who_consults(line: Line) -> None:
    _agent, leg, phone = await outside(line, "consult")
    exchange = await on_the_line(await line.phones.speaks_early(OUTSIDE))
    await hears_only(phone, exchange, FROM_OTHER)
    assert hears_music(leg), "the citizen is on hold meanwhile"
    exchange.silence(0.1)
    leg.speak(FROM_CITIZEN)
    assert exchange.hear() is None, "nobody speaks with a recording"
    await line.phones.answers(OUTSIDE, exchange)
    await hears_only(exchange, phone, FROM_AGENT)
    await hears_only(phone, exchange, FROM_OTHER)
    await ends(line, leg)


async def test_a_citizen_who_is_transferred_blind_hears_the_far_ends_announcement(line: Line) -> None:
    _agent, leg, _phone = await outside(line, "blind")
    exchange = await on_the_line(await line.phones.speaks_early(OUTSIDE))
    await hears_only(leg, exchange, FROM_OTHER)
    await line.phones.refuses(OUTSIDE, 480)
    await heard(leg, "<agent_lost>")
    assert exchange._relay is None
    await ends(line, leg)


async def test_taking_the_citizen_back_ends_what_the_far_end_plays(line: Line) -> None:
    agent, leg, phone = await outside(line, "consult")
    exchange = await on_the_line(await line.phones.speaks_early(OUTSIDE))
    await do(line, agent, leg.id, "retrieve")
    await hears_only(phone, leg, FROM_CITIZEN)
    assert exchange._relay is None
    await ends(line, leg)
