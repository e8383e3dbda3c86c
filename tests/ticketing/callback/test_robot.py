"""Machines that call, links by SMS, and the sweep."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from uuid import uuid4

import pytest
import yaml
from sqlalchemy import select, text

from hotline.clock import CITY_ZONE
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotFound
from hotline.events import Outbox
from tests.ticketing.callback.test_visit import rows, ticket_of, to_callback
from tests.ticketing.conftest import City
from ticketing.callback import batch, robot, rules
from ticketing.callback.links import PATH, create_link, open_link, rate_by_link
from ticketing.callback.models import CallbackAttempt, CallbackLink, CallbackTask, Plan, SecondVisit
from ticketing.citizen.models import Citizen
from ticketing.ticket.models import Ticket

ANSWERS = {"contacted": "yes", "solved": "yes", "attitude": "good", "satisfaction": "very_satisfied"}
CITIZENS = {"solved": "yes", "satisfaction": "satisfied"}


@pytest.fixture
def by_robot(monkeypatch: pytest.MonkeyPatch) -> None:
    """This installation lets the robot call everybody."""
    raw = yaml.safe_load((files("ticketing") / "seed" / "callback.yaml").read_text(encoding="utf-8"))
    raw["rules"] = [{"key": "all", "when": {}, "plan": "robot", "rate": 100, "fallback": "clerk"}]
    changed = rules.parse(raw)
    monkeypatch.setattr(rules, "load", lambda: changed)
    return


async def claim(city: City) -> robot.RobotTask | None:
    async with city.database.transaction() as session:
        return await robot.next_task(city.core, session, Plan.ROBOT)


@pytest.mark.usefixtures("by_robot")
async def test_a_robot_claims_calls_and_records_and_the_ticket_closes(city: City) -> None:
    number = await to_callback(city)
    task = await claim(city)
    assert task is not None
    assert (task.number, task.round, task.phone) == (number, 1, "13900002716")
    assert [question.key for question in task.questions] == ["contacted", "solved", "attitude", "satisfaction", "speed", "note"]
    assert await claim(city) is None  # nobody else gets it
    async with city.database.transaction() as session:
        assert await robot.start_attempt(city.core, session, task.lease) == 1
        assert await robot.start_attempt(city.core, session, task.lease) == 1  # twice is one
    with pytest.raises(InvalidInput):
        async with city.database.transaction() as session:
            await robot.record_answers(city.core, session, task.lease, {"solved": "yes"})
    async with city.database.transaction() as session:
        assert await robot.record_answers(city.core, session, task.lease, ANSWERS) == "closed"
    assert [(row.outcome, row.channel) for row in await rows(city, CallbackAttempt, number)] == [("reached", "robot")]
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await robot.record_answers(city.core, session, task.lease, ANSWERS)


@pytest.mark.usefixtures("by_robot")
async def test_a_robot_that_dies_loses_its_lease_and_the_broken_call_does_not_count(city: City) -> None:
    number = await to_callback(city)
    task = await claim(city)
    assert task is not None
    async with city.database.transaction() as session:
        await robot.start_attempt(city.core, session, task.lease)
    city.clock.advance(minutes=11)
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await robot.record_answers(city.core, session, task.lease, ANSWERS)
    assert await batch.run(city.core, city.database) == 1
    (after,) = await rows(city, CallbackTask, number)
    assert (after.claim, after.attempts) == (None, 0)
    assert [row.outcome for row in await rows(city, CallbackAttempt, number)] == ["failed"]
    assert await claim(city) is not None


@pytest.mark.usefixtures("by_robot")
async def test_an_unreached_robot_call_counts_and_goes_to_the_fallback(city: City) -> None:
    number = await to_callback(city)
    task = await claim(city)
    assert task is not None
    async with city.database.transaction() as session:
        assert not await robot.give_back(city.core, session, task.lease, "no_answer")
    (after,) = await rows(city, CallbackTask, number)
    assert (after.plan, after.attempts, after.claim) == ("clerk", 1, None)


@pytest.mark.usefixtures("by_robot")
async def test_a_robot_hears_dissatisfaction_and_the_second_visit_is_a_persons(city: City) -> None:
    number = await to_callback(city)
    task = await claim(city)
    assert task is not None
    async with city.database.transaction() as session:
        state = await robot.record_answers(city.core, session, task.lease, {**ANSWERS, "satisfaction": "dissatisfied", "solved": "no"})
    assert state == "callback"
    assert [visit.state for visit in await rows(city, SecondVisit, number)] == ["open"]


@pytest.mark.usefixtures("by_robot")
async def test_nobody_is_called_at_night_and_secret_matters_never_by_a_machine(city: City) -> None:
    number = await to_callback(city)
    city.clock.advance(hours=11)  # 21:00
    assert await claim(city) is None
    city.clock.advance(hours=11)  # 8:00
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE ticket SET confidentiality = 'secret' WHERE number = :n"), {"n": number})
    assert await claim(city) is None


async def test_an_unknown_lease_is_refused(city: City) -> None:
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await robot.give_back(city.core, session, uuid4(), "busy")


async def link_for(city: City, number: str) -> str:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        return (await create_link(city.core, session, ticket)).removeprefix(PATH)


async def test_a_link_rates_once_and_looking_does_not_use_it_up(city: City) -> None:
    number = await to_callback(city)
    token = await link_for(city, number)
    for _look in range(3):
        async with city.database.transaction() as session:
            assert (await open_link(city.core, session, token)).may_rate
    async with city.database.transaction() as session:
        await rate_by_link(city.core, session, token, CITIZENS)
    assert (await ticket_of(city, number)).state == "closed"
    with pytest.raises(IllegalStep):
        async with city.database.transaction() as session:
            await rate_by_link(city.core, session, token, CITIZENS)
    async with city.database.transaction() as session:
        stored = (await session.scalars(select(CallbackLink))).one()
    assert token not in stored.token_hash


async def test_a_link_is_bound_to_its_round_and_ends(city: City) -> None:
    number = await to_callback(city)
    token = await link_for(city, number)
    for wrong in ("", token[:-1] + ("A" if token[-1] != "A" else "B"), "x" * 43):
        with pytest.raises(NotFound):
            async with city.database.transaction() as session:
                await open_link(city.core, session, wrong)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE ticket SET round = 2 WHERE number = :n"), {"n": number})
    with pytest.raises(IllegalStep):
        async with city.database.transaction() as session:
            await rate_by_link(city.core, session, token, CITIZENS)
    city.clock.advance(days=7)
    with pytest.raises(NotFound):
        async with city.database.transaction() as session:
            await open_link(city.core, session, token)


async def test_who_wants_sms_gets_a_link_and_a_person_calls_when_it_stays_without_answer(city: City) -> None:
    number = await to_callback(city, contact_by="sms")
    assert await batch.run(city.core, city.database) == 1
    assert await batch.run(city.core, city.database) == 0  # once
    async with city.database.transaction() as session:
        sent = [core_text(city, row) for row in await session.scalars(select(Outbox).where(Outbox.channel == "sms"))]
    assert any("{site}/r/" in words for words in sent)
    city.clock.advance(days=1)
    assert await batch.run(city.core, city.database) == 1
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.attempts) == ("clerk", 1)
    assert [row.outcome for row in await rows(city, CallbackAttempt, number)] == ["no_answer"]


def core_text(city: City, row: Outbox) -> str:
    return city.core.vault.open(str(row.payload["text_sealed"]).encode())


async def test_three_links_without_an_answer_on_three_days_close_as_unreached(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = yaml.safe_load((files("ticketing") / "seed" / "callback.yaml").read_text(encoding="utf-8"))
    raw["rules"] = [{"key": "all", "when": {}, "plan": "sms", "rate": 100, "fallback": "sms"}]
    changed = rules.parse(raw)
    monkeypatch.setattr(rules, "load", lambda: changed)
    number = await to_callback(city)
    for day in range(3):
        assert await batch.run(city.core, city.database) == 1, day
        assert (await ticket_of(city, number)).state == "callback"
        city.clock.advance(days=1)
    assert await batch.run(city.core, city.database) == 1
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.no_callback_reason) == ("closed", "unreached")
    assert [row.outcome for row in await rows(city, CallbackAttempt, number)] == ["no_answer"] * 3


@pytest.mark.parametrize(
    ("fields", "reason"), [({"anonymous": True, "name": "", "phone": ""}, "anonymous"), ({"contact_by": "none"}, "no_way_to_ask")]
)
async def test_whom_nobody_can_ask_may_rate_for_three_days_and_is_then_counted_apart(
    city: City, fields: dict[str, object], reason: str
) -> None:
    number = await to_callback(city, **fields)
    (task,) = await rows(city, CallbackTask, number)
    assert (task.plan, task.next_attempt_at) == ("none", None)
    assert await batch.run(city.core, city.database) == 0
    city.clock.advance(days=3)
    assert await batch.run(city.core, city.database) == 1
    ticket = await ticket_of(city, number)
    assert (ticket.state, ticket.satisfaction, ticket.no_callback_reason) == ("closed", None, reason)


async def test_lesson_13_the_same_link_used_twice_at_once_counts_once(city: City) -> None:
    number = await to_callback(city)
    token = await link_for(city, number)

    async def use() -> str:
        try:
            async with city.database.transaction() as session:
                await rate_by_link(city.core, session, token, CITIZENS)
        except IllegalStep:
            return "refused"
        return "rated"

    assert sorted(await asyncio.gather(*(use() for _again in range(4)))) == ["rated", "refused", "refused", "refused"]
    assert len(await rows(city, CallbackAttempt, number)) == 1


@pytest.mark.usefixtures("by_robot")
async def test_machines_that_ask_at_once_get_different_tasks(city: City) -> None:
    numbers = {await to_callback(city) for _again in range(12)}

    async def machine() -> list[str]:
        mine = []
        while (task := await claim(city)) is not None:
            mine.append(task.number)
        return mine

    # One that began to look before another's claim was committed, and locked after it, must see the claim.
    claimed = await asyncio.gather(*(machine() for _again in range(6)))
    assert sorted(number for mine in claimed for number in mine) == sorted(numbers)


@pytest.mark.usefixtures("by_robot")
async def test_a_claim_between_looking_and_locking_is_seen(city: City) -> None:
    """A cursor looks when it is declared and locks when it is fetched from: in between, another machine claims the task."""
    await to_callback(city)
    async with city.database.transaction() as slow:
        dialect = (await slow.connection()).dialect
        looking = robot.due(Plan.ROBOT, city.clock.now()).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        await slow.execute(text(f"DECLARE late CURSOR FOR {looking}".replace(":", "\\:")))
        assert await claim(city) is not None
        assert (await slow.execute(text("FETCH 1 FROM late"))).all() == []


async def test_the_citizens_window_and_way_are_honoured(city: City) -> None:
    evening = await to_callback(city, preferred_time="evening")
    landline = await to_callback(city, contact_by="sms", phone="0571-88886666")
    (task,) = await rows(city, CallbackTask, evening)
    assert task.next_attempt_at.astimezone(CITY_ZONE).hour == 18
    (task,) = await rows(city, CallbackTask, landline)
    assert task.plan == "clerk"  # a landline takes no message


async def test_a_link_that_cannot_be_sent_any_more_goes_to_a_person(city: City) -> None:
    number = await to_callback(city, contact_by="sms")
    async with city.database.transaction() as session:
        citizen = (await session.scalars(select(Citizen))).one()
        citizen.phone_sealed = None
    await batch.run(city.core, city.database)
    (task,) = await rows(city, CallbackTask, number)
    assert task.plan == "clerk"
    assert await rows(city, CallbackAttempt, number) == []
