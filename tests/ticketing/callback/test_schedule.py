"""When to try next: allowed hours, the citizen's window, another day for the last attempt."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.clock import CITY_ZONE, to_city
from ticketing.calendar.working_time import WorkCalendar
from ticketing.callback import rules
from ticketing.callback.schedule import after_attempt, may_call, next_slot

RULES = rules.load()
CALENDAR = WorkCalendar(days={date(2026, 10, 10): True})  # a Saturday that works


def city(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE)


@pytest.mark.parametrize(
    ("now", "window", "slot"),
    [
        ("2026-11-18T10:00", "", "2026-11-18T10:00"),
        ("2026-11-18T07:59", "", "2026-11-18T08:00"),
        ("2026-11-18T20:29", "", "2026-11-18T20:29"),
        ("2026-11-18T20:30", "", "2026-11-19T08:00"),
        ("2026-11-18T10:00", "evening", "2026-11-18T18:00"),
        ("2026-11-18T10:00", "晚上", "2026-11-18T18:00"),
        ("2026-11-18T10:00", "weekend", "2026-11-21T08:30"),
        ("2026-11-21T10:00", "workday", "2026-11-23T08:30"),
        ("2026-10-10T10:00", "workday", "2026-10-10T10:00"),
        ("2026-10-10T10:00", "weekend", "2026-10-11T08:30"),
        ("2026-11-18T10:00", "no such window", "2026-11-18T10:00"),
    ],
)
def test_the_next_slot(now: str, window: str, slot: str) -> None:
    assert next_slot(RULES, CALENDAR, city(now), window) == city(slot)


def test_the_third_attempt_waits_for_another_day() -> None:
    now = city("2026-11-18T10:00")
    first = after_attempt(RULES, CALENDAR, now, "no_answer", attempts=1, first_day=date(2026, 11, 18))
    assert first == now + timedelta(hours=2)
    second = after_attempt(RULES, CALENDAR, first, "no_answer", attempts=2, first_day=date(2026, 11, 18))
    assert second == city("2026-11-19T08:00")
    other_day = after_attempt(RULES, CALENDAR, city("2026-11-19T09:00"), "busy", attempts=2, first_day=date(2026, 11, 18))
    assert other_day == city("2026-11-19T09:20")


@settings(max_examples=200, deadline=None)
@given(
    minutes=st.integers(0, 60 * 24 * 30),
    window=st.sampled_from(["", "workday", "evening", "weekend"]),
    outcome=st.sampled_from(["no_answer", "busy", "wrong_number", "failed"]),
    attempts=st.integers(1, 5),
)
def test_an_attempt_is_never_planned_outside_the_hours_or_in_the_past(minutes: int, window: str, outcome: str, attempts: int) -> None:
    now = city("2026-11-01T00:00") + timedelta(minutes=minutes)
    slot = after_attempt(RULES, CALENDAR, now, outcome, attempts=attempts, first_day=to_city(now).date(), preferred=window)
    assert slot > now
    assert may_call(RULES.hours, slot)
    chosen = RULES.window(window)
    if chosen:
        assert chosen.start <= to_city(slot).time() < chosen.end
        assert chosen.days == "all" or CALENDAR.is_work(to_city(slot).date()) == (chosen.days == "work")
