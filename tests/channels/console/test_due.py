"""A clock in words: what is left, paused, extended, short and long limits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.console.due import describe, rule_of, stage_of
from hotline.clock import CITY_ZONE
from ticketing.calendar.working_time import WorkCalendar
from ticketing.deadline.limits import Limit, Options
from ticketing.deadline.models import ClockKind, Deadline
from ticketing.deadline.service import recompute

CALENDAR = WorkCalendar()
NOW = datetime(2026, 11, 18, 10, tzinfo=CITY_ZONE)


def clock(limit: Limit, **columns: object) -> Deadline:
    """A clock that started on Wednesday at ten."""
    made = Deadline(
        kind=ClockKind.HANDLE.value, state="running", stage="calm", limit_value=limit.value, limit_unit=limit.unit, options={},
        adjustments=[], extensions=0, started_at=NOW, **columns,
    )  # fmt: skip
    recompute(CALENDAR, made)
    return made


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(10 / 60, "h"), "10分钟，全天连续"),
        (Limit(24, "h"), "24小时，全天连续"),
        (Limit(0.5, "wd"), "0.5个工作日"),
        (Limit(3, "wd"), "3个工作日"),
        (Limit(1080.2471, "h"), "到指定的时间"),
        (Limit(7, "d"), "7天，含休息日"),
    ],
)
def test_the_rule_of_a_limit(limit: Limit, words: str) -> None:
    assert rule_of(clock(limit)) == words


@pytest.mark.parametrize(
    ("limit", "left", "words"),
    [
        (Limit(3, "wd"), 10 * 3600, "暂停中，剩 1.4个工作日"),
        (Limit(3, "wd"), 3600, "暂停中，剩 1小时上班时间"),
        (Limit(24, "h"), 7200, "暂停中，剩 2小时"),
        (Limit(3, "wd"), -60, "暂停中，已超时"),
    ],
)
def test_a_paused_clock_says_what_is_left_and_does_not_go_red(limit: Limit, left: float, words: str) -> None:
    paused = clock(limit)
    paused.state, paused.paused_at, paused.remaining_seconds = "paused", NOW + timedelta(hours=1), left
    months_later = describe(paused, NOW + timedelta(days=90), CALENDAR)
    assert (months_later.text, months_later.stage) == (words, "paused")


def test_an_extended_clock_tells_the_first_date() -> None:
    extended = clock(Limit(3, "wd"))
    extended.original_due_at, extended.extensions = extended.due_at, 1
    assert "延期1次，原定" in describe(extended, NOW, CALENDAR).title


def test_a_yellow_card_before_the_due_time_shows_as_yellow() -> None:
    early = clock(Limit(10, "h"))
    early.options = Options(yellow_at=0.9).as_data()
    recompute(CALENDAR, early)
    assert stage_of(early, NOW + timedelta(hours=8, minutes=59)) == "amber"
    assert stage_of(early, NOW + timedelta(hours=9)) == "yellow"


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(CITY_ZONE)),
    days=st.integers(1, 15),
    later=st.lists(st.integers(0, 40 * 24 * 60), min_size=2, max_size=6),
)
def test_never_more_is_left_than_was_given_and_it_only_grows_less(start: datetime, days: int, later: list[int]) -> None:
    made = Deadline(
        kind=ClockKind.HANDLE.value, state="running", stage="calm", limit_value=days, limit_unit="wd", options={}, adjustments=[],
        extensions=0, started_at=start,
    )  # fmt: skip
    recompute(CALENDAR, made)
    assert CALENDAR.working_days_left(start, made.due_at) == days
    left = [CALENDAR.working_days_left(start + timedelta(minutes=minutes), made.due_at) for minutes in sorted(later)]
    assert left == sorted(left, reverse=True)
    assert all(0 <= number <= days for number in left)


def test_on_a_sunday_the_days_that_are_left_agree_with_the_limit() -> None:
    saturday = datetime(2026, 11, 21, 10, tzinfo=CITY_ZONE)
    made = Deadline(
        kind=ClockKind.REVIEW.value, state="running", stage="calm", limit_value=1, limit_unit="wd", options={}, adjustments=[],
        extensions=0, started_at=saturday,
    )  # fmt: skip
    recompute(CALENDAR, made)
    told = describe(made, saturday + timedelta(days=1), CALENDAR)
    assert (told.text, told.rule) == ("审核剩 1个工作日", "1个工作日")
    older = clock(Limit(2, "wd"))  # since Friday, due on the same day
    older.started_at = saturday - timedelta(days=1)
    recompute(CALENDAR, older)
    assert older.due_at == made.due_at
    assert describe(older, saturday + timedelta(days=1), CALENDAR).text == "剩 1个工作日"


def test_a_suspension_ends_on_a_day_that_was_named() -> None:
    made = clock(Limit(1576.7, "h"))
    made.kind = ClockKind.SUSPENSION.value
    assert rule_of(made) == "到复查日期"


def test_a_statutory_procedure_ends_on_the_day_that_the_unit_named_or_by_the_statute() -> None:
    made = clock(Limit(1576.7, "h"))
    made.kind = ClockKind.STATUTE.value
    assert rule_of(made) == "到单位写明的日期"
    by_law = clock(Limit(65, "wd"))
    by_law.kind = ClockKind.STATUTE.value
    assert rule_of(by_law) == "65个工作日"
