"""When a limit ends, and when its reminders are due. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ticketing.calendar.working_time import WorkCalendar
from ticketing.deadline.policy import Limit

WHITE, AMBER = 0.5, 0.8
"""Shares of the time after which a reminder and a warning are given."""


@dataclass(frozen=True)
class Moments:
    """The moments of one clock, all in UTC: white < amber < due (yellow) < red."""

    white_at: datetime
    amber_at: datetime
    due_at: datetime
    red_at: datetime
    provisional: bool


def due_at(calendar: WorkCalendar, start: datetime, limit: Limit) -> datetime:
    """When `limit`, counted from `start`, is over."""
    if limit.unit == "wd":
        return calendar.add_working_days(start, int(limit.value))
    if limit.unit == "wh":
        return calendar.add_working_seconds(start, limit.value * 3600)
    if limit.unit == "d":
        day = start.astimezone(calendar.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return (day + timedelta(days=int(limit.value) + 1)).astimezone(UTC)
    return (start + timedelta(hours=limit.value)).astimezone(UTC)


def moments(calendar: WorkCalendar, start: datetime, limit: Limit) -> Moments:
    """All moments of a clock that starts at `start`. Shares are of working time where the limit counts working time."""
    due = due_at(calendar, start, limit)
    if limit.unit in ("wd", "wh"):
        total = calendar.working_seconds(start, due)
        white = calendar.add_working_seconds(start, WHITE * total)
        amber = calendar.add_working_seconds(start, AMBER * total)
    else:
        white, amber = start + WHITE * (due - start), start + AMBER * (due - start)
    red = calendar.shift_working_days(due, 1)
    last = (red - timedelta(microseconds=1)).astimezone(calendar.zone).date()
    days = (
        start.astimezone(calendar.zone).date() + timedelta(days=n) for n in range((last - start.astimezone(calendar.zone).date()).days + 1)
    )
    provisional = limit.unit in ("wd", "wh") and not all(calendar.knows(day) for day in days)
    return Moments(white.astimezone(UTC), amber.astimezone(UTC), due, red, provisional)
