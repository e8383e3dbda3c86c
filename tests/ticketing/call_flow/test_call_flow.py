"""The call flow as a document, its versions, and the nuisance list."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

import pytest
import yaml
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from hotline import typed_yaml
from hotline.clock import CITY_ZONE, ManualClock
from hotline.database import Database
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed
from ticketing.calendar.working_time import WorkCalendar
from ticketing.call_flow import nuisance, versions
from ticketing.call_flow.document import Flow, Hours, is_open, parse_text, seed_text
from ticketing.call_flow.proposals import CALL_FLOWS, CallFlowProposal
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, User


def changed(**values: object) -> str:
    return typed_yaml.written({**yaml.safe_load(seed_text()), **values})


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"default": "nothing"}, "没有流程 nothing"),
        ({"numbers": {"12319": "nothing"}}, "没有流程 nothing"),
        ({"queues": {}}, "没有队列 hotline"),
        ({"flows": {}}, "没有流程 hotline"),
        ({"version": 0}, "version"),
        ({"menu": []}, "menu"),
        ({"queues": {"hotline": {"name": "队列", "overflow": "queue:hotline"}}}, "溢出"),
        ({"queues": {"hotline": {"name": "队列", "overflow": "queue:b"}, "b": {"name": "队列", "overflow": "queue:hotline"}}}, "绕回"),
    ],
)
def test_a_document_with_a_fault_is_refused_and_says_where(values: dict[str, object], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        parse_text(changed(**values))


@pytest.mark.parametrize("text", ["", "[", "- 1", "version: 1", "x" * 70_000, "a: &a [*a]"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_text(text)


def test_steps_must_end_in_talk_queue_or_message() -> None:
    flows = yaml.safe_load(seed_text())["flows"]
    flows["hotline"]["steps"] = [{"step": "greet"}]
    with pytest.raises(InvalidInput, match="最后一步"):
        parse_text(changed(flows=flows))
    flows["hotline"]["steps"] = [{"step": "queue"}, {"step": "greet"}, {"step": "message"}]
    with pytest.raises(InvalidInput, match="只能是最后一步"):
        parse_text(changed(flows=flows))


def test_a_text_with_a_place_that_nobody_fills_is_refused() -> None:
    flows = yaml.safe_load(seed_text())["flows"]
    flows["hotline"]["emergency"]["offer"] = "接通{number}吗"
    with pytest.raises(InvalidInput, match="只能填"):
        parse_text(changed(flows=flows))


def test_each_number_has_its_flow_and_others_the_default() -> None:
    flows = yaml.safe_load(seed_text())["flows"]
    flows["city"] = {**flows["hotline"], "name": "城管热线"}
    document = parse_text(changed(flows=flows, numbers={"12319": "city"}))
    assert document.flow_of("12319").name == "城管热线"
    assert document.flow_of("96345").name == "政务服务便民热线"


def test_hours_are_half_open_and_in_the_citys_time() -> None:
    hours = Hours.model_validate({"days": [1, 2, 3, 4, 5], "from": "08:30", "to": "17:30"})
    at = datetime(2026, 11, 18, 8, 30, tzinfo=CITY_ZONE)  # a Wednesday
    assert hours.open_at(at)
    assert not hours.open_at(at - timedelta(seconds=1))
    assert hours.open_at(at.replace(hour=17, minute=29))
    assert not hours.open_at(at.replace(hour=17, minute=30))
    assert not hours.open_at(at + timedelta(days=3))
    assert Hours().open_at(at.replace(hour=23, minute=59))


def test_hours_know_holidays_and_the_weekend_days_worked_instead() -> None:
    calendar = WorkCalendar(days={date(2026, 10, 1): False, date(2026, 10, 10): True})  # 国庆节; a Saturday that is worked
    flow = yaml.safe_load(seed_text())["flows"]["hotline"]
    work, rest = {"calendar": "work", "from": "08:00", "to": "20:00"}, {"calendar": "rest", "from": "09:00", "to": "17:00"}
    flow["person"]["hours"] = [work, rest]
    hours = Flow.model_validate(flow).person.hours
    open_days = {
        (day, hour): is_open(hours, datetime(2026, 10, day, hour, tzinfo=CITY_ZONE), calendar) for day in (1, 9, 10, 11) for hour in (8, 10)
    }
    assert open_days == {(1, 8): False, (1, 10): True, (9, 8): True, (9, 10): True, (10, 8): True, (10, 10): True,
                         (11, 8): False, (11, 10): True}  # fmt: skip


def test_a_flow_may_send_its_callers_to_a_queue_of_its_own() -> None:
    flows = yaml.safe_load(seed_text())["flows"]
    flows["hotline"]["steps"][-1] = {"step": "queue", "queue": "nowhere"}
    with pytest.raises(InvalidInput, match="没有队列 nowhere"):
        parse_text(changed(flows=flows))


@pytest.fixture
async def people(database: Database) -> dict[str, Actor]:
    async with database.transaction() as session:
        users = [
            User(login=role.value, name=role.value, staff_number=f"300{n}", role=role.value, password_hash="x")
            for n, role in enumerate((Role.ADMIN, Role.SUPERVISOR, Role.AGENT))
        ]
        session.add_all(users)
    return {user.role: staff_actor(user) for user in users}


async def test_versions(core: Core, database: Database, people: dict[str, Actor]) -> None:
    async with database.transaction() as session:
        assert (await versions.current(session)).version == 1, "the package's own while there is none"
        assert await versions.seed(core, session)
        assert not await versions.seed(core, session)
        with pytest.raises(NotAllowed):
            await CALL_FLOWS.propose(core, session, people["agent"], changed(version=2), reason="换了问候语")
        with pytest.raises(InvalidInput):
            await CALL_FLOWS.propose(core, session, people["admin"], changed(version=2), reason="")
        with pytest.raises(InvalidInput, match="大于1"):
            await CALL_FLOWS.propose(core, session, people["admin"], changed(version=1), reason="换了问候语")
        made = await CALL_FLOWS.propose(core, session, people["supervisor"], changed(version=2), reason="换了问候语")
        with pytest.raises(NotAllowed):
            await CALL_FLOWS.decide(core, session, people["supervisor"], made.id, approve=True)
        assert (await versions.current(session)).version == 1
        await CALL_FLOWS.decide(core, session, people["admin"], made.id, approve=True)
    async with database.transaction() as session:
        assert (await versions.current(session)).version == 2
        assert [(row.version, row.published_by_id) for row in await versions.history(session)] == [(2, people["admin"].user_id), (1, None)]
        assert [(row.state, row.proposed_by_id) for row in await CALL_FLOWS.proposals(session)] == [
            ("published", people["supervisor"].user_id)
        ]


async def test_the_database_itself_wants_two_people(core: Core, database: Database, people: dict[str, Actor]) -> None:
    async with database.transaction() as session:
        made = await CALL_FLOWS.propose(core, session, people["admin"], changed(version=2), reason="换了问候语")
        with pytest.raises(NotAllowed):
            await CALL_FLOWS.decide(core, session, people["admin"], made.id, approve=True)
        with pytest.raises(Conflict):
            await CALL_FLOWS.propose(core, session, people["supervisor"], changed(version=3), reason="换了问候语")
    for decided_by in (people["admin"].user_id, None):
        values = {"state": "published", "decided_by_id": decided_by, "decided_at": core.clock.now()}
        async with database.transaction() as session:
            with pytest.raises(IntegrityError, match="two_people"):
                await session.execute(update(CallFlowProposal).values(**values))
            await session.rollback()


async def test_two_who_decide_at_once_decide_once(core: Core, database: Database, people: dict[str, Actor]) -> None:
    async with database.transaction() as session:
        made = await CALL_FLOWS.propose(core, session, people["supervisor"], changed(version=2), reason="换了问候语")

    async def decide(*, approve: bool) -> str:
        try:
            async with database.transaction() as session:
                return (await CALL_FLOWS.decide(core, session, people["admin"], made.id, approve=approve, note="不合适")).state
        except IllegalStep:
            return "late"

    states = await asyncio.gather(decide(approve=True), decide(approve=False), decide(approve=True))
    assert sorted(states)[0] == "late"
    assert states.count("late") == 2


async def test_the_nuisance_list(core: Core, database: Database, people: dict[str, Actor], clock: ManualClock) -> None:
    head = people["supervisor"]
    async with database.transaction() as session:
        with pytest.raises(NotAllowed):
            await nuisance.add(core, session, people["agent"], "13800001111", days=7, reason="反复拨打不说话")
        for number, days, reason in (("119", 7, "反复拨打"), ("13800001111", 99, "反复拨打骚扰"), ("13800001111", 7, "")):
            with pytest.raises(InvalidInput):
                await nuisance.add(core, session, head, number, days=days, reason=reason)
        row = await nuisance.add(core, session, head, "138 0000 1111", days=7, reason="反复拨打不说话")
        assert row.masked == "138****1111"
        with pytest.raises(Conflict):
            await nuisance.add(core, session, head, "13800001111", days=7, reason="反复拨打不说话")
        assert await nuisance.is_nuisance(core, session, "+8613800001111")
        assert not await nuisance.is_nuisance(core, session, None)
        assert not await nuisance.is_nuisance(core, session, "13800001112")
    clock.advance(days=7)
    async with database.transaction() as session:
        assert not await nuisance.is_nuisance(core, session, "13800001111"), "nobody is kept out for good"
        again = await nuisance.add(core, session, head, "13800001111", days=7, reason="又反复拨打")
        await nuisance.lift(core, session, head, again.id)
        assert await nuisance.listed(core, session) == []
