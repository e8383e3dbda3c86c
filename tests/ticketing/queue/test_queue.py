"""The queue in the database: offers, refusals, places, two processes at once."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import Event
from tests.ticketing.queue.conftest import Centre
from ticketing.call_flow.document import package_document
from ticketing.call_flow.tongue import Tongue
from ticketing.conversation.calls import end_call
from ticketing.conversation.models import Call, CallState, Conversation, Owner
from ticketing.duty.models import DutyPeriod, DutyState
from ticketing.duty.service import end_wrap_ups, set_phone, set_skills
from ticketing.people.models import Role
from ticketing.queue.commands import command, pending, settle
from ticketing.queue.models import CallCommand, Offer, Outcome, WaitState
from ticketing.queue.service import (
    Wish,
    agent_left_call,
    answering_count,
    enter,
    last_tongue,
    leave,
    not_answered,
    place,
    rings_of,
    served,
)
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality


async def test_a_caller_is_offered_answered_and_the_agent_wraps_up(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    rings = await centre.distribute()
    assert [(ring.call_id, ring.user_id, ring.phone) for ring in rings] == [(call, agent.user_id, "sip:lin@127.0.0.1:5070")]
    assert (await centre.duty(agent)).state == DutyState.RINGING.value
    await centre.talk(call, agent)
    assert (await centre.duty(agent)).state == DutyState.BUSY.value
    async with centre.database.transaction() as session:
        stored = await session.get_one(Call, call)
        conversation = await session.get_one(Conversation, stored.conversation_id)
        assert (stored.state, conversation.owner, conversation.agent_id) == (CallState.TALKING.value, Owner.HUMAN.value, agent.user_id)
        assert stored.data["person_answered_at"]
        await agent_left_call(centre.core, session, agent.user_id or 0, centre.options)
    assert (await centre.duty(agent)).state == DutyState.WRAP_UP.value
    centre.clock.advance(seconds=centre.options.wrapuptime)
    async with centre.database.transaction() as session:
        assert await end_wrap_ups(centre.core, session) == 1
    assert (await centre.duty(agent)).state == DutyState.READY.value
    async with centre.database.transaction() as session:
        states = list(await session.scalars(select(DutyPeriod.state).where(DutyPeriod.user_id == agent.user_id).order_by(DutyPeriod.id)))
        assert states == ["ready", "ringing", "busy", "wrap_up", "ready"]
        assert await session.scalar(select(func.count()).where(DutyPeriod.ended_at.is_(None))) == 1


async def test_an_unanswered_ring_goes_to_the_next_agent_and_the_place_stays(centre: Centre) -> None:
    first, second = await centre.seat("lin"), await centre.seat("chen")
    call = await centre.caller()
    assert [ring.user_id for ring in await centre.distribute()] == [first.user_id]
    entered = (await centre.row(call)).entered_at
    async with centre.database.transaction() as session:
        await not_answered(centre.core, session, call, first.user_id or 0, "no_answer", centre.options)
    assert [ring.user_id for ring in await centre.distribute()] == [second.user_id]
    assert (await centre.row(call)).entered_at == entered
    assert (await centre.duty(first)).state == DutyState.READY.value


async def test_the_only_agent_rests_for_retry_and_has_a_break_after_autopause(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    await centre.distribute()
    async with centre.database.transaction() as session:
        await not_answered(centre.core, session, call, agent.user_id or 0, "no_answer", centre.options)
    assert await centre.distribute() == []
    centre.clock.advance(seconds=centre.options.retry + 1)
    assert len(await centre.distribute()) == 1
    async with centre.database.transaction() as session:
        await not_answered(centre.core, session, call, agent.user_id or 0, "no_answer", centre.options)
    duty = await centre.duty(agent)
    assert (duty.state, duty.reason) == (DutyState.BREAK.value, "no_answer")


async def test_who_hangs_up_while_it_rings_frees_the_agent(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    await centre.distribute()
    async with centre.database.transaction() as session:
        await end_call(centre.core, session, call, reason="caller_hung_up")
    assert (await centre.duty(agent)).state == DutyState.READY.value
    row = await centre.row(call)
    assert (row.state, row.outcome) == (WaitState.GONE.value, Outcome.ABANDONED.value)
    async with centre.database.transaction() as session:
        assert await rings_of(centre.core, session, call) == []
        assert not await served(centre.core, session, call, agent.user_id or 0), "the phone that still rings must be hung up"
        assert list(await session.scalars(select(Offer.result))) == ["caller_gone"]


async def test_a_call_that_ends_while_an_agent_talks_does_not_hold_the_agent(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    await centre.distribute()
    await centre.talk(call, agent)
    async with centre.database.transaction() as session:
        await end_call(centre.core, session, call, reason="process_died")
    assert (await centre.duty(agent)).state == DutyState.WRAP_UP.value


async def test_two_processes_at_once_offer_each_caller_and_each_agent_once(centre: Centre) -> None:
    for name in ("a", "b", "c"):
        await centre.seat(name)
    calls = [await centre.caller() for _ in range(5)]
    found = [ring for rings in await asyncio.gather(*(centre.distribute() for _ in range(6))) for ring in rings]
    assert sorted(str(ring.call_id) for ring in found) == sorted(str(call) for call in calls[:3])
    assert len({ring.user_id for ring in found}) == 3


async def test_an_offer_of_a_process_that_died_is_taken_back(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    await centre.distribute()
    centre.clock.advance(seconds=centre.options.timeout + 11)
    rings = await centre.distribute()
    assert rings == []  # this agent rests for this caller
    centre.clock.advance(seconds=centre.options.retry + 1)
    assert [ring.call_id for ring in await centre.distribute()] == [call]
    assert (await centre.duty(agent)).state == DutyState.RINGING.value


async def test_place_and_expected_wait(centre: Centre) -> None:
    await centre.seat("lin")
    first, second = await centre.caller(), await centre.caller()
    urgent = await centre.caller(priority=20)
    async with centre.database.transaction() as session:
        places = [await place(centre.core, session, call) for call in (urgent, first, second)]
        assert [one.position for one in places if one] == [1, 2, 3]
        assert [one.expected_s for one in places if one] == [180, 360, 540]
        await leave(centre.core, session, first, Outcome.RETURN_CALL)
        assert (await place(centre.core, session, second)).position == 2  # type: ignore[union-attr]
        assert await place(centre.core, session, first) is None


async def test_a_full_queue_takes_nobody_and_entering_twice_is_once(centre: Centre) -> None:
    centre.set(maxlen=1)
    call = await centre.caller()
    async with centre.database.transaction() as session:
        assert await enter(centre.core, session, call, Wish("hotline", "12345", "w"), centre.options)
        other = select(Call.id).where(Call.id == call)
        assert await session.scalar(other) == call
    with pytest.raises(AssertionError):
        await centre.caller()


async def test_lines_languages_and_dialects_decide(centre: Centre) -> None:
    await centre.seat("any")
    bound = await centre.seat("bound", line="12319")
    cantonese = await centre.seat("yue")
    async with centre.database.transaction() as session:
        await set_skills(centre.core, session, centre.people["head"], cantonese.user_id or 0, "dialect", ["yue"])
    city = await centre.caller(called="12319")
    native = await centre.caller(dialect="yue")
    rings = {ring.call_id: ring.user_id for ring in await centre.distribute()}
    assert rings[native] == cantonese.user_id
    assert rings[city] in (bound.user_id, centre.people["any"].user_id)


async def test_a_speaker_in_a_call_is_waited_for_and_then_anybody_answers(centre: Centre) -> None:
    anybody, speaker = await centre.seat("any"), await centre.seat("yue")
    async with centre.database.transaction() as session:
        await set_skills(centre.core, session, centre.people["head"], speaker.user_id or 0, "language", ["en"])
    first = await centre.caller(language="en")
    assert [ring.user_id for ring in await centre.distribute()] == [speaker.user_id]
    await centre.talk(first, speaker)
    second = await centre.caller(language="en")
    assert await centre.distribute() == []
    centre.clock.advance(seconds=31)
    assert [(ring.call_id, ring.user_id) for ring in await centre.distribute()] == [(second, anybody.user_id)]


async def test_who_answers_other_lines_only_lets_nobody_wait(centre: Centre) -> None:
    agent = await centre.seat("lin")
    async with centre.database.transaction() as session:
        assert await answering_count(centre.core, session, "12345") == 1
        await set_skills(centre.core, session, centre.people["head"], agent.user_id or 0, "line", ["12319"])
        assert await answering_count(centre.core, session, "12345") == 0
        assert await answering_count(centre.core, session, "12345", any_line=True) == 1, "a queue that is for everybody"
        assert await answering_count(centre.core, session, "12319") == 1


async def test_a_caller_is_remembered_by_what_they_spoke(centre: Centre) -> None:
    call = await centre.caller(number="13911112222", dialect="yue")
    async with centre.database.transaction() as session:
        citizen = (await session.get_one(Call, call)).citizen_id or 0
        assert await last_tongue(centre.core, session, citizen, package_document()) == Tongue("zh", "yue")
        assert await last_tongue(centre.core, session, citizen + 1000, package_document()) == Tongue()
    centre.clock.advance(days=366)
    async with centre.database.transaction() as session:
        assert await last_tongue(centre.core, session, citizen, package_document()) == Tongue()


async def test_the_number_that_was_dialled_is_not_what_the_caller_speaks(centre: Centre) -> None:
    call = await centre.caller(number="13911112223", language="en")
    document = package_document()
    english = next(iter(document.flows.values())).model_copy(update={"language": "en"})
    async with centre.database.transaction() as session:
        row = await session.get_one(Call, call)
        citizen = row.citizen_id or 0
        assert await last_tongue(centre.core, session, citizen, document) == Tongue("en")  # asked for on the usual line
        lines = {"flows": {**document.flows, "english": english}, "numbers": {**document.numbers, row.called: "english"}}
        assert await last_tongue(centre.core, session, citizen, document.model_copy(update=lines)) == Tongue()


# states


# commands


async def test_only_the_agent_of_the_call_commands_it_and_only_supervisors_listen(centre: Centre) -> None:
    agent, other, call = await centre.seat("lin"), await centre.person("chen"), await centre.caller()
    head = centre.people["head"]
    async with centre.database.transaction() as session:
        with pytest.raises(IllegalStep):  # nobody has answered yet
            await command(centre.core, session, agent, call, "hold")
    await centre.distribute()
    await centre.talk(call, agent)
    async with centre.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await command(centre.core, session, other, call, "hold")
        with pytest.raises(NotAllowed):
            await command(centre.core, session, agent, call, "listen")
        with pytest.raises(IllegalStep):  # the supervisor has no telephone
            await command(centre.core, session, head, call, "listen")
        with pytest.raises(InvalidInput):
            await command(centre.core, session, agent, call, "consult", to="sip:x@evil")
        with pytest.raises(InvalidInput):
            await command(centre.core, session, agent, call, "reboot")
        await set_phone(centre.core, session, head, head.user_id or 0, "sip:head@127.0.0.1")
        await command(centre.core, session, head, call, "listen")
        await command(centre.core, session, agent, call, "hold")
        bound = await centre_line_head(centre)
    async with centre.database.transaction() as session:
        with pytest.raises(NotFound):  # another line's call
            await command(centre.core, session, bound, call, "listen")
        rows = await pending(centre.core, session, "telephony-test")
        assert [row.action for row in rows] == ["listen", "hold"]
        await settle(centre.core, session, rows[0].id, ok=True)
        names = list(await session.scalars(select(Event.name).where(Event.subject_id == str(call)).order_by(Event.id)))
        assert "call.listen" in names, "listening in is written down"
        assert names[-1] == "call.command_done"


async def test_nobody_listens_in_on_a_call_that_a_secret_ticket_came_of_but_who_is_named_on_it(centre: Centre) -> None:
    """The desk hides its words from colleagues; a supervisor who is not named must not hear them either."""
    agent, call = await centre.seat("lin"), await centre.caller()
    head, named = centre.people["head"], await centre.person("named", Role.SUPERVISOR)
    await centre.distribute()
    await centre.talk(call, agent)
    async with centre.database.transaction() as session:
        for person in (head, named):
            await set_phone(centre.core, session, head, person.user_id or 0, f"sip:{person.user_id}@127.0.0.1")
        source = (await session.get_one(Call, call)).conversation_id
        appeal = Appeal(
            channel=Channel.PHONE, content="反映单位领导收受礼金", phone="13900002716", conversation_id=source,
            confidentiality=Confidentiality.SECRET, district="不详", named_user_ids=(named.user_id or 0,),
        )  # fmt: skip
        await register(centre.core, session, agent, appeal)
    async with centre.database.transaction() as session:
        for action in ("listen", "whisper", "take_over"):
            with pytest.raises(NotFound):
                await command(centre.core, session, head, call, action)
        await command(centre.core, session, head, call, "stop_listening")  # who listened before may go
        await command(centre.core, session, named, call, "listen")
        await command(centre.core, session, agent, call, "hold")


async def centre_line_head(centre: Centre):  # type: ignore[no-untyped-def]
    return await centre.person("linehead", Role.SUPERVISOR, line="12319")


async def test_a_command_that_comes_late_is_not_carried_out(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    await centre.distribute()
    await centre.talk(call, agent)
    async with centre.database.transaction() as session:
        await command(centre.core, session, agent, call, "hold")
    centre.clock.advance(seconds=11)
    async with centre.database.transaction() as session:
        assert await pending(centre.core, session, "telephony-test") == []
        assert await pending(centre.core, session, "telephony-other") == []
    async with centre.database.transaction() as session:
        assert (await session.scalars(select(CallCommand.result))).one() == "late"


async def test_ringall_rings_everybody_and_the_first_one_has_the_caller(centre: Centre) -> None:
    centre.set(strategy="ringall")
    lin, chen, wang = [await centre.seat(name) for name in ("lin", "chen", "wang")]
    call = await centre.caller()
    assert {ring.user_id for ring in await centre.distribute()} == {lin.user_id, chen.user_id, wang.user_id}
    assert await centre.distribute() == []
    async with centre.database.transaction() as session:
        await not_answered(centre.core, session, call, lin.user_id or 0, "busy", centre.options)
        assert {ring.user_id for ring in await rings_of(centre.core, session, call)} == {chen.user_id, wang.user_id}
    assert (await centre.row(call)).state == WaitState.OFFERED.value, "the others still ring"
    await centre.talk(call, wang)
    assert [(await centre.duty(each)).state for each in (lin, chen, wang)] == ["ready", "ready", "busy"]
    async with centre.database.transaction() as session:
        assert not await served(centre.core, session, call, chen.user_id or 0), "who is a moment later has lost"
        results = {offer.user_id: offer.result for offer in await session.scalars(select(Offer))}
    assert results == {lin.user_id: "busy", chen.user_id: "elsewhere", wang.user_id: "answered"}


async def test_ringall_when_nobody_answers_the_caller_waits_on(centre: Centre) -> None:
    centre.set(strategy="ringall")
    agents = [await centre.seat(name) for name in ("lin", "chen")]
    call = await centre.caller()
    await centre.distribute()
    for agent in agents:
        async with centre.database.transaction() as session:
            await not_answered(centre.core, session, call, agent.user_id or 0, "no_answer", centre.options)
    assert (await centre.row(call)).state == WaitState.WAITING.value
    centre.clock.advance(seconds=centre.options.retry + 1)
    assert len(await centre.distribute()) == 2
