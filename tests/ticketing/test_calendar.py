"""Working-time arithmetic: the vectors of domain.md 4c and the laws that hold for every calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.clock import CITY_ZONE
from ticketing.calendar.service import official_days
from ticketing.calendar.working_time import ALL_DAY, CalendarError, Period, WorkCalendar
from ticketing.deadline.compute import due_at, moments
from ticketing.deadline.policy import Limit

OFFICIAL = WorkCalendar({day: is_work for day, (is_work, _name) in official_days(2025, 2027).items()})
ALWAYS = WorkCalendar(periods=ALL_DAY, every_day=True)
MOMENTS = st.datetimes(datetime(2025, 6, 1), datetime(2026, 11, 30)).map(lambda moment: moment.replace(tzinfo=CITY_ZONE))
SPANS = st.integers(0, 40 * 8 * 3600)


@pytest.mark.parametrize(
    ("start", "days", "last"),
    [
        ("2026-09-22 10:00", 3, "2026-09-28"),
        ("2026-09-24 10:00", 3, "2026-09-30"),
        ("2026-09-24 10:00", 7, "2026-10-12"),
        ("2026-09-29 10:00", 3, "2026-10-09"),
        ("2026-09-30 10:00", 7, "2026-10-15"),
        ("2026-02-13 10:00", 3, "2026-02-25"),
        ("2026-02-14 10:00", 5, "2026-02-28"),
        ("2026-04-30 10:00", 3, "2026-05-08"),
        ("2026-11-20 10:00", 3, "2026-11-25"),
        ("2026-11-20 10:00", 7, "2026-12-01"),
        ("2026-11-21 10:00", 3, "2026-11-26"),
        ("2026-11-20 18:30", 3, "2026-11-26"),
        ("2026-12-18 10:00", 7, "2026-12-29"),
    ],
)
def test_vectors_of_the_specification(start: str, days: int, last: str) -> None:
    due = OFFICIAL.add_working_days(datetime.fromisoformat(start).replace(tzinfo=CITY_ZONE), days)
    assert due.astimezone(CITY_ZONE) == datetime.fromisoformat(last).replace(tzinfo=CITY_ZONE) + timedelta(days=1)


def test_seven_days_into_a_year_that_is_not_known_yet_are_provisional() -> None:
    start = datetime(2026, 12, 25, 10, tzinfo=CITY_ZONE)
    computed = moments(OFFICIAL, start, Limit(7, "wd"))
    assert computed.provisional
    assert computed.due_at.astimezone(CITY_ZONE).date() == date(2027, 1, 7)  # end of 6 January: New Year's Day is fixed
    assert not moments(OFFICIAL, datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE), Limit(7, "wd")).provisional


def test_literal_calendar_days() -> None:
    start = datetime(2026, 11, 20, 10, tzinfo=CITY_ZONE)
    assert due_at(OFFICIAL, start, Limit(3, "d")).astimezone(CITY_ZONE) == datetime(2026, 11, 24, tzinfo=CITY_ZONE)


@given(MOMENTS, SPANS)
def test_adding_then_subtracting_is_the_identity__lesson_6(start: datetime, seconds: int) -> None:
    at_work = OFFICIAL.add_working_seconds(start, 1)  # a moment inside office hours
    there = OFFICIAL.add_working_seconds(at_work, seconds)
    assert abs(OFFICIAL.working_seconds(at_work, there) - seconds) < 1e-3
    assert OFFICIAL.working_seconds(OFFICIAL.add_working_seconds(there, -seconds), at_work) == pytest.approx(0, abs=1e-3)


@given(MOMENTS, SPANS)
def test_a_calendar_that_never_closes_is_wall_clock__lesson_3(start: datetime, seconds: int) -> None:
    assert ALWAYS.add_working_seconds(start, seconds) == start + timedelta(seconds=seconds)


@given(MOMENTS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 10**6))
def test_later_start_or_longer_limit_never_ends_earlier(start: datetime, few: int, more: int, later: int) -> None:
    few, more = sorted((few, more))
    assert OFFICIAL.add_working_days(start, few) <= OFFICIAL.add_working_days(start, more)
    assert OFFICIAL.add_working_days(start, few) <= OFFICIAL.add_working_days(start + timedelta(seconds=later), few)


@given(MOMENTS, st.sampled_from([Limit(3, "wd"), Limit(7, "wd"), Limit(4, "wh"), Limit(24, "h"), Limit(7, "d")]))
def test_stages_come_in_order(start: datetime, limit: Limit) -> None:
    computed = moments(OFFICIAL, start, limit)
    assert start < computed.white_at < computed.amber_at < computed.due_at < computed.red_at


def test_a_calendar_without_working_days_ends_with_an_error__lesson_4() -> None:
    never = WorkCalendar({date(2026, 1, 1) + timedelta(days=n): False for n in range(1500)})
    with pytest.raises(CalendarError, match="three years"):
        never.add_working_days(datetime(2026, 1, 5, tzinfo=CITY_ZONE), 1)
    with pytest.raises(CalendarError, match="three years"):
        never.add_working_seconds(datetime(2026, 1, 5, tzinfo=CITY_ZONE), 1)


@pytest.mark.parametrize("periods", [(), (Period(540, 720), Period(700, 900))])
def test_impossible_office_hours_are_refused__lessons_4_and_5(periods: tuple[Period, ...]) -> None:
    with pytest.raises(CalendarError):
        WorkCalendar(periods=periods)
    with pytest.raises(CalendarError):
        Period(540, 0)


def test_lunch_does_not_count__lesson_5() -> None:
    start = datetime(2026, 11, 18, 11, 30, tzinfo=CITY_ZONE)
    assert OFFICIAL.add_working_seconds(start, 3600).astimezone(CITY_ZONE) == datetime(2026, 11, 18, 14, 0, tzinfo=CITY_ZONE)
