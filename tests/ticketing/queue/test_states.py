"""States of agents beside their calls: what they may set, breaks, browser telephones; the figures of the day and the board."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.events import Event
from tests.ticketing.queue.conftest import Centre
from ticketing.conversation.models import Conversation, Owner
from ticketing.duty import browser
from ticketing.duty.models import DutyState
from ticketing.duty.roster import add_shift
from ticketing.duty.service import after_call, change, duty_of, give_work_back, set_phone, set_state
from ticketing.people.models import Role
from ticketing.queue.figures import level, seats, waiting
from ticketing.queue.models import Outcome
from ticketing.queue.service import (
    answering_count,
    leave,
    on_duty_count,
    place,
)


async def test_figures_of_the_day(centre: Centre) -> None:
    agent = await centre.seat("lin")
    quick = await centre.caller()
    await centre.distribute()
    await centre.talk(quick, agent)
    short = await centre.caller()
    async with centre.database.transaction() as session:
        await leave(centre.core, session, short, Outcome.ABANDONED)  # after one second: does not count
    patient = await centre.caller()
    centre.clock.advance(seconds=30)
    async with centre.database.transaction() as session:
        await leave(centre.core, session, patient, Outcome.ABANDONED)
    async with centre.database.transaction() as session:
        found = await level(centre.core, session, servicelevel=15)
        assert (found.entered, found.answered, found.in_time, found.abandoned) == (2, 1, 1, 1)
        assert found.service_level == 0.5
        assert (await level(centre.core, session, servicelevel=15, lines=["12319"])).entered == 0


async def test_the_board_shows_who_should_be_there(centre: Centre) -> None:
    absent, present = await centre.person("absent"), await centre.seat("present")
    now = centre.clock.now()
    async with centre.database.transaction() as session:
        from datetime import timedelta

        await add_shift(centre.core, session, centre.people["head"], absent.user_id or 0, now, now + timedelta(hours=8))
        with pytest.raises(NotAllowed):
            await add_shift(centre.core, session, present, absent.user_id or 0, now + timedelta(days=1), now + timedelta(days=1, hours=8))
    async with centre.database.transaction() as session:
        found = {seat.user.name: seat for seat in await seats(centre.core, session)}
        assert found["absent"].missing
        assert not found["present"].missing


async def test_who_is_bound_to_a_line_sees_its_callers_only(centre: Centre) -> None:
    bound = await centre.person("bound", Role.SUPERVISOR, line="12319")
    await centre.caller()
    city = await centre.caller(called="12319")
    async with centre.database.transaction() as session:
        assert [call.id for _row, call in await waiting(session, bound)] == [city]
        assert len(await waiting(session, centre.people["head"])) == 2


async def test_states_that_a_person_may_set(centre: Centre) -> None:
    agent = await centre.person("lin")
    async with centre.database.transaction() as session:
        with pytest.raises(IllegalStep):  # no telephone yet
            await set_state(centre.core, session, agent, DutyState.READY)
        with pytest.raises(NotAllowed):
            await set_phone(centre.core, session, agent, agent.user_id or 0, "sip:a@127.0.0.1")
        with pytest.raises(InvalidInput):
            await set_phone(centre.core, session, centre.people["head"], agent.user_id or 0, "sip:a@127.0.0.1;transport=tcp")
        await set_phone(centre.core, session, centre.people["head"], agent.user_id or 0, "sip:a@127.0.0.1")
        await set_state(centre.core, session, agent, DutyState.READY)
        with pytest.raises(InvalidInput):
            await set_state(centre.core, session, agent, DutyState.BREAK)
        with pytest.raises(InvalidInput):
            await set_state(centre.core, session, agent, DutyState.BUSY)
        await set_state(centre.core, session, agent, DutyState.BREAK, reason="meal")
    assert (await centre.duty(agent)).reason == "meal"


async def test_nobody_leaves_a_call_by_setting_a_state_but_the_supervisor_can_free_a_stuck_one(centre: Centre) -> None:
    agent, call = await centre.seat("lin"), await centre.caller()
    await centre.distribute()
    await centre.talk(call, agent)
    async with centre.database.transaction() as session:
        with pytest.raises(IllegalStep):
            await set_state(centre.core, session, agent, DutyState.OFF)
        await set_state(centre.core, session, centre.people["head"], DutyState.OFF, user_id=agent.user_id)
    assert (await centre.duty(agent)).state == DutyState.OFF.value
    other = await centre.person("other")
    async with centre.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await set_state(centre.core, session, other, DutyState.OFF, user_id=agent.user_id)


async def test_off_duty_gives_open_chats_back(centre: Centre) -> None:
    from uuid import uuid4

    agent = await centre.seat("lin")
    async with centre.database.transaction() as session:
        now = centre.clock.now()
        chat = Conversation(id=uuid4(), channel="web", owner=Owner.HUMAN.value, agent_id=agent.user_id, created_at=now, updated_at=now)
        session.add(chat)
    async with centre.database.transaction() as session:
        await set_state(centre.core, session, agent, DutyState.OFF)
    async with centre.database.transaction() as session:
        given = await session.get_one(Conversation, chat.id)
        assert (given.owner, given.agent_id) == (Owner.QUEUE.value, None)
        names = list(await session.scalars(select(Event.name).where(Event.subject == "duty").order_by(Event.id)))
        assert names[-2:] == ["duty.off", "duty.gave_back"]
        assert await give_work_back(centre.core, session, agent.user_id or 0) == 0


async def test_who_has_a_break_answers_nobody_but_comes_back(centre: Centre) -> None:
    agent = await centre.seat("lin")
    async with centre.database.transaction() as session:
        assert await answering_count(centre.core, session, "12345") == 1
        await set_state(centre.core, session, agent, DutyState.BREAK, reason="meal")
        assert await answering_count(centre.core, session, "12345") == 0, "joinempty: no caller begins to wait"
        assert await on_duty_count(session, "12345") == 1, "leavewhenempty: who waits is not sent away"


@pytest.mark.parametrize("crash", [False, True], ids=["closed", "gateway starts again"])
async def test_who_closed_the_browser_phone_and_stays_ready_is_not_counted(centre: Centre, crash: bool) -> None:
    agent = await centre.person("lin")
    user, here = agent.user_id or 0, "127.0.0.1:5066"
    seat = f"sip:seat-{user}@{here}"

    call = await centre.caller()

    async def counts() -> tuple[int, int]:
        async with centre.database.transaction() as session:
            stands = await place(centre.core, session, call)
            assert stands is not None
            return await answering_count(centre.core, session, "12345"), stands.on_duty

    async with centre.database.transaction() as session:
        await browser.sit_down(centre.core, session, user, seat)
        await set_state(centre.core, session, agent, DutyState.READY)
    centre.clock.advance(minutes=10)
    assert await counts() == (1, 1)
    async with centre.database.transaction() as session:
        if crash:
            assert await browser.forget(centre.core, session, here) == 1
        else:
            await browser.stand_up(centre.core, session, user, seat)
    centre.clock.advance(seconds=10)
    assert await counts() == (1, 1), "a page that is loaded anew sends nobody away"
    centre.clock.advance(seconds=60)
    assert (await centre.duty(agent)).state == DutyState.READY.value
    assert await counts() == (0, 0), "nobody can be rung"
    async with centre.database.transaction() as session:
        assert await on_duty_count(session, "12345") == 1, "chats need no telephone"


async def test_after_a_call_everybody_is_where_they_had_put_themselves(centre: Centre) -> None:
    agent, head = await centre.seat("lin"), centre.people["head"]
    call = await centre.caller()
    for actor, before, after in ((agent, DutyState.READY, "ready"), (head, None, "off")):
        async with centre.database.transaction() as session:
            duty = await duty_of(centre.core, session, actor.user_id or 0)
            if before is not None:
                await change(centre.core, session, duty, before)
            await change(centre.core, session, duty, DutyState.BUSY, call_id=call)
            await after_call(centre.core, session, actor.user_id or 0, wrap_s=0)
        assert (await centre.duty(actor)).state == after
