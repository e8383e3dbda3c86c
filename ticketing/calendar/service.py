"""Filling the calendar table and reading it as a value."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import chinese_calendar
from sqlalchemy import ARRAY, Boolean, Date, String, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from hotline.events import SYSTEM
from ticketing.calendar import versions
from ticketing.calendar.journal import note_change
from ticketing.calendar.models import CalendarDay, Rules
from ticketing.calendar.working_time import OFFICE_HOURS, Period, WorkCalendar
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
                    found[day] = (not on_holiday, _chinese(name, on_holiday=on_holiday) if name else "")
        except NotImplementedError:
            found = {day: value for day, value in found.items() if day.year != year}
    return found


def _chinese(name: str, *, on_holiday: bool) -> str:
    """The holiday's name in Chinese; a make-up working day says what it makes up for."""
    try:
        told = str(chinese_calendar.Holiday(name).chinese)
    except ValueError:
        told = name
    return told if on_holiday else f"{told}调休上班"


async def load_official(core: Core, session: AsyncSession, *, years_ahead: int = 2) -> int:
    """Put the official days that are missing into the table; returns how many the package knows. Known days are kept.

    Run at each upgrade: a newer package that brings a year is a change of the calendar like any other.
    """
    days = official_days(FIRST_YEAR, core.clock.now().year + years_ahead)
    if days:
        added = (await session.scalars(_insert_official(days))).all()
        if len(added) == len(days):
            await versions.bump(session, calendar=True)  # the first filling; nothing was computed by another calendar
        elif added:
            told: dict[str, object] = {"added": len(added), "years": sorted({day.year for day in added})}
            await note_change(core, session, SYSTEM, source="package", note="", data=told, added=len(added), changed=0)
    return len(days)


def _insert_official(days: dict[date, tuple[bool, str]]) -> ReturningInsert[date]:
    """One array for each column: thousands of single parameters would cost more than all the rest of the statement."""
    columns = (
        bindparam("days", list(days), ARRAY(Date)),
        bindparam("work", [is_work for is_work, _name in days.values()], ARRAY(Boolean)),
        bindparam("names", [name for _is_work, name in days.values()], ARRAY(String)),
    )
    given = func.unnest(*columns).table_valued("day", "is_work", "name").render_derived()
    rows = select(given.c.day, given.c.is_work, given.c.name, literal("package"))
    into = insert(CalendarDay).from_select(["day", "is_work", "name", "source"], rows)
    return into.on_conflict_do_nothing(index_elements=["day"]).returning(CalendarDay.day)


_known = versions.PerDatabase()


async def work_calendar(session: AsyncSession) -> WorkCalendar:
    """The calendar as it stands in the table. Read whole once per process and version; otherwise one small statement."""
    version = (await versions.current(session)).calendar
    known: WorkCalendar | None = _known.get(session, version)
    if known is None:
        rows = await session.execute(select(CalendarDay.day, CalendarDay.is_work))
        periods = await session.scalar(select(Rules.periods).where(Rules.id == 1))
        known = WorkCalendar({row.day: row.is_work for row in rows}, periods=periods_of(periods or []), version=version)
        _known.put(session, version, known)
    return known


def periods_of(pairs: list[Any]) -> tuple[Period, ...]:
    """Office hours from their stored form; none stored means the usual ones. Raises CalendarError."""
    return tuple(Period(int(start), int(end)) for start, end in pairs) or OFFICE_HOURS
