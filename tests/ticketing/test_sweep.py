"""Reminder, warning, yellow and red card at their moments; several sweeps at once; catching up after an outage."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import select, update

from hotline.clock import CITY_ZONE
from tests.ticketing.conftest import City
from ticketing.deadline.models import Deadline
from ticketing.supervision import sweep
from ticketing.supervision.models import Card
from ticketing.ticket.dispatch import answer
from ticketing.ticket.models import Ticket

FRIDAY = datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE)


async def handle_clock(city: City) -> Deadline:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Deadline).where(Deadline.kind == "handle"))).one()


async def cards(city: City, kind: str = "handle") -> list[tuple[str, int | None]]:
    async with city.database.transaction() as session:
        rows = await session.scalars(select(Card).where(Card.reason == kind).order_by(Card.id))
        return [(card.colour, card.unit_id) for card in rows]


async def test_each_stage_comes_at_its_moment_and_not_before(city: City) -> None:
    city.clock.set(FRIDAY)
    await city.dispatch((await city.register()).ticket.number)
    clock = await handle_clock(city)
    assert clock.due_at.astimezone(CITY_ZONE) == datetime(2026, 11, 26, tzinfo=CITY_ZONE)
    assert clock.red_at.astimezone(CITY_ZONE) == datetime(2026, 11, 27, tzinfo=CITY_ZONE)  # one working day later
    for moment, stage in ((clock.white_at, "white"), (clock.amber_at, "amber"), (clock.due_at, "yellow"), (clock.red_at, "red")):
        city.clock.set(moment - timedelta(seconds=1))
        await sweep.run(city.core, city.database)
        assert (await handle_clock(city)).stage != stage
        city.clock.set(moment)
        await sweep.run(city.core, city.database)
        assert (await handle_clock(city)).stage == stage
    assert await cards(city) == [("yellow", city.units["city"]), ("red", city.units["city"])]
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket.state))).one() == "in_progress"  # overdue never closes


async def test_after_an_outage_the_first_sweep_catches_up(city: City) -> None:
    await city.dispatch((await city.register()).ticket.number)
    city.clock.advance(days=30)
    await sweep.run(city.core, city.database)
    assert (await handle_clock(city)).stage == "red"
    assert [colour for colour, _unit in await cards(city)] == ["yellow", "red"]
    assert await sweep.run(city.core, city.database) == 0


async def test_sweeps_at_the_same_time_give_each_card_once(city: City) -> None:
    for _ in range(8):
        await city.dispatch((await city.register()).ticket.number)
    city.clock.advance(days=30)
    await asyncio.gather(*(sweep.run(city.core, city.database) for _ in range(4)))
    assert len(await cards(city)) == 16


async def test_one_bad_row_does_not_starve_the_others(city: City) -> None:
    for _ in range(3):
        await city.dispatch((await city.register()).ticket.number)
    async with city.database.transaction() as session:
        first = (await session.scalars(select(Deadline.id).where(Deadline.state == "running").order_by(Deadline.id))).first()
        await session.execute(update(Deadline).where(Deadline.id == first).values(stage="red", next_stage_at=city.clock.now()))  # nonsense
    city.clock.advance(days=30)
    await sweep.run(city.core, city.database)
    assert [colour for colour, _unit in await cards(city)].count("red") >= 2


async def test_unsigned_past_its_limit_is_a_yellow_card(city: City) -> None:
    await city.dispatch((await city.register()).ticket.number)
    city.clock.set(datetime(2026, 11, 18, 17, 30, tzinfo=CITY_ZONE))
    await sweep.run(city.core, city.database)
    assert await cards(city, "sign") == [("yellow", city.units["city"])]


async def test_an_answer_that_nobody_rates_closes_after_three_days_with_its_reason(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, answer, "居住证满十五日前可以到居住地派出所办理签注，免费。")
    async with city.database.transaction() as session:
        due_at = (await session.scalars(select(Deadline.due_at).where(Deadline.kind == "evaluation"))).one()
    city.clock.advance(seconds=(due_at - city.clock.now()).total_seconds() - 1)
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket.state))).one() == "answered"
    city.clock.advance(seconds=1)
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket.no_callback_reason))).one() == "evaluation_window_over"
