"""The callback that the robot put through: recorded by who took its call, exactly once, whoever else answers at the same time."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select, text

from hotline.errors import Conflict, HotlineError, InvalidInput, NotAllowed
from tests.ticketing.callback.test_robot import ANSWERS, by_robot, claim
from tests.ticketing.callback.test_visit import rows, ticket_of, to_callback
from tests.ticketing.conftest import City
from ticketing.callback import batch, robot, taken
from ticketing.callback.links import PATH, create_link, rate_by_link
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, SecondVisit
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket

__all__ = ["by_robot"]
pytestmark = pytest.mark.usefixtures("by_robot")


async def calling(city: City) -> tuple[str, UUID]:
    """The robot talks with the citizen: the ticket's number, the robot's lease."""
    number = await to_callback(city)
    task = await claim(city)
    assert task is not None
    async with city.database.transaction() as session:
        await robot.start_attempt(city.core, session, task.lease)
    return number, task.lease


async def put_through(city: City, lease: UUID, actor: Actor, answers: dict[str, str] | None = None) -> bool:
    assert actor.user_id is not None
    async with city.database.transaction() as session:
        return await robot.hand_over_live(city.core, session, lease, actor.user_id, answers)


async def record(city: City, actor: Actor, number: str, **answers: str) -> str:
    async with city.database.transaction() as session:
        return (await taken.record(city.core, session, actor, number, {**ANSWERS, **answers})).state


async def test_the_agent_who_took_the_call_records_it_once_and_the_ticket_closes(city: City) -> None:
    number, lease = await calling(city)
    assert await put_through(city, lease, city.agent, {"contacted": "yes"})
    async with city.database.transaction() as session:
        ticket = await taken.in_hand(city.core, session, city.agent)
        assert ticket is not None
        assert (ticket.number, await taken.draft(session, ticket)) == (number, {"contacted": "yes"})
    assert await record(city, city.agent, number) == "closed"
    with pytest.raises(Conflict):
        await record(city, city.agent, number)
    (task,) = await rows(city, CallbackTask, number)
    assert (task.by, task.user_id, task.satisfaction) == ("clerk", city.agent.user_id, "very_satisfied")
    assert {row.question: row.value for row in await rows(city, CallbackAnswer, number)} == ANSWERS
    assert [(row.channel, row.outcome) for row in await rows(city, CallbackAttempt, number)] == [("robot", "failed"), ("phone", "reached")]


async def test_nobody_else_may_and_not_before_the_call_was_put_through(city: City) -> None:
    number, lease = await calling(city)
    with pytest.raises(Conflict):
        await record(city, city.agent, number)
    await put_through(city, lease, city.agent)
    with pytest.raises(Conflict):
        await record(city, city.supervisor, number)
    with pytest.raises(NotAllowed):
        await record(city, city.dispatcher, number)
    assert (await ticket_of(city, number)).state == "callback"


async def test_robot_and_agent_at_once_one_of_them_counts(city: City) -> None:
    """The robot's result and the agent's form race for the same row, both ways round: one stands, the other hears why not."""
    number, lease = await calling(city)

    async def by_machine() -> str:
        async with city.database.transaction() as session:
            return await robot.record_answers(city.core, session, lease, {**ANSWERS, "satisfaction": "satisfied"})

    async def by_agent() -> str:
        await put_through(city, lease, city.agent)
        return await record(city, city.agent, number)

    results = await asyncio.gather(by_machine(), by_agent(), by_agent(), return_exceptions=True)
    assert [result for result in results if not isinstance(result, BaseException)] == ["closed"]
    assert all(isinstance(result, (str, HotlineError)) for result in results), results
    (task,) = await rows(city, CallbackTask, number)
    ticket = await ticket_of(city, number)
    assert task.state == "reached"
    assert task.satisfaction == ticket.satisfaction == ("satisfied" if results[0] == "closed" else "very_satisfied")
    assert [row.outcome for row in await rows(city, CallbackAttempt, number)].count("reached") == 1


async def test_what_the_robot_brings_after_the_hand_over_is_refused(city: City) -> None:
    number, lease = await calling(city)
    await put_through(city, lease, city.agent)
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await robot.record_answers(city.core, session, lease, ANSWERS)
    assert await record(city, city.agent, number) == "closed"


async def test_two_clicks_at_once_record_one_answer(city: City) -> None:
    number, lease = await calling(city)
    await put_through(city, lease, city.agent)
    results = await asyncio.gather(*(record(city, city.agent, number) for _ in range(2)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "str"]


async def test_a_citizen_who_rates_by_link_meanwhile_counts_and_the_agent_is_told(city: City) -> None:
    number, lease = await calling(city)
    await put_through(city, lease, city.agent)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        token = (await create_link(city.core, session, ticket)).removeprefix(PATH)
    async with city.database.transaction() as session:
        await rate_by_link(city.core, session, token, {"solved": "yes", "satisfaction": "satisfied"})
    with pytest.raises(Conflict):
        await record(city, city.agent, number)


async def test_dissatisfied_needs_words_and_the_clerks_decide_what_follows(city: City) -> None:
    number, lease = await calling(city)
    await put_through(city, lease, city.agent)
    with pytest.raises(InvalidInput):
        await record(city, city.agent, number, satisfaction="dissatisfied")
    said = {"satisfaction": "dissatisfied", "note": "路灯又灭了，没有人来看", "cause": "not_solved", "rectification": "重新检修"}
    assert await record(city, city.agent, number, **said) == "callback", "an agent orders no further round, whatever the form holds"
    (visit,) = await rows(city, SecondVisit, number)
    assert (visit.state, visit.cause) == ("open", None)


async def test_the_author_of_the_reply_helps_and_the_list_has_it(city: City) -> None:
    number, lease = await calling(city)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE reply SET signed_off_by_id = :u"), {"u": city.supervisor.user_id})
    assert not await put_through(city, lease, city.supervisor)
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.claim) == ("clerk", None)


async def test_left_forgotten_or_secret_it_is_the_clerks(city: City) -> None:
    number, lease = await calling(city)
    await put_through(city, lease, city.agent)
    async with city.database.transaction() as session:
        await taken.leave(city.core, session, city.agent, number)
    with pytest.raises(Conflict):
        await record(city, city.agent, number)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE callback_task SET plan = 'robot', next_attempt_at = now() - interval '1 year'"))
    task = await claim(city)
    assert task is not None
    await put_through(city, task.lease, city.agent)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE ticket SET confidentiality = 'secret'"))
    with pytest.raises(Conflict):
        await record(city, city.agent, number)
    city.clock.advance(minutes=31)
    assert await batch.run(city.core, city.database) >= 1
    (row,) = await rows(city, CallbackTask, number)
    assert (row.state, row.claim) == ("open", None)
