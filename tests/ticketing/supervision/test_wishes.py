"""How each person wants to be told: by group, own quiet hours, what rings whatever was chosen, what the units hear besides clocks."""

from __future__ import annotations

from datetime import datetime, time

import pytest
from sqlalchemy import select

from hotline.clock import CITY_ZONE
from hotline.errors import InvalidInput, NotAllowed
from tests.ticketing.conftest import City
from ticketing.callback import review as reviews
from ticketing.people.actor import Actor, citizen_actor
from ticketing.people.models import Role
from ticketing.request import dispute, returns
from ticketing.supervision import inbox, notices, rules, sweep, wishes
from ticketing.supervision.models import StaffNotice, StaffPreference
from ticketing.supervision.notices import NewNotice, NoticeKind
from ticketing.supervision.urging import urge
from ticketing.ticket.dispatch import Order
from ticketing.ticket.states import DispatchMode, Urgency

WORKING = datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE)
"""A Friday."""
BASIS = "按市权责清单，该事项不属于本单位职责"


async def choose(
    city: City, who: Actor, *, quiet: tuple[time, time] | None = None, digest_at: time = time(8, 30), **hows: str
) -> wishes.Wish:
    async with city.database.transaction() as session:
        return await wishes.choose(city.core, session, who, wishes.Choice(hows, quiet, digest=True, digest_at=digest_at))


async def kept(city: City, who: Actor) -> list[tuple[str, str]]:
    """Kind and way of everything that was written for this person, oldest first."""
    async with city.database.transaction() as session:
        rows = select(StaffNotice).where(StaffNotice.user_id == who.user_id).order_by(StaffNotice.id)
        return [(row.kind, row.how) for row in await session.scalars(rows)]


async def bell(city: City, who: Actor) -> int:
    async with city.database.transaction() as session:
        return await inbox.count_unread(city.core, session, who)


async def urged(city: City) -> str:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    await city.act(number, city.supervisor, urge, "请抓紧")
    return number


async def test_what_a_person_chose_holds_for_them_and_for_nobody_else(city: City) -> None:
    city.clock.set(WORKING)
    await choose(city, city.clerk, urged="list")
    await urged(city)
    assert await kept(city, city.clerk) == [("urged", "list")]
    assert await bell(city, city.clerk) == 0
    assert await bell(city, city.chief) == 1
    async with city.database.transaction() as session:
        [line] = await inbox.inbox(city.core, session, city.clerk, unread=True, group="urged")
        assert line.notice.kind == "urged"
        assert await inbox.inbox(city.core, session, city.clerk, unread=True, group="overdue") == []


async def test_what_must_be_heard_rings_whatever_was_chosen(city: City) -> None:
    city.clock.set(datetime(2026, 11, 21, 2, tzinfo=CITY_ZONE))  # Saturday night
    await choose(city, city.clerk, quiet=(time(0), time(7)), overdue="list", due_soon="list")
    await city.dispatch((await city.register(urgency=Urgency.EMERGENCY)).ticket.number)
    city.clock.advance(minutes=10)
    await sweep.run(city.core, city.database)
    assert {how for _kind, how in await kept(city, city.clerk)} == {"now"}
    assert await bell(city, city.clerk) > 0
    async with city.database.transaction() as session:
        await notices.give(city.core, session, [NewNotice(city.clerk.account, NoticeKind.INSTRUCTED)])
    assert (await kept(city, city.clerk))[-1] == ("instructed", "now")


async def test_own_quiet_hours_move_the_bell_and_no_deadline(city: City) -> None:
    city.clock.set(datetime(2026, 11, 20, 12, 30, tzinfo=CITY_ZONE))
    await choose(city, city.clerk, quiet=(time(12), time(14)))
    await urged(city)
    assert (await bell(city, city.clerk), await bell(city, city.chief)) == (0, 1)
    city.clock.set(datetime(2026, 11, 20, 14, tzinfo=CITY_ZONE))
    assert await bell(city, city.clerk) == 1


async def test_own_quiet_hours_that_end_in_the_citys_night_last_until_the_next_working_morning(city: City) -> None:
    city.clock.set(datetime(2026, 11, 20, 18, 30, tzinfo=CITY_ZONE))
    await choose(city, city.clerk, quiet=(time(18), time(22)))
    await urged(city)
    assert (await bell(city, city.clerk), await bell(city, city.chief)) == (0, 1)
    for day, hour, rings in ((20, 20, 0), (21, 12, 0), (23, 7, 0), (23, 8, 1)):
        city.clock.set(datetime(2026, 11, day, hour, tzinfo=CITY_ZONE))
        assert await bell(city, city.clerk) == rings, (day, hour)


async def test_quiet_hours_that_leave_nothing_open_end_with_the_citys(city: City) -> None:
    city.clock.set(WORKING)
    await choose(city, city.clerk, quiet=(time(8), time(21)), digest_at=time(7, 30))
    await urged(city)
    assert await bell(city, city.clerk) == 1


async def test_new_work_is_told_to_who_wants_it_at_once_and_costs_no_row_else(city: City) -> None:
    city.clock.set(WORKING)
    await city.dispatch((await city.register()).ticket.number)
    assert (await kept(city, city.clerk), await kept(city, city.chief)) == ([], [])
    await choose(city, city.clerk, new_work="now")
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    assert (await kept(city, city.clerk), await kept(city, city.chief)) == ([("new_work", "now")], [])
    assert await kept(city, city.water_clerk) == []


async def test_who_has_to_do_it_again_hears_of_it(city: City) -> None:
    city.clock.set(WORKING)
    number = (await city.register()).ticket.number
    await city.handle(await city.dispatch(number))
    await city.act(number, city.supervisor, reviews.review, accept=False, note="没有写明处理的依据")
    assert ("returned", "now") in await kept(city, city.clerk)
    assert ("returned", "now") in await kept(city, city.chief)
    assert await kept(city, city.water_clerk) == []


async def test_who_asked_hears_what_became_of_it_and_the_decider_does_not(city: City) -> None:
    city.clock.set(WORKING)
    number = (await city.register()).ticket.number
    request = await city.by_unit(city.clerk, returns.ask, await city.dispatch(number), BASIS)
    await city.act(number, city.dispatcher, returns.decide, request.id, approve=False, note="职责清单写明由你单位牵头")
    async with city.database.transaction() as session:
        row = (await session.scalars(select(StaffNotice).where(StaffNotice.kind == "decided"))).one()
    assert (row.user_id, row.data) == (city.clerk.user_id, {"request": "return", "approved": False})


async def test_a_dispute_is_told_to_who_rules_and_the_ruling_to_the_units(city: City) -> None:
    city.clock.set(WORKING)
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    both = dispute.Overlap(unit_ids=(city.units["city"], city.units["water"]))
    await city.act(number, city.dispatcher, dispute.open_dispute, "两家的职责有交叉，要裁定", both)
    assert await kept(city, city.supervisor) == [("disputed", "now")]
    assert (await kept(city, city.leader), await kept(city, city.water_clerk)) == ([], [])
    order = Order(unit_id=city.units["water"], mode=DispatchMode.PHONE)
    await city.act(number, city.supervisor, dispute.rule, order, grounds="按职责清单，由供水集团负责")
    assert ("disputed", "now") in await kept(city, city.water_clerk)
    assert await kept(city, city.supervisor) == [("disputed", "now")], "who ruled knows it"


async def test_nothing_else_than_what_is_offered_is_kept(city: City) -> None:
    for hows in ({"quality": "now"}, {"weather": "now"}, {"urged": "pigeon"}):
        with pytest.raises(InvalidInput) as refused:
            await choose(city, city.clerk, **hows)
        assert refused.value.field == "hows"
    with pytest.raises(InvalidInput) as refused:
        await choose(city, city.clerk, quiet=(time(8), time(9)))
    assert refused.value.field == "digest_at"
    with pytest.raises(NotAllowed):
        await choose(city, citizen_actor(1))
    async with city.database.transaction() as session:
        assert await session.get(StaffPreference, city.clerk.account) is None


async def test_what_is_as_the_role_has_it_follows_the_role(city: City) -> None:
    usual = {group: how.value for group, how in (await choose(city, city.clerk)).groups.items()}
    await choose(city, city.clerk, **(usual | {"knowledge": "list"}))
    async with city.database.transaction() as session:
        row = await session.get_one(StaffPreference, city.clerk.account)
    assert (row.hows, row.digest, row.digest_at) == ({"knowledge": "list"}, None, None)


def test_every_kind_of_notice_is_in_a_group_or_always_rings() -> None:
    known = {kind.value for kind in NoticeKind} - {"digest"}
    assert set(wishes.load().group_of) | rules.load().notices.at_once == known
    assert set(wishes.load().roles) == set(Role)
