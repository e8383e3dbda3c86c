"""Changing a policy takes two people; running tickets keep their version unless a supervisor moves one (D13)."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from hotline.clock import CITY_ZONE
from hotline.errors import Conflict, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import Event
from tests.ticketing.conftest import City
from ticketing.callback import service as callbacks
from ticketing.callback.questionnaire import CallbackResult
from ticketing.deadline import book, changes, policy, service
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import ClockKind, Deadline, PolicyVersion
from ticketing.deadline.move import move_policy
from ticketing.deadline.policy import CENTRE
from ticketing.people.actor import Actor, citizen_actor, staff_actor
from ticketing.people.models import User
from ticketing.ticket import refusal
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, Satisfaction


@pytest.fixture
async def city(city: City) -> City:
    """With the policies in the database, and a second administrator."""
    async with city.database.transaction() as session:
        await book.load_policies(city.core, session)
        user = User(login="admin2", name="admin2", staff_number="1900", role="admin", unit_id=city.units["centre"], password_hash="x")
        session.add(user)
        await session.flush()
        city.people["admin2"] = staff_actor(user)
    return city


def document(key: str = "P-PHONE", **values: Any) -> dict[str, Any]:
    found = next(deepcopy(item) for item in policy.seed()["policies"] if item["key"] == key)
    return {**found, **values}


SATISFIED = CallbackResult(Satisfaction.SATISFIED, solved=True)
FIVE = {"handle": {"value": 5, "unit": "wd"}}


async def propose(city: City, actor: Actor, new: dict[str, Any], **more: Any) -> PolicyVersion:
    async with city.database.transaction() as session:
        return await changes.propose(city.core, session, actor, new, reason="按照市政府新规定调整", **more)


async def decide(city: City, actor: Actor, proposal: PolicyVersion, *, approve: bool = True, note: str = "") -> PolicyVersion:
    async with city.database.transaction() as session:
        return await changes.decide(city.core, session, actor, proposal.id, approve=approve, note=note)


async def in_force(city: City, at: datetime | None = None) -> policy.Policies:
    async with city.database.transaction() as session:
        return await book.policies(session, at or city.clock.now())


async def dispatched(city: City, mode: DispatchMode = DispatchMode.PHONE) -> int:
    made = await city.register(content="江畔花园北门又一件事")
    await city.dispatch(made.ticket.number, mode)
    return made.ticket.id


async def handle(city: City, ticket: int) -> Deadline:
    async with city.database.transaction() as session:
        found = select(Deadline).where(Deadline.ticket_id == ticket, Deadline.kind == "handle").order_by(Deadline.id.desc())
        return (await session.scalars(found)).first()  # type: ignore[return-value]


async def events(city: City, prefix: str) -> list[Event]:
    async with city.database.transaction() as session:
        return list(await session.scalars(select(Event).where(Event.name.startswith(prefix)).order_by(Event.id)))


async def test_the_seed_is_taken_once_and_is_the_file(city: City) -> None:
    async with city.database.transaction() as session:
        count = await book.load_policies(city.core, session)
        assert count == len(policy.seed()["policies"]) + 2  # the centre's own clocks, the conduct of callbacks
        assert len(list(await session.scalars(select(PolicyVersion.id)))) == count
    found = await in_force(city)
    assert found.policies == policy.load().policies
    assert found.centre == policy.load().centre


async def test_a_ticket_keeps_the_version_it_started_with(city: City) -> None:
    old = await dispatched(city)
    await decide(city, city.admin, await propose(city, city.supervisor, document(**FIVE)))
    new = await dispatched(city)
    async with city.database.transaction() as session:
        versions = {row.id: (row.policy_key, row.policy_version) for row in await session.scalars(select(Ticket))}
    assert versions == {old: ("P-PHONE", 1), new: ("P-PHONE", 2)}
    assert (await handle(city, old)).limit_value == 3
    assert (await handle(city, new)).limit_value == 5
    async with city.database.transaction() as session:
        again = await service.policy_of(session, await session.get_one(Ticket, old))
    assert again.limits[ClockKind.HANDLE] == Limit(3, "wd"), "a later clock of the old ticket follows the old version too"


async def test_it_takes_two_people(city: City) -> None:
    proposal = await propose(city, city.admin, document(**FIVE))
    with pytest.raises(NotAllowed, match="另一位"):
        await decide(city, city.admin, proposal)
    for actor in (city.supervisor, city.dispatcher, city.leader, city.clerk):
        with pytest.raises(NotAllowed):
            await decide(city, actor, proposal)
    assert (await in_force(city)).by_key("P-PHONE").version == 1
    done = await decide(city, city.admin2, proposal)
    assert (done.state, done.decided_by_id) == ("in_force", city.admin2.user_id)
    assert (await in_force(city)).by_key("P-PHONE").version == 2


async def test_the_database_refuses_one_person_too(city: City) -> None:
    proposal = await propose(city, city.admin, document(**FIVE))
    for decided_by in (city.admin.user_id, None):
        values = {"state": "in_force", "decided_by_id": decided_by, "decided_at": city.clock.now()}
        with pytest.raises(IntegrityError, match="two_people"):
            async with city.database.transaction() as session:
                await session.execute(update(PolicyVersion).where(PolicyVersion.id == proposal.id).values(values))


@pytest.mark.parametrize("login", ["agent", "dispatcher", "clerk", "chief", "callback", "quality", "editor", "leader"])
async def test_others_may_not_even_propose(city: City, login: str) -> None:
    with pytest.raises(NotAllowed):
        await propose(city, city.people[login], document(**FIVE))


async def test_events_say_what_changes_and_who(city: City) -> None:
    await decide(city, city.admin, await propose(city, city.supervisor, document(**FIVE)), note="同意")
    told = await events(city, "policy.")
    assert [(event.name, event.actor_id) for event in told] == [
        ("policy.proposed", city.supervisor.user_id),
        ("policy.changed", city.admin.user_id),
    ]
    for event in told:
        assert event.data["changes"] == [{"field": "handle", "before": {"value": 3, "unit": "wd"}, "after": {"value": 5, "unit": "wd"}}]
    assert told[1].data["proposed_by"] == city.supervisor.user_id


async def test_a_proposal_is_decided_once(city: City) -> None:
    proposal = await propose(city, city.supervisor, document(**FIVE))
    outcomes = await asyncio.gather(decide(city, city.admin, proposal), decide(city, city.admin2, proposal), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IllegalStep", "PolicyVersion"]
    with pytest.raises(NotFound):
        async with city.database.transaction() as session:
            await changes.decide(city.core, session, city.admin, 99999, approve=True)


async def test_one_open_proposal_per_policy(city: City) -> None:
    await propose(city, city.supervisor, document(**FIVE))
    with pytest.raises(Conflict):
        await propose(city, city.admin, document(handle="4wd"))
    await propose(city, city.admin, document("P-WRITE", handle="8wd"))


async def test_refused_and_withdrawn_proposals_change_nothing(city: City) -> None:
    proposal = await propose(city, city.supervisor, document(**FIVE))
    with pytest.raises(InvalidInput, match="理由"):
        await decide(city, city.admin, proposal, approve=False)
    await decide(city, city.admin, proposal, approve=False, note="与上级规定不符")
    second = await propose(city, city.supervisor, document(**FIVE))
    assert second.version == 3, "numbers are not used twice"
    async with city.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await changes.withdraw(city.core, session, city.admin, second.id)
        await changes.withdraw(city.core, session, city.supervisor, second.id)
    with pytest.raises(IllegalStep):
        await decide(city, city.admin, second)
    assert (await in_force(city)).by_key("P-PHONE").version == 1


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (document(handle="soon"), "P-PHONE: handle"),
        (document(when={"mode": "written"}), "equal weight"),
        (document(retired=True), "no policy fits"),
        (document(), "没有要改的"),
        ({"key": "P-PHONE"}, "sign is needed"),
        ({"key": "P-NEW", "when": {"line": "12319", "mode": "phone"}, "handle": "x" * 30_000}, "太长"),
    ],
)
async def test_a_wrong_proposal_is_refused_with_the_reason(city: City, new: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await propose(city, city.supervisor, new)


async def test_a_line_gets_a_policy_of_its_own(city: City) -> None:
    new = {"key": "P-12319", "when": {"line": "12345", "mode": "phone"}, "sign": "2wh", "handle": "2wd", "redo": "1wd"}
    await decide(city, city.admin, await propose(city, city.supervisor, new))
    assert (await handle(city, await dispatched(city))).limit_value == 2
    assert (await handle(city, await dispatched(city, DispatchMode.WRITTEN))).limit_value == 7


async def test_a_version_may_begin_later(city: City) -> None:
    new_year = datetime(2027, 1, 1, tzinfo=CITY_ZONE)
    await decide(city, city.admin, await propose(city, city.supervisor, document(**FIVE), valid_from=new_year))
    for at, version in ((city.clock.now(), 1), (new_year - timedelta(seconds=1), 1), (new_year, 2), (new_year + timedelta(days=400), 2)):
        assert (await in_force(city, at)).by_key("P-PHONE").version == version
    assert (await handle(city, await dispatched(city))).limit_value == 3


async def test_a_version_never_begins_before_it_was_confirmed(city: City) -> None:
    proposal = await propose(city, city.supervisor, document(**FIVE), valid_from=city.clock.now() - timedelta(days=30))
    city.clock.advance(days=3)
    assert (await decide(city, city.admin, proposal)).valid_from == city.clock.now()


async def test_what_fitted_when_proposed_is_checked_again_when_confirmed(city: City) -> None:
    one = {"key": "P-A", "when": {"line": "12319"}, "sign": "1wd", "redo": "1wd"}
    other = {"key": "P-B", "when": {"line": ["12319", "12358"]}, "sign": "1wd", "redo": "1wd"}
    first, second = await propose(city, city.supervisor, one), await propose(city, city.supervisor, other)
    await decide(city, city.admin, first)
    with pytest.raises(InvalidInput, match="equal weight"):
        await decide(city, city.admin, second)


async def test_the_centres_own_clocks_are_changed_the_same_way(city: City) -> None:
    centre = deepcopy(policy.seed()["centre"])
    centre["dispatch"]["normal"] = {"value": 2, "unit": "wh"}
    await decide(city, city.admin, await propose(city, city.supervisor, centre, key=CENTRE))
    made = await city.register()
    async with city.database.transaction() as session:
        clock = (await session.scalars(select(Deadline).where(Deadline.ticket_id == made.ticket.id))).one()
    assert (clock.limit_value, clock.limit_unit) == (2, "wh")


async def test_reopening_sending_back_and_objection_follow_the_centres_data(city: City) -> None:
    centre = deepcopy(policy.seed()["centre"])
    centre |= {"reopen_days": 10, "sent_back": {"value": 6, "unit": "wd"}, "objected": {"value": 2, "unit": "wd"}}
    await decide(city, city.admin, await propose(city, city.supervisor, centre, key=CENTRE))
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.handle(assignment)
    await city.act(number, city.dispatcher, callbacks.review, accept=False, note="没有说明检查结果")
    ticket = await by_number(city, number)
    assert (await last_clock(city, ticket.id, ClockKind.HANDLE)).limit_value == 6
    await city.reply(assignment)
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED, by="clerk")
    city.clock.advance(days=9, hours=23)
    await city.act(number, city.supervisor, callbacks.reopen, "工地又在夜里施工")
    refused = (await city.register(content="另一件事：请问社保卡怎么办理")).ticket
    await city.act(refused.number, city.dispatcher, refusal.reject, code="petition", legal_way="请向市信访局反映")
    async with city.database.transaction() as session:
        row = await session.get_one(Ticket, refused.id, with_for_update=True)
        await refusal.object_to(city.core, session, citizen_actor(), row, "这是热线的职责，应当受理")
    clock = await last_clock(city, refused.id, ClockKind.DISPATCH)
    assert (clock.limit_value, clock.limit_unit) == (2, "wd")


async def by_number(city: City, number: str) -> Ticket:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket).where(Ticket.number == number))).one()


async def last_clock(city: City, ticket: int, kind: ClockKind) -> Deadline:
    async with city.database.transaction() as session:
        found = select(Deadline).where(Deadline.ticket_id == ticket, Deadline.kind == kind.value).order_by(Deadline.id.desc())
        return (await session.scalars(found.limit(1))).one()


# --- moving a running ticket -----------------------------------------------------------------------------------------


async def move(city: City, ticket: int, actor: Actor, **more: Any) -> list[Deadline]:
    async with city.database.transaction() as session:
        row = await session.get_one(Ticket, ticket, with_for_update=True)
        return await move_policy(city.core, session, actor, row, reason="市政府要求统一延长", **more)


async def test_a_supervisor_moves_a_running_ticket(city: City) -> None:
    ticket = await dispatched(city)
    await decide(city, city.admin, await propose(city, city.supervisor, document(sign="1wd", **FIVE)))
    city.clock.advance(days=1)
    before = await handle(city, ticket)
    moved = await move(city, ticket, city.supervisor)
    after = await handle(city, ticket)
    assert {clock.kind for clock in moved} == {"sign", "handle"}
    assert after.started_at == before.started_at, "counted from its own start"
    assert after.due_at.astimezone(CITY_ZONE).isoformat() == "2026-11-26T00:00:00+08:00"
    (told,) = await events(city, "policy.moved")
    assert (told.data["from"], told.data["to"]) == ("P-PHONE 1", "P-PHONE 2")
    assert {change["clock"] for change in told.data["clocks"]} == {"sign", "handle"}
    async with city.database.transaction() as session:
        assert (await session.get_one(Ticket, ticket)).policy_version == 2


async def test_moving_keeps_pauses_and_extensions(city: City) -> None:
    ticket = await dispatched(city)
    clock = await handle(city, ticket)
    async with city.database.transaction() as session:
        await service.extend_clock(city.core, session, await session.get_one(Deadline, clock.id), Limit(2, "wd"))
    await decide(city, city.admin, await propose(city, city.supervisor, document(**FIVE)))
    await move(city, ticket, city.supervisor)
    after = await handle(city, ticket)
    assert after.due_at.astimezone(CITY_ZONE).isoformat() == "2026-11-28T00:00:00+08:00"
    assert after.extensions == 1
    assert after.original_due_at == clock.due_at


async def test_a_limit_that_a_person_set_is_not_moved(city: City) -> None:
    ticket = await dispatched(city)
    async with city.database.transaction() as session:
        await session.execute(update(Deadline).where(Deadline.kind == "handle").values(limit_value=2))
    await move(city, ticket, city.supervisor, key="P-WRITE", version=1)
    assert (await handle(city, ticket)).limit_value == 2


async def test_a_ticket_may_be_moved_to_another_policy(city: City) -> None:
    ticket = await dispatched(city)
    await move(city, ticket, city.supervisor, key="P-WRITE")
    assert (await handle(city, ticket)).limit_value == 7


async def test_who_may_not_move_and_what_makes_no_sense(city: City) -> None:
    ticket = await dispatched(city)
    for actor in (city.admin, city.dispatcher, city.leader, city.chief):
        with pytest.raises(NotAllowed):
            await move(city, ticket, actor, key="P-WRITE")
    with pytest.raises(InvalidInput, match="已经适用"):
        await move(city, ticket, city.supervisor)
    with pytest.raises(InvalidInput, match="没有这个版本"):
        await move(city, ticket, city.supervisor, version=7)
    with pytest.raises(InvalidInput, match="没有这个版本"):
        await move(city, ticket, city.supervisor, key="P-NONE")
    fresh = (await city.register()).ticket.id
    with pytest.raises(IllegalStep):
        await move(city, fresh, city.supervisor, key="P-WRITE")
