"""Periods of reports: half-open stretches of city days, cut by the zone's name and never by an offset (lesson 19)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from hotline.clock import CITY_ZONE
from hotline.errors import InvalidInput
from hotline.i18n import _

MAX_DAYS = 5 * 366
"""A free period is not longer: nobody reads it, and everybody waits for it."""
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 12, 31)
"""Beyond these no moment of the period could be written down."""
_DAY = timedelta(days=1)


class PeriodKind(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    """Monday to Sunday"""
    MONTH = "month"
    YEAR = "year"
    FREE = "free"


@dataclass(frozen=True)
class Period:
    """City days from `first` to `last`, both in it."""

    kind: PeriodKind
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first < EARLIEST or self.last > LATEST:
            raise InvalidInput(_("统计时段应在{a}年到{b}年之间"), field="period", a=EARLIEST.year, b=LATEST.year)
        if self.last < self.first:
            raise InvalidInput(_("结束日期不能早于开始日期"), field="last")
        if (self.last - self.first).days > MAX_DAYS:
            raise InvalidInput(_("一次最多统计五年"), field="last")

    @property
    def start(self) -> datetime:
        """The first moment of the period."""
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first moment after the period."""
        return _midnight(self.last + _DAY)

    @property
    def days(self) -> int:
        """How many city days."""
        return (self.last - self.first).days + 1

    @property
    def key(self) -> str:
        """`2026-11` for a month, `2026-W47` for a week, `2026-11-02` for a day, `2026` for a year, `a..b` for others."""
        match self.kind:
            case PeriodKind.DAY:
                return self.first.isoformat()
            case PeriodKind.WEEK:
                year, week, _weekday = self.first.isocalendar()
                return f"{year}-W{week:02d}"
            case PeriodKind.MONTH:
                return f"{self.first:%Y-%m}"
            case PeriodKind.YEAR:
                return f"{self.first:%Y}"
            case _:
                return f"{self.first.isoformat()}..{self.last.isoformat()}"

    @property
    def label(self) -> str:
        """In words, for headings."""
        first, last = self.first, self.last
        match self.kind:
            case PeriodKind.DAY:
                return _("{y}年{m}月{d}日").format(y=first.year, m=first.month, d=first.day)
            case PeriodKind.WEEK:
                year, week, _weekday = first.isocalendar()
                return _("{y}年第{n}周（{a}至{b}）").format(y=year, n=week, a=f"{first:%m-%d}", b=f"{last:%m-%d}")
            case PeriodKind.MONTH:
                return _("{y}年{m}月").format(y=first.year, m=first.month)
            case PeriodKind.YEAR:
                return _("{y}年").format(y=first.year)
            case _:
                return _("{a}至{b}").format(a=first.isoformat(), b=last.isoformat())

    def previous(self) -> Period:
        """The one before, of the same kind; for a free period as many days before."""
        if self.kind is PeriodKind.FREE:
            return Period(self.kind, self.first - timedelta(days=self.days), self.first - _DAY)
        return containing(self.kind, self.first - _DAY)

    def next(self) -> Period:
        """The one after, of the same kind."""
        if self.kind is PeriodKind.FREE:
            return Period(self.kind, self.last + _DAY, self.last + timedelta(days=self.days))
        return containing(self.kind, self.last + _DAY)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), CITY_ZONE)


def containing(kind: PeriodKind, day: date) -> Period:
    """The day, week, month or year that `day` lies in; a free period is the thirty days that end with it."""
    match kind:
        case PeriodKind.DAY:
            return Period(kind, day, day)
        case PeriodKind.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Period(kind, monday, monday + timedelta(days=6))
        case PeriodKind.MONTH:
            first = day.replace(day=1)
            return Period(kind, first, (first + timedelta(days=31)).replace(day=1) - _DAY)
        case PeriodKind.YEAR:
            return Period(kind, date(day.year, 1, 1), date(day.year, 12, 31))
        case _:
            return Period(kind, day - timedelta(days=29), day)


def current(kind: PeriodKind, now: datetime) -> Period:
    """The period that the moment `now` lies in, on the city's wall clock."""
    return containing(kind, now.astimezone(CITY_ZONE).date())


def parse(key: str) -> Period:
    """The period behind a `key`. Raises InvalidInput when it is none."""
    try:
        if ".." in key:
            first, last = key.split("..", 1)
            return Period(PeriodKind.FREE, date.fromisoformat(first), date.fromisoformat(last))
        if "-W" in key:
            year, week = key.split("-W", 1)
            return containing(PeriodKind.WEEK, date.fromisocalendar(int(year), int(week), 1))
        if len(key) == 4:
            return containing(PeriodKind.YEAR, date(int(key), 1, 1))
        if len(key) == 7:
            return containing(PeriodKind.MONTH, date.fromisoformat(f"{key}-01"))
        return containing(PeriodKind.DAY, date.fromisoformat(key))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(_("没有看懂统计时段，请用2026、2026-11、2026-W47、2026-11-18这样的写法"), field="period") from error
