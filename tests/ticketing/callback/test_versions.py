"""The conduct of callbacks is versioned like policies (D13): two people change it, running tasks keep theirs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy import select

from hotline.errors import InvalidInput, NotAllowed
from tests.ticketing.conftest import City
from ticketing.callback import book, rules
from ticketing.callback import service as callbacks
from ticketing.callback.models import CallbackTask
from ticketing.deadline import changes
from ticketing.deadline.book import load_policies, policies
from ticketing.people.actor import staff_actor
from ticketing.people.models import User


@pytest.fixture
async def city(city: City) -> City:
    """With every rule in the database, and a second administrator."""
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
        user = User(login="admin2", name="admin2", staff_number="1900", role="admin", unit_id=city.units["centre"], password_hash="x")
        session.add(user)
        await session.flush()
        city.people["admin2"] = staff_actor(user)
    return city


def conduct(**values: Any) -> dict[str, Any]:
    return {**deepcopy(rules.conduct()), **values}


async def change(city: City, document: dict[str, Any]) -> int:
    """Proposed by one, put in force by another; returns the version."""
    async with city.database.transaction() as session:
        proposal = await changes.propose(city.core, session, city.admin, document, key=rules.KEY, reason="按照回访规范调整")
    async with city.database.transaction() as session:
        return (await changes.decide(city.core, session, city.admin2, proposal.id, approve=True)).version


async def waiting(city: City) -> str:
    """A ticket that is to be called back."""
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    return number


async def task_of(city: City, number: str) -> CallbackTask:
    async with city.database.transaction() as session:
        ticket = (await session.execute(select(CallbackTask).order_by(CallbackTask.id.desc()))).scalars().first()
        assert ticket is not None, number
        return ticket


async def test_a_running_task_keeps_the_conduct_that_it_began_with(city: City) -> None:
    old = await waiting(city)
    assert (await task_of(city, old)).rules_version == 1
    assert await change(city, conduct(attempts={"count": 4, "days": 2}, pause={**rules.conduct()["pause"], "no_answer": 15})) == 2
    new = await waiting(city)
    assert (await task_of(city, new)).rules_version == 2
    closed = {}
    for number in (old, new):
        for _attempt in range(3):
            closed[number] = await city.act(number, city.callback, callbacks.record_attempt, "no_answer")
            city.clock.advance(days=1)
    assert closed == {old: True, new: False}, "three tries end the old one, the new one needs a fourth"
    assert await city.act(new, city.callback, callbacks.record_attempt, "no_answer")


async def test_the_sample_follows_the_version_in_force(city: City) -> None:
    everybody = [{"key": "everybody", "when": {}, "plan": "clerk", "rate": 0, "rest": "none"}]
    await change(city, conduct(rules=everybody))
    task = await task_of(city, await waiting(city))
    assert (task.plan, task.rule, task.next_attempt_at) == ("none", "everybody", None)


async def test_it_takes_two_people_and_a_whole_document(city: City) -> None:
    async with city.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await changes.propose(city.core, session, city.callback, conduct(rating_days=5), key=rules.KEY, reason="按照回访规范调整")
        for wrong in (
            {"hours": {"from": "08:00", "to": "20:00"}},  # the rest is missing
            conduct(attempts={"count": 2, "days": 2}),  # fewer than the specification asks for
            conduct(causes={}),  # words of the pages are not changed here
            conduct(rules=[{"key": "some", "when": {"kind": "praise"}, "plan": "none", "rate": 100}]),  # not for every ticket
        ):
            with pytest.raises(InvalidInput):
                await changes.propose(city.core, session, city.admin, wrong, key=rules.KEY, reason="按照回访规范调整")
        proposal = await changes.propose(city.core, session, city.admin, conduct(rating_days=5), key=rules.KEY, reason="按照回访规范调整")
        with pytest.raises(NotAllowed, match="另一位"):
            await changes.decide(city.core, session, city.admin, proposal.id, approve=True)
        assert (await book.current(session, city.clock.now())).conduct_version == 1


async def test_deadline_policies_are_not_disturbed(city: City) -> None:
    await change(city, conduct(rating_days=5))
    async with city.database.transaction() as session:
        assert (await book.current(session, city.clock.now())).rating_days == 5
        assert len((await policies(session, city.clock.now())).policies) > 5
