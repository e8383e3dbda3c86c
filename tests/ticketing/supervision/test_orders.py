"""Rectification tasks, urging, formal supervision, commitments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hotline.clock import CITY_ZONE
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.people.actor import BOT, citizen_actor
from ticketing.supervision import cards, commitments, formal, nightly, rectification
from ticketing.supervision.formal import Order
from ticketing.supervision.inbox import inbox
from ticketing.supervision.models import Commitment, FormalSupervision, Rectification
from ticketing.supervision.urging import count, list_urgings, urge
from ticketing.ticket.models import Ticket

CAUSE, MEASURE = "值班表排错，当晚无人签收", "重排值班表，指定首席代表每晚九点复核一次"
ANSWER = "已查明施工单位擅自夜间作业，立案处罚二万元，项目经理约谈，每晚安排两人巡查至本月底。"
DEMANDS = "三天内查清夜间施工的审批情况，依法处理并书面报告。"


async def dispatched(city: City) -> str:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    return number


async def carded(city: City) -> tuple[str, int]:
    number = await dispatched(city)
    await city.act(
        number, city.supervisor, cards.give_by_hand, unit_id=city.units["city"], colour="yellow", note="值班无人，未按时签收工单"
    )
    async with city.database.transaction() as session:
        return number, (await session.scalars(select(Rectification.id))).one()


async def kinds(city: City, login: str) -> list[str]:
    async with city.database.transaction() as session:
        return [line.notice.kind for line in await inbox(city.core, session, city.people[login])]


async def test_rectification_goes_from_the_unit_to_the_supervisor_and_back(city: City) -> None:
    number, task = await carded(city)
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput) as refused:
            await rectification.finish(city.core, session, city.clerk, task, cause="忙", measure="下次注意")
        assert set(refused.value.errors) == {"cause", "measure"}
    async with city.database.transaction() as session:
        with pytest.raises(NotFound):
            await rectification.finish(city.core, session, city.water_clerk, task, cause=CAUSE, measure=MEASURE)
    async with city.database.transaction() as session:
        with pytest.raises(IllegalStep):
            await rectification.judge(city.core, session, city.supervisor, task, confirm=True)
    async with city.database.transaction() as session:
        await rectification.finish(city.core, session, city.clerk, task, cause=CAUSE, measure=MEASURE)
    assert "rectification_done" in await kinds(city, "supervisor")
    async with city.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await rectification.judge(city.core, session, city.chief, task, confirm=True)
    async with city.database.transaction() as session:
        await rectification.judge(city.core, session, city.supervisor, task, confirm=False, note="没有写明谁来复核")
    assert "rectification_returned" in await kinds(city, "clerk")
    async with city.database.transaction() as session:
        await rectification.finish(city.core, session, city.chief, task, cause=CAUSE, measure=MEASURE)
    async with city.database.transaction() as session:
        await rectification.judge(city.core, session, city.supervisor, task, confirm=True)
        row = await session.get_one(Rectification, task)
        assert (row.state, row.confirmed_by_id) == ("confirmed", city.supervisor.user_id)
        ticket_id = await session.scalar(select(Ticket.id).where(Ticket.number == number))
        names = [event.name for event in await history(session, "ticket", ticket_id or 0)]
    assert names[-4:] == ["rectification.done", "rectification.returned", "rectification.done", "rectification.confirmed"]


async def test_an_overdue_rectification_is_shown_and_told_once(city: City) -> None:
    await carded(city)
    city.clock.set(datetime(2026, 11, 26, 10, tzinfo=CITY_ZONE))  # five working days have passed
    async with city.database.transaction() as session:
        (line,) = await rectification.list_tasks(city.core, session, city.clerk)
        assert line.overdue
        assert await rectification.list_tasks(city.core, session, city.water_clerk) == []
    for _ in range(3):
        await nightly.tick(city.core, city.database)
    assert (await kinds(city, "clerk")).count("rectification_overdue") == 1
    assert (await kinds(city, "supervisor")).count("rectification_overdue") == 1


async def test_a_new_card_reopens_the_task_that_waited_for_confirmation(city: City) -> None:
    number, task = await carded(city)
    async with city.database.transaction() as session:
        await rectification.finish(city.core, session, city.clerk, task, cause=CAUSE, measure=MEASURE)
    await city.act(number, city.supervisor, cards.give_by_hand, unit_id=city.units["city"], colour="red", note="整改以后仍然没有到场处理")
    async with city.database.transaction() as session:
        assert [(row.id, row.state) for row in await session.scalars(select(Rectification))] == [(task, "open")]


async def test_a_citizen_urges_once_in_24_hours_and_the_unit_is_told(city: City) -> None:
    number = await dispatched(city)

    async def by_citizen() -> None:
        async with city.database.transaction() as session:
            ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
            await urge(city.core, session, citizen_actor(ticket.citizen_id), ticket, "还没有人联系我")

    await by_citizen()
    city.clock.advance(hours=23, minutes=59)
    with pytest.raises(InvalidInput, match="以后可以再催"):
        await by_citizen()
    city.clock.advance(minutes=1)
    await by_citizen()
    assert (await kinds(city, "clerk")).count("urged") == 2
    assert "urged" not in await kinds(city, "water_clerk")
    async with city.database.transaction() as session:
        lines = await list_urgings(city.core, session, city.supervisor)
        assert [(line.urging.by, line.times) for line in lines] == [("citizen", 2)] * 2
        assert await count(session, lines[0].urging.ticket_id) == 2


async def test_the_centre_urges_each_person_for_himself_and_other_roles_may_not(city: City) -> None:
    number = await dispatched(city)
    for person in (city.agent, city.dispatcher, city.supervisor, city.leader):
        await city.act(number, person, urge, "请抓紧")
    with pytest.raises(InvalidInput):
        await city.act(number, city.supervisor, urge, "再催一次")
    city.clock.advance(minutes=60)
    await city.act(number, city.supervisor, urge, "再催一次")
    with pytest.raises(NotAllowed):
        await city.act(number, city.clerk, urge, "催自己")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        with pytest.raises(NotAllowed):
            await urge(city.core, session, BOT, ticket)
        assert await count(session, ticket.id) == 5
        assert ticket.version == 2 or ticket.round == 1  # urging changes no row of the ticket: nobody gets a conflict by it


async def test_before_dispatch_the_dispatchers_are_urged(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, urge, "市民第二次来电询问")
    assert "urged" in await kinds(city, "dispatcher")
    assert await kinds(city, "clerk") == []


async def order(city: City, number: str, **fields: object) -> str:
    values: dict[str, Any] = {"unit_id": city.units["city"], "demands": DEMANDS, "days": 3, **fields}
    row = await city.act(number, city.leader, formal.issue, Order(**values))
    return row.number


async def test_formal_supervision_from_order_to_conclusion(city: City) -> None:
    number = await dispatched(city)
    mine = await order(city, number, instruction="请城管局三日内办结，结果报我。", ordered_by="王市长")
    assert mine == "DB-2026-00001"
    assert "instructed" in await kinds(city, "chief")
    async with city.database.transaction() as session:
        row, ticket = await formal.access_formal(city.core, session, city.clerk, mine)
        assert (row.ordered_by, row.state, ticket.number) == ("王市长", "issued", number)
        assert row.due_at == datetime(2026, 11, 24, tzinfo=CITY_ZONE)
        for stranger in (city.water_clerk, city.agent, city.callback):
            with pytest.raises(NotFound):
                await formal.access_formal(city.core, session, stranger, mine)
    async with city.database.transaction() as session:
        with pytest.raises(IllegalStep):
            await formal.conclude(city.core, session, city.supervisor, mine, accept=True, text="属实，同意办结")
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput):
            await formal.answer(city.core, session, city.clerk, mine, "正在办")
    for accept in (False, True):
        async with city.database.transaction() as session:
            await formal.answer(city.core, session, city.clerk, mine, ANSWER)
        async with city.database.transaction() as session:
            await formal.conclude(
                city.core, session, city.supervisor, mine, accept=accept, text="处罚决定书请补上" if not accept else "同意办结"
            )
    async with city.database.transaction() as session:
        row = (await session.scalars(select(FormalSupervision))).one()
        assert (row.state, row.sent_back, row.conclusion) == ("concluded", 1, "同意办结")
        events = await history(session, "ticket", row.ticket_id)
        assert "请城管局三日内办结，结果报我。" in [event.data.get("instruction") for event in events]
    assert {"formal_sent_back", "formal_concluded"} <= set(await kinds(city, "clerk"))


async def test_formal_supervision_needs_a_unit_of_the_ticket_and_an_open_matter(city: City) -> None:
    number = await dispatched(city)
    with pytest.raises(InvalidInput) as refused:
        await order(city, number, unit_id=city.units["water"], demands="快办", days=0)
    assert set(refused.value.errors) == {"unit_id", "demands", "days"}
    with pytest.raises(NotAllowed):
        await city.act(number, city.dispatcher, formal.issue, Order(city.units["city"], DEMANDS, 3))
    mine = await order(city, number)
    async with city.database.transaction() as session:
        await formal.withdraw(city.core, session, city.supervisor, mine, "同一事项已有督办单")
    async with city.database.transaction() as session:
        with pytest.raises(IllegalStep):
            await formal.answer(city.core, session, city.clerk, mine, ANSWER)


async def test_an_overdue_order_is_shown_and_told_once_to_unit_and_issuer(city: City) -> None:
    mine = await order(city, await dispatched(city))
    city.clock.set(datetime(2026, 11, 24, 9, tzinfo=CITY_ZONE))
    for _ in range(2):
        await nightly.tick(city.core, city.database)
    async with city.database.transaction() as session:
        (line,) = await formal.list_formal(city.core, session, city.supervisor, open_only=True)
        assert (line.formal.number, line.overdue) == (mine, True)
    assert (await kinds(city, "clerk")).count("formal_overdue") == 1
    assert (await kinds(city, "leader")).count("formal_overdue") == 1


async def test_numbers_of_orders_come_from_a_sequence(city: City) -> None:
    number = await dispatched(city)
    assert [await order(city, number) for _ in range(3)] == [f"DB-2026-{n:05}" for n in (1, 2, 3)]


async def promised(city: City, number: str, *, hours: float = 48) -> int:
    due = city.clock.now() + timedelta(hours=hours)
    row = await city.act(number, city.clerk, commitments.promise, what="周五前修好北门路灯", due_at=due, promised_by="李工")
    return row.id


async def test_a_commitment_is_reminded_of_then_overdue_and_ends_with_proof(city: City) -> None:
    number = await dispatched(city)
    mine = await promised(city, number, hours=48)
    await nightly.tick(city.core, city.database)
    assert "commitment_due" not in await kinds(city, "clerk")
    city.clock.advance(hours=39)  # four fifths of the time, one o'clock at night: read in the morning
    await nightly.tick(city.core, city.database)
    city.clock.advance(hours=8)
    assert (await kinds(city, "clerk")).count("commitment_due") == 1
    city.clock.advance(hours=1)
    for _ in range(2):
        await nightly.tick(city.core, city.database)
    assert (await kinds(city, "clerk")).count("commitment_overdue") == 1
    assert (await kinds(city, "supervisor")).count("commitment_overdue") == 1
    async with city.database.transaction() as session:
        (line,) = await commitments.list_commitments(city.core, session, city.supervisor)
        assert (line.overdue, line.unit, line.commitment.promised_by) == (True, "市城市管理局", "李工")
        with pytest.raises(InvalidInput):
            await commitments.decide(city.core, session, city.clerk, mine, kept=True, proof="")
    async with city.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await commitments.decide(city.core, session, city.clerk, mine, kept=False, proof="没有修，缺材料")
    async with city.database.transaction() as session:
        await commitments.decide(city.core, session, city.clerk, mine, kept=True, proof="周五下午已修好，附照片")
    async with city.database.transaction() as session:
        await commitments.decide(city.core, session, city.supervisor, mine, kept=False, proof="现场核查，路灯仍然不亮")
        row = (await session.scalars(select(Commitment))).one()
        assert row.state == "broken"
        names = [event.name for event in await history(session, "ticket", row.ticket_id)]
    assert [name for name in names if name.startswith("commitment.")] == ["commitment.made", "commitment.kept", "commitment.broken"]


async def test_a_commitment_needs_words_and_a_day_to_come(city: City) -> None:
    number = await dispatched(city)
    for days, what in ((-1, "周五前修好北门路灯"), (2, "修"), (4000, "周五前修好北门路灯")):
        with pytest.raises(InvalidInput):
            await city.act(number, city.clerk, commitments.promise, what=what, due_at=city.clock.now() + timedelta(days=days))
    async with city.database.transaction() as session:
        assert await commitments.list_commitments(city.core, session, city.quality) == []
