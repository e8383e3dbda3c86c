"""Arithmetic on working time. Pure: a `WorkCalendar` is a value, made from the table by `ticketing.calendar.service`.

Intervals are half-open [start, end), a day's last moment is 24:00 (lesson 3). Every loop is bounded (lesson 4), several
periods a day are normal (lesson 5), and subtracting what was added gives the start back (lesson 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hotline.clock import CITY_ZONE

MAX_DAYS = 3 * 366
"""No deadline lies further away; a calendar without working days ends here instead of looping for ever."""

_DAY = timedelta(days=1)


class CalendarError(ValueError):
    """The calendar is wrong, or has no working time within three years."""


@dataclass(frozen=True)
class Period:
    """Office hours [start, end) in minutes of the day; 24:00 is 1440."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= 1440:
            raise CalendarError(f"an office period must run forward within one day, not {self.start}-{self.end}")


OFFICE_HOURS = (Period(9 * 60, 12 * 60), Period(13 * 60 + 30, 17 * 60 + 30))
ALL_DAY = (Period(0, 1440),)


@dataclass(frozen=True)
class WorkCalendar:
    """Working days and office hours of one city.

    Attributes:
        days: official days; True is a working day. Others fall back to Monday-Friday and the fixed-date holidays.
        periods: office hours of every working day, in order, not overlapping.
    """

    days: Mapping[date, bool] = field(default_factory=dict)
    periods: tuple[Period, ...] = OFFICE_HOURS
    zone: ZoneInfo = CITY_ZONE
    every_day: bool = False
    """7x24 lines: every day is a working day."""
    version: int = 0
    """Of the table it was read from; a clock remembers it, so that a changed calendar finds the clocks to recompute."""

    def __post_init__(self) -> None:
        if not self.periods:
            raise CalendarError("a calendar needs at least one office period")
        for first, second in zip(self.periods, self.periods[1:], strict=False):
            if second.start < first.end:
                raise CalendarError("office periods must be in order and must not overlap")

    def is_work(self, day: date) -> bool:
        """Whether the day is a working day."""
        if self.every_day:
            return True
        known = self.days.get(day)
        if known is not None:
            return known
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED_HOLIDAYS

    def knows(self, day: date) -> bool:
        """Whether the official calendar has the day; if not, what is computed with it is provisional."""
        return self.every_day or day in self.days

    def next_work_day(self, day: date) -> date:
        """`day` itself or the first working day after it."""
        for _ in range(MAX_DAYS):
            if self.is_work(day):
                return day
            day += _DAY
        raise CalendarError("the calendar has no working day within three years")

    def day_zero(self, start: datetime) -> date:
        """The day from which working days are counted (domain.md 4c, decisions 2 and 3).

        The day of `start`, or the next working day when it is a rest day or the office has closed.
        """
        local = start.astimezone(self.zone)
        day = local.date()
        if self.is_work(day) and local < self._at(day, self.periods[-1].end):
            return day
        return self.next_work_day(day + _DAY)

    def add_working_days(self, start: datetime, count: int) -> datetime:
        """The end (24:00) of the `count`-th working day after day zero, in UTC."""
        if count < 0:
            raise CalendarError("the number of working days must not be negative")
        day = self.day_zero(start)
        for _ in range(count):
            day = self.next_work_day(day + _DAY)
        return self._at(day, 1440).astimezone(UTC)

    def working_days_left(self, now: datetime, due_at: datetime) -> int:
        """Whole working days that are left at `now` after the day that counts as today, up to the due day; 0 on the due day itself.

        Today counts as for a limit that started now: on a rest day or after the office has closed it is the next working
        day. So one due date has one number, whenever the clock started, and «1个工作日» given on a Sunday has one left.
        """
        days, day, last = 0, self.day_zero(now), self.last_day(due_at.astimezone(self.zone))
        while day < last and days < MAX_DAYS:
            day += _DAY
            days += self.is_work(day)
        return days

    def end_of(self, day: date, *, at_office_close: bool = False) -> datetime:
        """24:00 of the day, or the moment the office closes, in UTC."""
        return self._at(day, self.periods[-1].end if at_office_close else 1440).astimezone(UTC)

    def last_day(self, moment: datetime) -> date:
        """The day that a moment belongs to as an end: 24:00 belongs to the day that it ends."""
        local = moment.astimezone(self.zone)
        return local.date() - (_DAY if local.time() == time(0) else timedelta(0))

    def shift_working_days(self, moment: datetime, count: int) -> datetime:
        """The same time of day `count` working days later; 24:00 belongs to the day that it ends."""
        local = moment.astimezone(self.zone)
        midnight = local.time() == time(0)
        day = local.date() - (_DAY if midnight else timedelta(0))
        for _ in range(count):
            day = self.next_work_day(day + _DAY)
        minute = 1440 if midnight else 0
        rest = (
            timedelta(0)
            if midnight
            else timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        )
        return (self._at(day, minute) + rest).astimezone(UTC)

    def add_working_seconds(self, start: datetime, seconds: float) -> datetime:
        """The moment at which `seconds` of office time have passed since `start`, in UTC.

        Negative seconds go back in time. Raises CalendarError when there is not enough working time in three years.
        """
        left = timedelta(seconds=abs(seconds))
        forward = seconds >= 0
        for begin, end in self._stretches(start, forward=forward):
            if end - begin >= left:
                return begin + left if forward else end - left
            left -= end - begin
        raise CalendarError("the calendar has not enough working time within three years")

    def working_seconds(self, start: datetime, end: datetime) -> float:
        """Office time between two moments; negative when `end` is before `start`."""
        if end < start:
            return -self.working_seconds(end, start)
        total = timedelta(0)
        for begin, stop in self._stretches(start, forward=True):
            if begin >= end:
                break
            total += min(stop, end) - begin
        return total.total_seconds()

    @property
    def seconds_a_day(self) -> int:
        """Office time of one working day."""
        return 60 * sum(period.end - period.start for period in self.periods)

    def _stretches(self, start: datetime, *, forward: bool) -> Iterator[tuple[datetime, datetime]]:
        """Office time from `start` on (or back from it), piece by piece, at most three years."""
        start = start.astimezone(UTC)
        day = start.astimezone(self.zone).date()
        for _ in range(MAX_DAYS):
            if self.is_work(day):
                for period in self.periods if forward else reversed(self.periods):
                    begin = self._at(day, period.start).astimezone(UTC)
                    end = self._at(day, period.end).astimezone(UTC)
                    if forward and end > start:
                        yield max(begin, start), end
                    elif not forward and begin < start:
                        yield begin, min(end, start)
            day = day + _DAY if forward else day - _DAY

    def _at(self, day: date, minute: int) -> datetime:
        if minute == 1440:
            day, minute = day + _DAY, 0
        return datetime.combine(day, time(minute // 60, minute % 60), self.zone)


_FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)})
"""Statutory holidays with a fixed date (国务院《全国年节及纪念日放假办法》); the moving ones need the official list."""
