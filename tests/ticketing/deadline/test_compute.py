"""When limits end: pauses, extensions, options, the literal reading, and the laws that hold for every calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hotline.clock import CITY_ZONE
from ticketing.calendar.service import official_days
from ticketing.calendar.working_time import ALL_DAY, CalendarError, Period, WorkCalendar
from ticketing.deadline.compute import Adjustment, Extension, Pause, adjustments_of, after, as_data, due_at, elapsed, later, moments
from ticketing.deadline.limits import Limit, Options, PolicyError, limit_of, options_of

OFFICIAL = WorkCalendar({day: is_work for day, (is_work, _name) in official_days(2025, 2026).items()})
ALWAYS = WorkCalendar(periods=ALL_DAY, every_day=True)
NIGHT = WorkCalendar(OFFICIAL.days, periods=(Period(0, 8 * 60), Period(20 * 60, 1440)))
"""A night shift that works up to 24:00 and from 0:00 on."""
MOMENTS = st.datetimes(datetime(2025, 6, 1), datetime(2026, 10, 31)).map(lambda moment: moment.replace(tzinfo=CITY_ZONE))
LIMITS = st.sampled_from(
    [Limit(3, "wd"), Limit(7, "wd"), Limit(0.5, "wd"), Limit(4, "wh"), Limit(11.5, "wh"), Limit(24, "h"), Limit(1 / 6, "h"), Limit(7, "d")]
)
CALENDARS = st.sampled_from([OFFICIAL, ALWAYS, NIGHT])
LENGTHS = st.integers(60, 20 * 86400)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE)


def city(moment: datetime) -> str:
    return moment.astimezone(CITY_ZONE).strftime("%Y-%m-%d %H:%M")


# --- the limits of one ticket, by hand -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "options", "due"),
    [
        (Limit(3, "wd"), Options(), "2026-11-24 00:00"),
        (Limit(3, "wd"), Options(end="office_close"), "2026-11-23 17:30"),
        (Limit(0.5, "wd"), Options(), "2026-11-18 15:00"),
        (Limit(4, "wh"), Options(), "2026-11-18 15:30"),
        (Limit(24, "h"), Options(), "2026-11-19 10:00"),
        (Limit(10 / 60, "h"), Options(), "2026-11-18 10:10"),
        (Limit(3, "d"), Options(), "2026-11-22 00:00"),
        (Limit(3, "d"), Options(end="office_close"), "2026-11-21 17:30"),
        (Limit(3, "d"), Options(roll="next_wd"), "2026-11-24 00:00"),
        (Limit(3, "d"), Options(roll="next_wd", end="office_close"), "2026-11-23 17:30"),
        (Limit(2, "d"), Options(roll="next_wd"), "2026-11-21 00:00"),
    ],
)
def test_ends_of_limits_from_a_wednesday_at_ten(limit: Limit, options: Options, due: str) -> None:
    assert city(due_at(OFFICIAL, at("2026-11-18 10:00"), limit, options)) == due


def test_lesson_02_pauses_consume_working_time() -> None:
    start = at("2026-11-18 10:00")
    over_weekend = Pause(at("2026-11-20 18:00"), at("2026-11-23 08:30"))  # Friday evening to Monday before the office opens
    assert due_at(OFFICIAL, start, Limit(3, "wd"), adjustments=[over_weekend]) == due_at(OFFICIAL, start, Limit(3, "wd"))
    assert due_at(OFFICIAL, start, Limit(4, "wh"), adjustments=[over_weekend]) == due_at(OFFICIAL, start, Limit(4, "wh"))
    two_days = Pause(at("2026-11-19 10:00"), at("2026-11-23 10:00"))  # Thursday 10:00 to Monday 10:00: two working days
    assert city(due_at(OFFICIAL, start, Limit(3, "wd"), adjustments=[two_days])) == "2026-11-26 00:00"
    an_hour = Pause(at("2026-11-19 10:00"), at("2026-11-19 11:00"))
    assert city(due_at(OFFICIAL, start, Limit(3, "wd"), adjustments=[an_hour])) == "2026-11-24 10:00"
    assert city(due_at(OFFICIAL, start, Limit(24, "h"), adjustments=[two_days])) == "2026-11-23 10:00"


def test_many_short_pauses_win_no_more_than_one_long_one() -> None:
    start, pauses = at("2026-11-18 10:00"), []
    for day in (18, 19, 20, 23):
        pauses.append(Pause(at(f"2026-11-{day} 14:00"), at(f"2026-11-{day} 14:15")))
    one = [Pause(at("2026-11-18 14:00"), at("2026-11-18 15:00"))]
    assert due_at(OFFICIAL, start, Limit(3, "wd"), adjustments=pauses) == due_at(OFFICIAL, start, Limit(3, "wd"), adjustments=one)


@pytest.mark.parametrize(
    ("limit", "due"),
    [
        (Limit(2, "wd"), "2026-11-26 00:00"),
        (Limit(1, "d"), "2026-11-25 00:00"),
        (Limit(24, "h"), "2026-11-25 00:00"),
        (Limit(3, "wh"), "2026-11-24 12:00"),
    ],
)
def test_an_extension_moves_the_due_time(limit: Limit, due: str) -> None:
    assert city(due_at(OFFICIAL, at("2026-11-18 10:00"), Limit(3, "wd"), adjustments=[Extension(limit)])) == due


def test_the_warning_comes_early_and_the_yellow_card_may_too() -> None:
    times = moments(OFFICIAL, at("2026-11-18 09:00"), Limit(10, "h"), Options(warn_at=(0.3, 0.6), yellow_at=0.9, red=Limit(2, "h")))
    told = [city(moment)[-5:] for moment in (times.white_at, times.amber_at, times.yellow_at, times.due_at, times.red_at)]
    assert told == ["12:00", "15:00", "18:00", "19:00", "21:00"]


def test_lesson_06_reminders_fall_into_office_hours() -> None:
    for start in ("2026-11-20 17:00", "2026-11-21 03:00", "2026-09-30 16:00", "2026-11-18 12:30"):
        for limit in (Limit(3, "wd"), Limit(4, "wh"), Limit(1, "wd"), Limit(0.5, "wd")):
            times = moments(OFFICIAL, at(start), limit)
            for moment in (times.white_at, times.amber_at):
                local = moment.astimezone(CITY_ZONE)
                assert OFFICIAL.is_work(local.date()), (start, limit, local)
                assert any(time(p.start // 60, p.start % 60) <= local.time() <= time(p.end // 60, p.end % 60) for p in OFFICIAL.periods)


def test_lesson_05_a_lunch_break_does_not_count_and_three_periods_a_day_work() -> None:
    calendar = WorkCalendar(OFFICIAL.days, periods=(Period(480, 600), Period(630, 720), Period(840, 1440)))
    assert city(due_at(calendar, at("2026-11-18 09:00"), Limit(3, "wh"))) == "2026-11-18 14:30"


def test_lesson_04_a_limit_that_never_ends_is_an_error_not_a_loop() -> None:
    never = WorkCalendar({date(2025, 1, 1) + timedelta(days=n): False for n in range(3000)})
    for limit in (Limit(1, "wd"), Limit(1, "wh"), Limit(0.5, "wd")):
        with pytest.raises(CalendarError, match="three years"):
            moments(never, at("2026-11-18 09:00"), limit)
    with pytest.raises(CalendarError, match="three years"):
        due_at(never, at("2026-11-18 09:00"), Limit(1, "d"), Options(roll="next_wd"))


def test_lesson_19_the_day_is_the_citys_day_not_that_of_utc() -> None:
    late_evening = datetime(2026, 11, 17, 23, 0, tzinfo=UTC)  # 07:00 on the 18th in the city
    assert city(due_at(OFFICIAL, late_evening, Limit(1, "wd"))) == "2026-11-20 00:00"
    assert city(due_at(OFFICIAL, late_evening, Limit(1, "d"))) == "2026-11-20 00:00"


@pytest.mark.parametrize(
    ("limit", "literal"), [(Limit(3, "wd"), Limit(3, "d")), (Limit(0.5, "wd"), Limit(12, "h")), (Limit(4, "wh"), Limit(4, "wh"))]
)
def test_the_literal_reading_counts_days_of_the_calendar(limit: Limit, literal: Limit) -> None:
    assert limit.literal() == literal


# --- laws ------------------------------------------------------------------------------------------------------------


def _pauses(start: datetime, gaps: list[int]) -> list[Adjustment]:
    """Pauses one after the other: gap, pause, gap, pause …"""
    moment, found = start, list[Adjustment]()
    for before, length in zip(gaps[::2], gaps[1::2], strict=False):
        found.append(Pause(moment + timedelta(seconds=before), moment + timedelta(seconds=before + length)))
        moment += timedelta(seconds=before + length)
    return found


GAPS = st.lists(st.integers(1, 3 * 86400), max_size=6)


@given(MOMENTS, LIMITS, GAPS, CALENDARS)
@settings(max_examples=200, deadline=None)
def test_lesson_02_a_pause_costs_exactly_the_time_it_lasts(start: datetime, limit: Limit, gaps: list[int], calendar: WorkCalendar) -> None:
    pauses = _pauses(start, gaps)
    plain, paused = due_at(calendar, start, limit), due_at(calendar, start, limit, adjustments=pauses)
    lost = sum(elapsed(calendar, limit, pause.start, pause.end) for pause in pauses if isinstance(pause, Pause))
    assert elapsed(calendar, limit, plain, paused) == pytest.approx(lost, abs=1e-3)


@given(MOMENTS, LIMITS, GAPS, CALENDARS)
@settings(max_examples=150, deadline=None)
def test_what_is_left_at_the_pause_is_left_when_it_goes_on(start: datetime, limit: Limit, gaps: list[int], calendar: WorkCalendar) -> None:
    pauses = _pauses(start, gaps)
    for number, pause in enumerate(pauses):
        assert isinstance(pause, Pause)
        before = due_at(calendar, start, limit, adjustments=pauses[:number])
        afterwards = due_at(calendar, start, limit, adjustments=pauses[: number + 1])
        left = elapsed(calendar, limit, pause.start, before)
        assert elapsed(calendar, limit, pause.end, afterwards) == pytest.approx(left, abs=1e-3)


@given(MOMENTS, LENGTHS, CALENDARS)
@settings(max_examples=200, deadline=None)
def test_lesson_06_add_then_subtract_is_the_identity(start: datetime, seconds: int, calendar: WorkCalendar) -> None:
    for limit in (Limit(1, "wh"), Limit(1, "h")):
        begin = later(calendar, limit, start, 1)  # a moment inside the time that counts
        end = later(calendar, limit, begin, seconds)
        assert elapsed(calendar, limit, begin, end) == pytest.approx(seconds, abs=1e-3)
        assert elapsed(calendar, limit, later(calendar, limit, end, -seconds), begin) == pytest.approx(0, abs=1e-3)


@given(MOMENTS, LENGTHS)
@settings(deadline=None)
def test_lesson_03_a_calendar_that_never_closes_equals_the_wall_clock(start: datetime, seconds: int) -> None:
    hours = Limit(seconds / 3600, "wh")
    wall = Limit(seconds / 3600, "h")
    pause = [Pause(start + timedelta(minutes=10), start + timedelta(hours=30))]
    for adjustments in ([], pause):
        working, plain = moments(ALWAYS, start, hours, adjustments=adjustments), moments(ALWAYS, start, wall, adjustments=adjustments)
        for one, other in ((working.white_at, plain.white_at), (working.amber_at, plain.amber_at), (working.due_at, plain.due_at)):
            assert abs(one - other) < timedelta(milliseconds=1)
    assert ALWAYS.working_seconds(start, start + timedelta(seconds=seconds)) == pytest.approx(seconds)


@given(MOMENTS, st.integers(0, 10**6), LIMITS, CALENDARS)
@settings(max_examples=200, deadline=None)
def test_a_later_start_never_ends_earlier(start: datetime, later_s: int, limit: Limit, calendar: WorkCalendar) -> None:
    assert due_at(calendar, start, limit) <= due_at(calendar, start + timedelta(seconds=later_s), limit)


@given(MOMENTS, st.integers(1, 60), st.integers(1, 60), st.sampled_from(["h", "wh", "wd", "d"]), CALENDARS)
@settings(max_examples=200, deadline=None)
def test_a_longer_limit_never_ends_earlier(start: datetime, one: int, other: int, unit: str, calendar: WorkCalendar) -> None:
    short, long = sorted((one, other))
    assert due_at(calendar, start, Limit(short, unit)) <= due_at(calendar, start, Limit(long, unit))
    assert due_at(calendar, start, Limit(0.9, "wd")) <= due_at(calendar, start, Limit(1, "wd"))


@given(MOMENTS, LIMITS, GAPS, LIMITS, CALENDARS)
@settings(max_examples=150, deadline=None)
def test_an_extension_always_gives_more_time(start: datetime, limit: Limit, gaps: list[int], more: Limit, calendar: WorkCalendar) -> None:
    adjustments = _pauses(start, gaps)
    before = due_at(calendar, start, limit, adjustments=adjustments)
    assert due_at(calendar, start, limit, adjustments=[*adjustments, Extension(more)]) > before
    assert after(calendar, before, more) > before


@given(MOMENTS, LIMITS, GAPS, CALENDARS)
@settings(max_examples=150, deadline=None)
def test_stages_come_in_order_whatever_happened(start: datetime, limit: Limit, gaps: list[int], calendar: WorkCalendar) -> None:
    times = moments(calendar, start, limit, adjustments=_pauses(start, gaps))
    in_order = [start, times.white_at, times.amber_at, times.yellow_at, times.due_at, times.red_at]
    assert all(one <= other for one, other in pairwise(in_order))
    assert start < times.due_at < times.red_at


@given(MOMENTS, LIMITS, CALENDARS)
@settings(max_examples=150, deadline=None)
def test_white_and_amber_are_shares_of_the_time_that_counts(start: datetime, limit: Limit, calendar: WorkCalendar) -> None:
    times = moments(calendar, start, limit)
    total = elapsed(calendar, limit, start, times.due_at)
    assume(total > 0)
    assert elapsed(calendar, limit, start, times.white_at) == pytest.approx(0.5 * total, abs=1e-3)
    assert elapsed(calendar, limit, start, times.amber_at) == pytest.approx(0.8 * total, abs=1e-3)


@given(MOMENTS, LIMITS, GAPS, CALENDARS)
@settings(max_examples=150, deadline=None)
def test_shares_do_not_count_the_pauses(start: datetime, limit: Limit, gaps: list[int], calendar: WorkCalendar) -> None:
    """At the warning, four fifths of the running time are used, however it was interrupted."""
    pauses = [pause for pause in _pauses(start, gaps) if isinstance(pause, Pause)]
    total = elapsed(calendar, limit, start, due_at(calendar, start, limit))
    times = moments(calendar, start, limit, adjustments=pauses)
    for share, moment in ((0.5, times.white_at), (0.8, times.amber_at)):
        paused = sum(elapsed(calendar, limit, pause.start, min(pause.end, moment)) for pause in pauses if pause.start < moment)
        assert elapsed(calendar, limit, start, moment) - paused == pytest.approx(share * total, abs=1e-3)


@pytest.mark.parametrize(("start", "due"), [("2026-11-18 17:29:59", "2026-11-20 00:00"), ("2026-11-18 17:30:00", "2026-11-21 00:00")])
def test_lesson_03_the_office_is_closed_from_its_closing_moment_on(start: str, due: str) -> None:
    assert city(due_at(OFFICIAL, at(start), Limit(1, "wd"))) == due


PERIODS = st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True).map(sorted).filter(lambda marks: len(marks) % 2 == 0)


@given(MOMENTS, PERIODS, st.sets(st.integers(0, 59), max_size=50), LIMITS)
@settings(max_examples=200, deadline=None)
def test_lesson_04_no_calendar_loops_for_ever(start: datetime, marks: list[int], rest: set[int], limit: Limit) -> None:
    days = {start.date() + timedelta(days=n): n not in rest for n in range(60)}
    calendar = WorkCalendar(days, periods=tuple(Period(one, other) for one, other in zip(marks[::2], marks[1::2], strict=True)))
    try:
        times = moments(calendar, start, limit)
    except CalendarError:
        return  # said so instead of looping
    assert start < times.due_at < times.red_at


@given(MOMENTS, st.sampled_from([Limit(3, "wd"), Limit(2, "d"), Limit(4, "wh")]))
@settings(max_examples=100, deadline=None)
def test_lesson_03_the_due_moment_itself_is_no_longer_in_time(start: datetime, limit: Limit) -> None:
    """Half-open: from the moment on there is no time left, a microsecond before there is."""
    due = due_at(OFFICIAL, start, limit)
    assert due == due.replace(microsecond=due.microsecond)
    if limit.unit in ("wd", "d"):
        assert due.astimezone(CITY_ZONE).time() == time(0)
        assert OFFICIAL.last_day(due) == (due - timedelta(microseconds=1)).astimezone(CITY_ZONE).date()


@given(
    st.lists(
        st.one_of(LIMITS.map(Extension), st.tuples(MOMENTS, LENGTHS).map(lambda t: Pause(t[0], t[0] + timedelta(seconds=t[1])))), max_size=4
    )
)
def test_adjustments_survive_being_stored(adjustments: list[Adjustment]) -> None:
    assert adjustments_of([as_data(adjustment) for adjustment in adjustments]) == tuple(adjustments)


# --- limits and options as data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "limit"),
    [("3wd", Limit(3, "wd")), ("15min", Limit(0.25, "h")), ("0.5wd", Limit(0.5, "wd")), ({"value": 7, "unit": "d"}, Limit(7, "d"))],
)
def test_limits_are_read(raw: object, limit: Limit) -> None:
    assert limit_of(raw, "x") == limit


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "3",
        "wd",
        "-3wd",
        "1.5wd",
        "0wd",
        "0.5d",
        "3 weeks",
        None,
        {"value": 3},
        {"value": True, "unit": "wd"},
        {"value": "nan", "unit": "h"},
        {"value": 1e9, "unit": "h"},
        {"value": 400, "unit": "d"},
        3,
    ],
)
def test_limits_that_make_no_sense_are_refused(raw: object) -> None:
    with pytest.raises(PolicyError, match=r"^handle: "):
        limit_of(raw, "handle")


@pytest.mark.parametrize(
    "raw",
    [
        {"end": "noon"},
        {"roll": "back"},
        {"warn_at": [0.8, 0.5]},
        {"warn_at": [0.5]},
        {"yellow_at": 1.2},
        {"yellow_at": 0.7},
        {"red_at": "1wd"},
        {"warn_at": "soon"},
    ],
)
def test_options_that_make_no_sense_are_refused(raw: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        options_of(raw)


def test_options_survive_being_stored() -> None:
    odd = Options(end="office_close", roll="next_wd", warn_at=(0.4, 0.7), yellow_at=0.95, red=Limit(4, "wh"))
    assert options_of(odd.as_data()) == odd
    assert Options().as_data() == {}
    assert options_of({}) == Options()
