"""Quiet hours for people, apart from the arithmetic of deadlines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hotline.clock import CITY_ZONE
from tests.ticketing.conftest import City
from ticketing.calendar.working_time import WorkCalendar
from ticketing.supervision import sweep
from ticketing.supervision.inbox import count_unread
from ticketing.supervision.models import Card, StaffNotice
from ticketing.supervision.quiet import Quiet
from ticketing.ticket.states import Urgency

CALENDAR = WorkCalendar({date(2026, 11, 25): False})
NIGHT = Quiet.parse("21:00-08:00")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=CITY_ZONE)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(18, 10), at(18, 10)),
        (at(18, 20, 59), at(18, 20, 59)),
        (at(18, 21), at(19, 8)),  # half-open: the first minute of the quiet time is quiet
        (at(18, 7, 59), at(18, 8)),
        (at(18, 8), at(18, 8)),
        (at(20, 23), at(23, 8)),  # Friday night: Monday morning
        (at(21, 12), at(23, 8)),  # Saturday noon
        (at(24, 22), at(26, 8)),  # the day after is a holiday of the calendar
    ],
)
def test_lesson_07_a_message_waits_for_the_morning_of_a_working_day(now: datetime, expected: datetime) -> None:
    assert NIGHT.hand_over_at(now, CALENDAR) == expected


def test_without_quiet_hours_nothing_waits_and_hours_in_the_day_are_possible() -> None:
    assert Quiet.parse("").hand_over_at(at(21, 3), CALENDAR) == at(21, 3)
    lunch = Quiet.parse("12:00-13:30")
    assert lunch.hand_over_at(at(18, 12, 10), CALENDAR) == at(18, 13, 30)
    assert lunch.hand_over_at(at(18, 23), CALENDAR) == at(18, 23)
    with pytest.raises(ValueError, match="21:00-08:00"):
        Quiet.parse("21-8")


@given(st.integers(0, 60 * 24 * 60), st.integers(0, 1439), st.integers(0, 1439), st.booleans())
def test_a_message_is_never_early_never_in_the_quiet_time_and_waiting_twice_changes_nothing(
    minutes: int, start: int, end: int, rest: bool
) -> None:
    now = at(1, 0) + timedelta(minutes=minutes)
    quiet = Quiet(start, end, rest)
    moment = quiet.hand_over_at(now, CALENDAR)
    assert moment >= now
    assert quiet.hand_over_at(moment, CALENDAR) == moment


async def test_lesson_07_the_card_is_given_at_its_moment_and_the_person_is_told_in_the_morning(city: City) -> None:
    city.clock.set(datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE))  # Friday
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    city.clock.set(datetime(2026, 11, 26, 0, 0, tzinfo=CITY_ZONE))  # the handle clock ends at midnight
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        card = (await session.scalars(select(Card).where(Card.reason == "handle"))).one()
        notices = list(
            await session.scalars(select(StaffNotice).where(StaffNotice.kind == "yellow", StaffNotice.user_id == city.chief.user_id))
        )
        assert card.at == city.clock.now()
        assert {notice.not_before for notice in notices} == {datetime(2026, 11, 26, 8, tzinfo=CITY_ZONE)}
        assert await count_unread(city.core, session, city.chief) == 0
    city.clock.set(datetime(2026, 11, 26, 8, tzinfo=CITY_ZONE))
    async with city.database.transaction() as session:
        assert await count_unread(city.core, session, city.chief) > 0


async def test_lesson_07_an_emergency_is_told_at_any_hour(city: City) -> None:
    city.clock.set(datetime(2026, 11, 21, 2, 0, tzinfo=CITY_ZONE))  # Saturday night
    number = (await city.register(urgency=Urgency.EMERGENCY)).ticket.number
    await city.dispatch(number)
    city.clock.advance(minutes=10)  # not signed for within ten minutes
    await sweep.run(city.core, city.database)
    async with city.database.transaction() as session:
        notices = list(await session.scalars(select(StaffNotice).where(StaffNotice.user_id == city.clerk.user_id)))
    assert notices
    assert {notice.not_before for notice in notices} == {city.clock.now()}


async def test_the_setting_switches_quiet_hours_off(city: City) -> None:
    city.clock.set(datetime(2026, 11, 21, 2, 0, tzinfo=CITY_ZONE))
    await city.dispatch((await city.register()).ticket.number)
    city.clock.advance(days=30)
    await sweep.run(replace(city.core, staff_quiet_hours=""), city.database)
    async with city.database.transaction() as session:
        notices = list(await session.scalars(select(StaffNotice)))
    assert notices
    assert all(notice.not_before == notice.created_at for notice in notices)
