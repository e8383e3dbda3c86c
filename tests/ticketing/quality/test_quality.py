"""Quality inspection: what is drawn, how it is scored, the appeal, and who sees what."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from hotline.clock import CITY_ZONE
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from tests.ticketing.conftest import City
from ticketing.callback.models import CallbackTask
from ticketing.conversation import calls
from ticketing.conversation.models import Call
from ticketing.people.actor import Actor
from ticketing.quality import access, appeals, averages, book, checks, sampling
from ticketing.quality.models import CheckState, Drawn, QualityCheck
from ticketing.supervision.models import StaffNotice
from ticketing.supervision.suspicions import Finding
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Kind

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=CITY_ZONE)
FULL = {"opening": 10, "listening": 20, "answer": 25, "record": 20, "manner": 15, "privacy": 10}
POOR = {**FULL, "answer": 5}


async def talk(city: City, agent: Actor, *, seconds: int = 120, caller: str = "13900002716", recorded: bool = True) -> UUID:
    """A call that an agent spoke on for so long; the clock moves."""
    async with city.database.transaction() as session:
        _conversation, call = await calls.start_call(
            city.core, session, sip_call_id=str(uuid4()), caller=caller, called="12345", codec="PCMA", worker="w", transcriber="t"
        )
        await calls.answered_by_person(city.core, session, call.id, agent.account)
        call_id = call.id
    city.clock.advance(seconds=seconds)
    async with city.database.transaction() as session:
        path = f"recordings/{call_id}.rec" if recorded else None
        await calls.end_call(city.core, session, call_id, reason="finished", recording_path=path, recording_seconds=float(seconds))
    return call_id


async def draw(city: City) -> dict[UUID, str]:
    """One run of the scheduler's sweep; every call on the list with its rule."""
    await sampling.run(city.core, city.database)
    async with city.database.transaction() as session:
        return {row.call_id: row.rule for row in await session.scalars(select(QualityCheck))}


async def picked(city: City, agent: Actor | None = None) -> int:
    """A check that an inspector put on the list."""
    call_id = await talk(city, agent or city.agent)
    async with city.database.transaction() as session:
        call = await session.get_one(Call, call_id)
        return (await sampling.pick(city.core, session, city.quality, call)).id


async def scored(city: City, points: dict[str, int] | None = None, **more: Any) -> int:
    check_id = await picked(city)
    values = {"remark": "没有查知识库，答错了材料", **more}
    async with city.database.transaction() as session:
        await checks.score(city.core, session, city.quality, check_id, points=points or POOR, **values)
    return check_id


async def row(city: City, check_id: int) -> QualityCheck:
    async with city.database.transaction() as session:
        return await session.get_one(QualityCheck, check_id)


async def test_a_share_of_each_agents_week_is_drawn_by_chance_and_only_once(city: City) -> None:
    city.clock.set(MONDAY)
    for _number in range(45):
        await talk(city, city.agent)
    for _number in range(3):
        await talk(city, city.agent2)
    assert await draw(city) == {}, "not from a day that goes on"
    city.clock.set(MONDAY + timedelta(days=1))
    first = await draw(city)
    assert list(first.values()) == ["share"] * 4, "5 % of 45 are 3, of 3 one: both rounded up"
    assert await draw(city) == first
    city.clock.set(MONDAY + timedelta(days=7))
    async with city.database.transaction() as session:
        by_agent = select(QualityCheck.agent_id)
        await sampling.draw(city.core, session)
        drawn = list(await session.scalars(by_agent))
    assert sorted(drawn.count(person.account) for person in (city.agent, city.agent2)) == [2, 3], "two at least, when the week is over"


async def test_two_schedulers_at_once_draw_no_call_twice(city: City) -> None:
    city.clock.set(MONDAY)
    for _number in range(25):
        await talk(city, city.agent)
    city.clock.set(MONDAY + timedelta(days=1))
    drawn = await asyncio.gather(*(sampling.run(city.core, city.database) for _each in range(3)))
    assert sorted(drawn) == [0, 0, 2]


async def test_short_talks_complaints_bad_ratings_and_suspicions_are_always_drawn(city: City) -> None:
    city.clock.set(MONDAY)
    short = await talk(city, city.agent, seconds=8)
    accused = await talk(city, city.agent, caller="13900001111")
    rated, suspicious = await talk(city, city.agent), await talk(city, city.agent)
    plain = await talk(city, city.agent)
    await talk(city, city.agent, seconds=5, recorded=False)
    complaint = await city.register(kind=Kind.COMPLAINT, phone="13900001111", content="话务员态度很差，没听完就挂断了")
    async with city.database.transaction() as session:
        found = await session.get_one(Ticket, complaint.ticket.id)
        found.reported_unit_id = city.agent.unit_id
    bad, odd = (await city.register()).ticket.id, (await city.register()).ticket.id
    async with city.database.transaction() as session:
        for ticket_id, call_id in ((bad, rated), (odd, suspicious)):
            call = await session.get_one(Call, call_id)
            await session.execute(update(Ticket).where(Ticket.id == ticket_id).values(conversation_id=call.conversation_id))
        session.add(Finding(rule="callback_without_call", key="x", ticket_id=odd, user_id=city.agent.account, found_at=city.clock.now()))
        await _rate_badly(city, session, bad)
    drawn = await draw(city)
    assert drawn == {short: "short", accused: "complaint", rated: "rated_badly", suspicious: "suspicious"}
    assert plain not in drawn
    assert await draw(city) == drawn


async def _rate_badly(city: City, session: Any, ticket_id: int) -> None:
    session.add(
        CallbackTask(
            ticket_id=ticket_id, round=1, kind="evaluation", state="reached", satisfaction="dissatisfied", solved=False,
            created_at=city.clock.now(), finished_at=city.clock.now(), by="web",
        )
    )  # fmt: skip
    await session.flush()


async def test_a_call_of_a_secret_ticket_is_neither_drawn_nor_seen(city: City) -> None:
    city.clock.set(MONDAY)
    secret, other = await talk(city, city.agent, seconds=8), await talk(city, city.agent, seconds=8)
    made = (await city.register()).ticket.id
    async with city.database.transaction() as session:
        call = await session.get_one(Call, secret)
        await session.execute(
            update(Ticket).where(Ticket.id == made).values(conversation_id=call.conversation_id, confidentiality="secret")
        )
    assert set(await draw(city)) == {other}
    async with city.database.transaction() as session:  # becomes secret after it was drawn
        call = await session.get_one(Call, other)
        await session.execute(update(Ticket).where(Ticket.id == made).values(conversation_id=call.conversation_id))
        assert await access.list_checks(city.core, session, city.quality, states=tuple(CheckState)) == []
        check_id = await session.scalar(select(QualityCheck.id))
        for actor in (city.quality, city.supervisor):
            with pytest.raises(NotFound):
                await access.access_check(city.core, session, actor, check_id or 0)


async def test_a_score_is_the_sum_and_nothing_with_a_fatal_error_and_the_agent_is_told(city: City) -> None:
    good = await row(city, await scored(city, FULL, remark=""))
    assert (good.score, good.state, good.book_version) == (100, "scored", 1)
    assert (await row(city, await scored(city))).score == 80
    assert (await row(city, await scored(city, FULL, fatal=["rude"]))).score == 0
    async with city.database.transaction() as session:
        told = list(await session.scalars(select(StaffNotice).where(StaffNotice.kind == "quality_scored")))
    assert {notice.user_id for notice in told} == {city.agent.account}
    assert len(told) == 3


@pytest.mark.parametrize(
    "points", [{}, {**FULL, "opening": 11}, {**FULL, "opening": -1}, {**FULL, "unknown": 1}, dict.fromkeys(list(FULL)[:5], 1)]
)
async def test_a_sheet_that_is_not_whole_is_refused(city: City, points: dict[str, int]) -> None:
    check_id = await picked(city)
    with pytest.raises(InvalidInput):
        async with city.database.transaction() as session:
            await checks.score(city.core, session, city.quality, check_id, points=points, remark="为什么扣分")
    assert (await row(city, check_id)).state == "waiting"


async def test_lost_points_want_a_reason_and_a_call_is_scored_once_even_by_two_at_once(city: City) -> None:
    check_id = await picked(city)

    async def score(actor: Actor, remark: str) -> str:
        try:
            async with city.database.transaction() as session:
                await checks.score(city.core, session, actor, check_id, points=POOR, remark=remark)
        except (IllegalStep, InvalidInput) as problem:
            return type(problem).__name__
        return "scored"

    assert await score(city.quality, "  ") == "InvalidInput"
    both = await asyncio.gather(score(city.quality, "答错了材料"), score(city.supervisor, "答错了材料"))
    assert sorted(both) == ["IllegalStep", "scored"]


async def test_an_appeal_is_decided_by_a_second_person_and_raises_the_score(city: City) -> None:
    check_id = await scored(city)
    async with city.database.transaction() as session:
        await appeals.appeal(city.core, session, city.agent, check_id, "材料清单上个月改过，我答的是新的")
    with pytest.raises(IllegalStep):
        async with city.database.transaction() as session:
            await appeals.appeal(city.core, session, city.agent, check_id, "材料清单上个月改过，再说一次")
    note = "查了知识库的版本，话务员说得对"
    for actor, error in ((city.quality, NotAllowed), (city.agent, NotAllowed)):
        with pytest.raises(error):
            async with city.database.transaction() as session:
                await appeals.decide(city.core, session, actor, check_id, upheld=True, note=note, points=FULL)
    with pytest.raises(InvalidInput):  # upheld, and yet no better
        async with city.database.transaction() as session:
            await appeals.decide(city.core, session, city.supervisor, check_id, upheld=True, note=note, points=POOR)
    async with city.database.transaction() as session:
        await appeals.decide(city.core, session, city.supervisor, check_id, upheld=True, note=note, points=FULL)
    check = await row(city, check_id)
    assert (check.state, check.first_score, check.score, check.upheld) == ("decided", 80, 100, True)
    async with city.database.transaction() as session:
        told = [(notice.kind, notice.user_id) for notice in await session.scalars(select(StaffNotice).order_by(StaffNotice.id))]
    assert ("quality_appealed", city.supervisor.account) in told
    assert {user for kind, user in told if kind == "quality_decided"} == {city.agent.account, city.quality.account}


async def test_who_gave_the_score_does_not_decide_on_it_not_even_in_the_table(city: City) -> None:
    check_id = await picked(city)
    async with city.database.transaction() as session:
        await checks.score(city.core, session, city.supervisor, check_id, points=POOR, remark="答错了材料")
        await appeals.appeal(city.core, session, city.agent, check_id, "材料清单上个月改过，我答的是新的")
    with pytest.raises(NotAllowed):
        async with city.database.transaction() as session:
            await appeals.decide(city.core, session, city.supervisor, check_id, upheld=False, note="评分没有问题，维持原来的分数")
    values = {"state": "decided", "decided_at": city.clock.now(), "decided_by_id": city.supervisor.account}
    with pytest.raises(IntegrityError):
        async with city.database.transaction() as session:
            await session.execute(update(QualityCheck).values(**values))


async def test_an_agent_sees_and_hears_the_own_scored_calls_while_an_appeal_is_possible(city: City) -> None:
    waiting, check_id = await picked(city), await scored(city)
    async with city.database.transaction() as session:
        seen = await access.list_checks(city.core, session, city.agent, states=tuple(CheckState))
        assert [line.check.id for line in seen] == [check_id]
        assert await access.list_checks(city.core, session, city.agent2, states=tuple(CheckState)) == []
        assert await access.list_checks(city.core, session, city.clerk, states=tuple(CheckState)) == []
        for actor, wanted in ((city.agent, waiting), (city.agent2, check_id), (city.leader, check_id)):
            with pytest.raises(NotFound):
                await access.access_check(city.core, session, actor, wanted)
        assert await access.hears(city.core, session, city.agent, seen[0])
    city.clock.advance(days=7)
    with pytest.raises(IllegalStep):
        async with city.database.transaction() as session:
            await appeals.appeal(city.core, session, city.agent, check_id, "材料清单上个月改过，我答的是新的")
    async with city.database.transaction() as session:
        line = await access.access_check(city.core, session, city.agent, check_id)
        assert not await access.hears(city.core, session, city.agent, line)
        assert await access.hears(city.core, session, city.quality, line)


async def test_averages_by_agent_and_team_and_the_own_one_for_an_agent(city: City) -> None:
    await scored(city)
    await scored(city, FULL, remark="")
    since, until = city.clock.now() - timedelta(days=1), city.clock.now() + timedelta(days=1)
    async with city.database.transaction() as session:
        mine = await averages.averages(city.core, session, city.agent, since, until)
        everybodys = await averages.averages(city.core, session, city.quality, since, until)
        nobodys = await averages.averages(city.core, session, city.agent2, since, until)
        refused = await averages.averages(city.core, session, city.clerk, since, until)
    assert mine == everybodys
    assert nobodys == refused == []
    assert [(one.agent, one.checked, one.mean, one.worst, one.few) for one in mine] == [("agent", 2, 90.0, 80, True)]
    assert [(team.name, team.checked, team.mean) for team in averages.teams(mine)] == [("市12345热线中心", 2, 90.0)]


async def test_a_new_sheet_holds_for_new_scores_and_an_old_score_keeps_its_own(city: City) -> None:
    old = await scored(city)
    text = book.seed_text().replace("version: 1", "version: 2").replace("points: 25", "points: 35").replace("points: 20", "points: 15")
    async with city.database.transaction() as session:
        await book.publish(city.core, session, city.supervisor, text, note="解答准确更重要")
    points = {item.key: item.points for item in book.parse(text).items}
    new = await scored(city, points, remark="")
    assert ((await row(city, old)).book_version, (await row(city, new)).book_version) == (1, 2)
    async with city.database.transaction() as session:
        assert (await book.of_version(session, 1)).items[2].points == 25
        for again in (text, book.seed_text()):
            with pytest.raises(InvalidInput, match="版本号应大于2"):
                await book.publish(city.core, session, city.supervisor, again, note="解答准确更重要")
        with pytest.raises(NotAllowed):
            await book.publish(city.core, session, city.quality, text, note="解答准确更重要")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("points: 25", "points: 30"), "之和应为100"),
        (("least: 2", "least: 20"), "least要不大于most"),
        (("key: leak", "key: rude"), "不能重复"),
        (("share_percent: 5", "share: 5"), "sampling.share"),
        (("items:", "items: ["), "行格式不对"),
    ],
)
def test_a_document_with_a_fault_is_refused_and_the_fault_is_named(change: tuple[str, str], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        book.parse(book.seed_text().replace(*change, 1))


def test_the_rules_that_always_draw_come_before_chance() -> None:
    assert list(Drawn)[:4] == [Drawn.COMPLAINT, Drawn.RATED_BADLY, Drawn.SUSPICIOUS, Drawn.SHORT]
