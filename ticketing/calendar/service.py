"""Filling the calendar table and reading it as a value."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.calendar.models import CalendarDay
from ticketing.calendar.working_time import WorkCalendar
from ticketing.context import Core

FIRST_YEAR = 2025
"""Older days are of no use to a running hotline."""


def official_days(first: int, last: int) -> dict[date, tuple[bool, str]]:
    """Days that the package `chinesecalendar` knows, year by year; a year that it does not know is left out."""
    found: dict[date, tuple[bool, str]] = {}
    for year in range(first, last + 1):
        try:
            for offset in range(366):
                day = date(year, 1, 1) + timedelta(days=offset)
                if day.year == year:
                    on_holiday, name = chinese_calendar.get_holiday_detail(day)
                    found[day] = (not on_holiday, name or "")
        except NotImplementedError:
            found = {day: value for day, value in found.items() if day.year != year}
    return found


async def load_official(core: Core, session: AsyncSession, *, years_ahead: int = 2) -> int:
    """Put the official days into the table; returns how many. Days edited by hand are kept."""
    days = official_days(FIRST_YEAR, core.clock.now().year + years_ahead)
    if days:
        rows = [{"day": day, "is_work": is_work, "name": name} for day, (is_work, name) in days.items()]
        await session.execute(insert(CalendarDay).values(rows).on_conflict_do_nothing(index_elements=["day"]))
    return len(days)


class _Cache:
    """The calendar changes once a year and is needed for every ticket: keep it while the table is the same."""

    def __init__(self) -> None:
        self.key: tuple[object, ...] = ()
        self.calendar = WorkCalendar()


_cache = _Cache()


async def work_calendar(session: AsyncSession) -> WorkCalendar:
    """The calendar as it stands in the table."""
    fingerprint = await session.execute(
        select(
            func.count(),
            func.max(CalendarDay.day),
            func.count().filter(CalendarDay.is_work),
            func.sum(func.hashtext(func.concat(CalendarDay.day, CalendarDay.is_work))),
        )
    )
    key = tuple(fingerprint.one())
    if key != _cache.key:
        rows = await session.execute(select(CalendarDay.day, CalendarDay.is_work))
        _cache.calendar = WorkCalendar({row.day: row.is_work for row in rows})
        _cache.key = key
    return _cache.calendar
