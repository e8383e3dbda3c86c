"""Group warning: the same place and category three times, sudden rises; and how places are recognised."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from tests.ticketing.conftest import City
from ticketing.supervision import bursts, nightly
from ticketing.supervision.inbox import inbox
from ticketing.supervision.places import distance_m, place_keys, spoken_number
from ticketing.supervision.suspicions import Burst, BurstTicket
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("云川市临江区滨河路188号", ("滨河路188号",)),
        ("滨河路一百八十八号门口", ("滨河路188号",)),
        ("滨 河 路 １８８ 号", ("滨河路188号",)),
        ("江畔花园北门工地", ("江畔花园",)),
        ("滨河路188号江畔花园北门", ("江畔花园", "滨河路188号")),
        ("在滨河路上", ("滨河路",)),
        ("临江区", ()),
        ("滨河街道", ()),
        ("我家住春晖小区3栋", ("春晖小区",)),
        ("我家楼下", ()),
        ("", ()),
    ],
)
def test_one_place_has_one_key_however_it_is_said(text: str, expected: tuple[str, ...]) -> None:
    assert place_keys(text) == expected


def test_numbers_as_they_are_spoken() -> None:
    assert [spoken_number(text) for text in ("一百八十八", "一八八", "十二", "二十", "三百零五", "两千")] == [188, 188, 12, 20, 305, 2000]


def test_distance_on_the_sphere() -> None:
    assert distance_m((104.0, 30.0), (104.0, 30.0)) == 0
    assert distance_m((104.0, 30.0), (104.0, 30.0027)) == pytest.approx(300, abs=2)
    assert distance_m((104.0, 30.0), (104.0031, 30.0)) == pytest.approx(298.5, abs=2)


async def all_bursts(city: City) -> list[tuple[str, str, int, str]]:
    async with city.database.transaction() as session:
        return [(row.kind, row.place, row.count, row.state) for row in await session.scalars(select(Burst).order_by(Burst.id))]


async def kinds(city: City, login: str) -> list[str]:
    async with city.database.transaction() as session:
        return [line.notice.kind for line in await inbox(city.core, session, city.people[login])]


async def test_the_third_appeal_from_one_place_within_the_window_is_a_burst(city: City) -> None:
    for address in ("滨河路188号", "滨河路一百八十八号"):
        await city.register(address=address)
        city.clock.advance(days=2)
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == []
    await city.register(address="临江区滨河路188号门口")
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == [("place", "滨河路188号", 3, "open")]
    for login in ("supervisor", "leader", "dispatcher"):
        assert await kinds(city, login) == ["burst"]
    assert await kinds(city, "clerk") == []
    async with city.database.transaction() as session:
        (line,) = await bursts.list_bursts(city.core, session, city.leader)
        assert (line.category, len(line.tickets)) == ("施工噪声", 3)
        week = (city.clock.now() - timedelta(days=7), city.clock.now())
        told = {"kind": "place", "category": "施工噪声", "place": "滨河路188号", "count": 3, "state": "open"}
        assert await bursts.of_period(session, *week) == [told]
        assert await bursts.of_period(session, *week, line="12345") == [told]
        assert await bursts.of_period(session, *week, line="12319") == []


async def test_other_places_other_categories_and_older_appeals_are_no_burst(city: City) -> None:
    async with city.database.transaction() as session:
        session.add(Category(code="0301", group_name="03 公用", name="供水", unit_id=city.units["water"], keywords="停水"))
    await city.register(address="滨河路188号")
    city.clock.advance(days=8)
    await city.register(address="滨河路188号")
    await city.register(address="滨河路188号", category_code="0301", content="滨河路188号停水一天了")
    await city.register(address="滨河路18号")
    await city.register(address="建设路188号")
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == []


async def test_three_points_within_300_metres_are_one_place(city: City) -> None:
    for longitude in (104.0, 104.002, 104.0028):
        await city.register(address="", title="夜间施工", content="工地夜间施工太吵了", longitude=longitude, latitude=30.0)
    await city.register(address="", title="夜间施工", content="工地夜间施工太吵了", longitude=104.2, latitude=30.0)
    await nightly.tick(city.core, city.database)
    assert [row[2:] for row in await all_bursts(city)] == [(3, "open")]


async def test_points_301_metres_apart_are_not_the_same_place(city: City) -> None:
    for longitude in (104.0, 104.00315, 104.0063):
        await city.register(address="", title="夜间施工", content="工地夜间施工太吵了", longitude=longitude, latitude=30.0)
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == []


async def test_a_burst_grows_and_people_are_told_again_when_it_has_doubled(city: City) -> None:
    for number in range(1, 8):
        await city.register(address="江畔花园")
        await nightly.tick(city.core, city.database)
        assert len(await all_bursts(city)) == (number >= 3)
    assert await all_bursts(city) == [("place", "江畔花园", 7, "open")]
    assert await kinds(city, "supervisor") == ["burst", "burst"]  # at three and at six


async def test_several_schedulers_find_a_burst_once(city: City) -> None:
    for _ in range(4):
        await city.register(address="江畔花园")
    await asyncio.gather(*(bursts.run(city.core, city.database) for _ in range(3)))
    assert await all_bursts(city) == [("place", "江畔花园", 4, "open")]


async def test_a_category_given_later_counts_from_then(city: City) -> None:
    for _ in range(3):
        await city.register(address="江畔花园", category_code=None)
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == []
    async with city.database.transaction() as session:
        await session.execute(update(Ticket).values(category_code="0501"))
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == [("place", "江畔花园", 3, "open")]


async def test_secret_tickets_make_no_burst(city: City) -> None:
    for _ in range(3):
        await city.register(address="江畔花园", confidentiality=Confidentiality.SECRET)
    await nightly.tick(city.core, city.database)
    assert await all_bursts(city) == []


async def test_a_burst_is_handled_with_a_note_and_what_was_decided_on_is_not_found_again(city: City) -> None:
    for _ in range(3):
        await city.register(address="江畔花园")
    await nightly.tick(city.core, city.database)

    async def decide(login: str, note: str, burst: int = 1) -> None:
        async with city.database.transaction() as session:
            await bursts.decide(city.core, session, city.people[login], burst, handled=True, note=note)

    with pytest.raises(NotAllowed):
        await decide("dispatcher", "已通知城管局")
    with pytest.raises(InvalidInput):
        await decide("supervisor", "好")
    with pytest.raises(NotFound):
        await decide("supervisor", "已通知城管局到场", 99)
    await decide("supervisor", "已通知城管局当晚到场处理")
    with pytest.raises(IllegalStep):
        await decide("leader", "已通知城管局当晚到场处理")
    for count in (1, 2):
        await city.register(address="江畔花园")
        await nightly.tick(city.core, city.database)
        assert len(await all_bursts(city)) == 1, count
    await city.register(address="江畔花园")  # three new ones: it goes on
    await nightly.tick(city.core, city.database)
    assert [row[3] for row in await all_bursts(city)] == ["handled", "open"]
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(BurstTicket)) == 6
        with pytest.raises(NotAllowed):
            await bursts.list_bursts(city.core, session, city.clerk)


async def test_a_sudden_rise_of_a_category_is_found_once(city: City) -> None:
    for _ in range(8):
        await city.register(address="")
    for _ in range(2):
        await nightly.hourly(city.core, city.database)
    assert await all_bursts(city) == [("rise", "", 8, "open")]
    assert await kinds(city, "leader") == ["burst"]


async def test_the_usual_number_is_no_rise(city: City) -> None:
    for _ in range(28):
        for _ in range(4):
            await city.register(address="")
        city.clock.advance(days=1)
    for _ in range(5):  # with the four of exactly 24 hours ago nine in a day; usual are four
        await city.register(address="")
    await nightly.hourly(city.core, city.database)
    assert await all_bursts(city) == []


async def test_the_monitoring_runs_once_in_a_night(city: City) -> None:
    from hotline.events import history

    city.clock.set(city.clock.now().replace(hour=17))  # one o'clock in the city
    for _ in range(3):
        await nightly.hourly(city.core, city.database)
        city.clock.advance(minutes=30)
    async with city.database.transaction() as session:
        assert len(await history(session, "monitor", "all")) == 1
    city.clock.advance(days=1)
    await nightly.hourly(city.core, city.database)
    async with city.database.transaction() as session:
        assert len(await history(session, "monitor", "all")) == 2
