"""Click-to-call: who may, which telephone rings first, who hears what, what is written, and how each way of failing ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, NotAllowed
from hotline.events import Event
from telephony.leg import FRAME_BYTES
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import LOUD, Line, heard, until
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.callback.models import CallbackTask, ReturnCall
from ticketing.conversation.calls import owe_return_call, start_call
from ticketing.conversation.models import Author, Call, Message
from ticketing.dialling import progress
from ticketing.dialling.models import Dial, DialState
from ticketing.dialling.service import place
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import change, duty_of
from ticketing.people.actor import Actor
from ticketing.queue.commands import command
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency

CITIZEN = "13900002716"
FROM_CITIZEN = b"\x01\x10" * (FRAME_BYTES // 2)
FROM_AGENT = b"\x02\x10" * (FRAME_BYTES // 2)


async def seat(line: Line, actor: Actor, name: str, state: DutyState | None = None) -> None:
    """A telephone for this person."""
    assert actor.user_id is not None
    async with line.database.transaction() as session:
        duty = await duty_of(line.core, session, actor.user_id)
        duty.phone = f"sip:{name}@127.0.0.1:5070"
        if state is not None:
            await change(line.core, session, duty, state)


async def dial_of(line: Line, state: DialState | None = None) -> Dial:
    """The newest call; once it is in this state."""
    async with asyncio.timeout(20):
        while True:
            async with line.database.transaction() as session:
                dial = (await session.scalars(select(Dial).order_by(Dial.id.desc()).limit(1))).one()
            if state is None or dial.state == state.value:
                return dial
            await asyncio.sleep(0.01)


async def duty_state(line: Line, actor: Actor) -> str:
    async with line.database.transaction() as session:
        return (await session.get_one(Duty, actor.user_id)).state


async def both(line: Line, name: str) -> tuple[FakeLeg, FakeLeg]:
    """The person picks up, then the citizen, and the announcement is over: both legs."""
    agent = await line.phones.answers(name)
    citizen = await line.phones.answers(CITIZEN)
    await heard(citizen, "<calling_you>")
    await until(lambda: citizen._relay is not None)
    return agent, citizen


async def hears(leg: FakeLeg, speaker: FakeLeg, sound: bytes) -> None:
    async with asyncio.timeout(20):
        while True:
            speaker.speak(sound)
            if sound in [leg.hear() for _ in range(4)]:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def ticket(line: Line, actor: Actor, number: str) -> AsyncIterator[tuple[AsyncSession, Ticket]]:
    async with line.database.transaction() as session:
        yield session, await access_ticket(line.core, session, actor, number, lock=True)


async def test_own_telephone_first_then_the_citizen_both_hear_and_it_is_noted(city: City, line: Line) -> None:
    number = (await city.register()).ticket.number
    await seat(line, city.agent, "desk")
    await city.act(number, city.agent, place)
    await line.phones.rings("desk")
    assert not any(CITIZEN in uri for uri in line.phones.rung), "nobody is called before the person has picked up"
    agent = await line.phones.answers("desk")
    await line.phones.rings(CITIZEN)
    assert all(agent.hear() for _ in range(10)), "the ringing tone"
    citizen = await line.phones.answers(CITIZEN)
    await heard(citizen, "<calling_you>")
    await hears(citizen, agent, FROM_AGENT)
    await hears(agent, citizen, FROM_CITIZEN)
    assert line.transcriber is not None
    line.transcriber.sessions[0].script.append(Heard("final", "还没有修好", 0, 1, 0.9))
    citizen.speak(LOUD * 6)
    async with asyncio.timeout(20):
        while not await _said(line, "还没有修好"):
            await asyncio.sleep(0.01)
    agent.caller_hangs_up()
    dial = await dial_of(line, DialState.OVER)
    assert (dial.result, dial.purpose, dial.answered_at is not None) == ("reached", "contact", True)
    assert citizen.hung_up is not None
    async with ticket(line, city.agent, number) as (session, found):
        call = await session.get_one(Call, dial.call_id)
        assert (call.direction, call.end_reason, call.caller_sealed) == ("out", "agent_hung_up", None)
        assert (line.settings.data_dir / (call.recording_path or "-")).exists()
        told = select(Event).where(Event.name == "contact.called", Event.subject_id == str(found.id))
        event = (await session.scalars(told)).one()
        assert (event.data["result"], event.actor_label) == ("reached", city.agent.label)
        everything = str([row.data for row in await session.scalars(select(Event))]) + str(call.data)
    assert CITIZEN not in everything, "the number stands nowhere but in the citizen's sealed row"
    assert await duty_state(line, city.agent) == "off", "who was not on duty is not rung by the queue afterwards"


async def _said(line: Line, text: str) -> bool:
    async with line.database.transaction() as session:
        statement = select(Message.id).where(Message.text == text, Message.author == Author.CITIZEN.value)
        return await session.scalar(statement) is not None


async def test_a_unit_calls_without_seeing_the_number_and_its_contact_is_noted(city: City, line: Line) -> None:
    number = (await city.register()).ticket.number
    part = await city.dispatch(number)
    await seat(line, city.clerk, "office")
    with pytest.raises(NotAllowed, match="签收"):
        await city.act(number, city.clerk, place)
    await city.by_unit(city.clerk, assignments.sign, part)
    await city.act(number, city.clerk, place)
    agent, citizen = await both(line, "office")
    citizen.caller_hangs_up()
    await dial_of(line, DialState.OVER)
    async with line.database.transaction() as session:
        await session.merge(part)
        found = await session.get_one(type(part), part.id)
        assert found.contacted_at is not None
    assert agent.called == "sip:office@127.0.0.1:5070"


async def test_the_next_call_waits_and_two_do_not_call_the_same_citizen(city: City, line: Line) -> None:
    one, two = (await city.register()).ticket.number, (await city.register(content="学院路路灯不亮已经三天了")).ticket.number
    await seat(line, city.agent, "desk")
    await seat(line, city.dispatcher, "other")
    with pytest.raises(IllegalStep, match="话机"):
        await city.act(one, city.supervisor, place)
    await city.act(one, city.agent, place)
    with pytest.raises(IllegalStep, match="正在给这位市民"):
        await city.act(one, city.dispatcher, place)
    with pytest.raises(IllegalStep, match="你正在通话"):
        await city.act(two, city.agent, place)
    await line.phones.refuses("desk")
    assert (await dial_of(line, DialState.OVER)).result == "agent_no_answer"
    await city.act(two, city.agent, place)
    await line.phones.rings("desk")


@pytest.mark.parametrize(("status", "result"), [(486, "busy"), (408, "no_answer"), (404, "wrong_number"), (503, "failed")])
async def test_who_does_not_answer_is_told_to_the_person_and_noted(city: City, line: Line, status: int, result: str) -> None:
    number = (await city.register()).ticket.number
    await seat(line, city.agent, "desk", DutyState.READY)
    await city.act(number, city.agent, place)
    agent = await line.phones.answers("desk")
    await line.phones.refuses(CITIZEN, status)
    await until(lambda: agent.hear() is not None)  # the busy tone
    dial = await dial_of(line, DialState.OVER)
    assert dial.result == result
    assert await duty_state(line, city.agent) == "ready"


async def test_giving_up_at_the_console_and_on_the_telephone_stop_the_ringing(city: City, line: Line) -> None:
    number = (await city.register()).ticket.number
    await seat(line, city.agent, "desk")
    await city.act(number, city.agent, place)
    await line.phones.answers("desk")
    await line.phones.rings(CITIZEN)
    dial = await dial_of(line, DialState.DIALLING)
    async with line.database.transaction() as session:
        await command(line.core, session, city.agent, dial.call_id, "hangup")
    assert (await dial_of(line, DialState.OVER)).result == "agent_hung_up"
    assert [uri for uri in line.phones.stopped if CITIZEN in uri]
    await city.act(number, city.agent, place)
    agent = await line.phones.answers("desk")
    await line.phones.rings(CITIZEN)
    agent.caller_hangs_up()
    assert (await dial_of(line, DialState.OVER)).result == "agent_hung_up"


async def test_hours_numbers_and_roles(city: City, line: Line) -> None:
    registered = await city.register()
    number = registered.ticket.number
    await seat(line, city.agent, "desk")
    with pytest.raises(NotAllowed):
        await city.act(number, city.leader, place)
    city.clock.advance(hours=24 - (city.clock.now().hour + 8) % 24 + 3)  # three at night
    await seat(line, city.supervisor, "head")
    with pytest.raises(IllegalStep, match="08:00-20:30"):
        await city.act(number, city.supervisor, place)
    async with line.database.transaction() as session:
        (await session.get_one(Ticket, registered.ticket.id)).urgency = Urgency.EMERGENCY.value
    await city.act(number, city.supervisor, place)
    await line.phones.refuses("head")
    await dial_of(line, DialState.OVER)
    nobody = (await city.register(phone="", name="")).ticket.number
    with pytest.raises(IllegalStep, match="没有留"):
        await city.act(nobody, city.supervisor, place)


async def test_a_number_that_may_not_be_dialled_rings_nobody(city: City, line: Line) -> None:
    line.settings.__dict__["citizen_prefixes"] = ("0571",)
    number = (await city.register()).ticket.number
    await seat(line, city.agent, "desk")
    await city.act(number, city.agent, place)
    assert (await dial_of(line, DialState.OVER)).result == "not_allowed"
    assert line.phones.rung == []


async def test_a_missed_caller_is_called_back_on_the_number_that_called_and_the_promise_is_kept(city: City, line: Line) -> None:
    owed = await missed(line, "13711112222")
    await seat(line, city.agent, "desk")
    async with line.database.transaction() as session:
        found = await session.get_one(Ticket, owed.ticket_id)
    await city.act(found.number, city.agent, place)
    await line.phones.answers("desk")
    citizen = await line.phones.answers("13711112222")
    await heard(citizen, "<calling_you>")
    citizen.caller_hangs_up()
    dial = await dial_of(line, DialState.OVER)
    assert (dial.purpose, dial.result) == ("return_call", "reached")
    async with line.database.transaction() as session:
        kept = await session.get_one(ReturnCall, owed.id)
        assert (kept.state, kept.done_by_id) == ("done", city.agent.user_id)


async def missed(line: Line, caller: str, reason: str = "queue_timeout") -> ReturnCall:
    """Somebody called and nobody came."""
    async with line.database.transaction() as session:
        _talk, call = await start_call(
            line.core, session, sip_call_id="x", caller=caller, called="12345", codec="PCMA", worker="w", transcriber=None
        )
        return await owe_return_call(line.core, session, call.id, reason=reason)


async def test_a_process_that_is_not_there_or_dies_leaves_nobody_waiting(city: City) -> None:
    number = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        duty = await duty_of(city.core, session, city.agent.user_id or 0)
        duty.phone = "sip:desk@127.0.0.1:5070"
    await city.act(number, city.agent, place)
    async with city.database.transaction() as session:
        assert await progress.tidy(city.core, session) == 0
    city.clock.advance(seconds=20)
    async with city.database.transaction() as session:
        assert await progress.tidy(city.core, session) == 1
        dial = (await session.scalars(select(Dial))).one()
        assert (dial.state, dial.result) == ("over", "late")
        assert (await session.get_one(Duty, city.agent.user_id)).state == "off"
        assert (await session.get_one(Call, dial.call_id)).state == "ended"


async def test_a_callback_comes_into_the_hands_of_who_dials(city: City, line: Line) -> None:
    number = (await city.register()).ticket.number
    part = await city.dispatch(number)
    await city.handle(part)
    await city.accept(number)
    await seat(line, city.callback, "desk")
    await city.act(number, city.callback, place)
    agent, _citizen = await both(line, "desk")
    agent.caller_hangs_up()
    dial = await dial_of(line, DialState.OVER)
    assert dial.purpose == "callback"
    async with line.database.transaction() as session:
        assert (await session.scalars(select(CallbackTask.claimed_by_id))).one() == city.callback.user_id


async def test_what_the_network_says_before_anybody_answers_is_heard_by_the_person(city: City, line: Line) -> None:
    number = (await city.register()).ticket.number
    await seat(line, city.agent, "desk")
    await city.act(number, city.agent, place)
    agent = await line.phones.answers("desk")
    network = await line.phones.speaks_early(CITIZEN)
    await until(lambda: network._relay is not None)
    await hears(agent, network, FROM_CITIZEN)
    await line.phones.refuses(CITIZEN, 480)
    assert (await dial_of(line, DialState.OVER)).result == "no_answer"
