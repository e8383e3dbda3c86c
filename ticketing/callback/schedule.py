"""When to try next: inside the allowed hours and the citizen's own window. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hotline.clock import CITY_ZONE, to_city
from ticketing.calendar.working_time import WorkCalendar
from ticketing.callback.rules import Hours, Rules

_DAYS_AHEAD = 60
"""A window comes round at the latest after the longest holiday; then any allowed time is taken."""


def next_slot(rules: Rules, calendar: WorkCalendar, moment: datetime, preferred: str = "") -> datetime:
    """The first moment from `moment` on at which the citizen may be called, in UTC.

    `preferred` is the key or the label of a window; an empty or unknown one means any time within the allowed hours.
    """
    window = rules.window(preferred)
    start_day = to_city(moment).date()
    for offset in range(_DAYS_AHEAD if window else 2):
        day = start_day + timedelta(days=offset)
        if window and window.days != "all" and calendar.is_work(day) != (window.days == "work"):
            continue
        opens = _at(day, max(rules.hours.start, window.start) if window else rules.hours.start)
        closes = _at(day, min(rules.hours.end, window.end) if window else rules.hours.end)
        slot = max(moment, opens)
        if slot < closes:
            return slot.astimezone(UTC)
    return next_slot(rules, calendar, moment)  # a window that lies outside the allowed hours


def after_attempt(
    rules: Rules, calendar: WorkCalendar, now: datetime, outcome: str, *, attempts: int, first_day: date, preferred: str = ""
) -> datetime:
    """When to try again after an unsuccessful attempt; `attempts` includes it.

    The attempt that would complete the number is kept for another day, as long as all of them fell on one.
    """
    earliest = now + rules.pause_after(outcome)
    today = to_city(now).date()
    if attempts >= rules.attempts["count"] - 1 and today == first_day:
        earliest = max(earliest, _at(today + timedelta(days=1), time(0)))
    return next_slot(rules, calendar, earliest, preferred)


def may_call(hours: Hours, moment: datetime) -> bool:
    """Whether a machine may call or write now."""
    return hours.start <= to_city(moment).time() < hours.end


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, CITY_ZONE)
