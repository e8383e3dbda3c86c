"""When a limit ends, and when its reminders are due. Pure: start, limit, options, what happened since, and a calendar.

A clock's moments are a function of what its row keeps, so they can be computed anew when the calendar or the policy
changes. Pauses move the due time by the time that passed in the unit the limit is counted in: office time for `wd` and
`wh`, any time for `h` and `d` (lesson 2). Pauses and extensions act in the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ticketing.calendar.working_time import WorkCalendar
from ticketing.deadline.limits import Limit, Options, limit_of

USUAL = Options()
WHITE, AMBER = USUAL.warn_at
"""Shares of the time after which a reminder and a warning are usually given."""


@dataclass(frozen=True)
class Pause:
    """The clock did not run in [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Extension:
    """The due time was moved by `limit`."""

    limit: Limit


Adjustment = Pause | Extension


def as_data(adjustment: Adjustment) -> dict[str, Any]:
    """The stored form of an adjustment."""
    if isinstance(adjustment, Pause):
        return {"pause": [adjustment.start.isoformat(), adjustment.end.isoformat()]}
    return {"extend": adjustment.limit.as_data()}


def adjustments_of(raw: Sequence[dict[str, Any]]) -> tuple[Adjustment, ...]:
    """Adjustments from their stored form."""
    found: list[Adjustment] = []
    for item in raw:
        if "pause" in item:
            start, end = item["pause"]
            found.append(Pause(datetime.fromisoformat(start), datetime.fromisoformat(end)))
        else:
            found.append(Extension(limit_of(item["extend"], "extension")))
    return tuple(found)


@dataclass(frozen=True)
class Moments:
    """The moments of one clock, all in UTC: start < white < amber < yellow <= due < red."""

    white_at: datetime
    amber_at: datetime
    yellow_at: datetime
    due_at: datetime
    red_at: datetime
    provisional: bool


def due_at(
    calendar: WorkCalendar, start: datetime, limit: Limit, options: Options = USUAL, adjustments: Sequence[Adjustment] = ()
) -> datetime:
    """When `limit`, counted from `start`, is over, after all that happened since."""
    due = _first_due(calendar, start, limit, options)
    for adjustment in adjustments:
        if isinstance(adjustment, Pause):
            due = _after_pause(calendar, due, limit, options, adjustment)
        else:
            due = after(calendar, due, adjustment.limit, options)
    return due


def elapsed(calendar: WorkCalendar, limit: Limit, start: datetime, end: datetime) -> float:
    """Seconds from `start` to `end` in the time that `limit` is counted in; negative when `end` is earlier."""
    if limit.counts_working_time:
        return calendar.working_seconds(start, end)
    return (end - start).total_seconds()


def later(calendar: WorkCalendar, limit: Limit, start: datetime, seconds: float) -> datetime:
    """The moment `seconds` after `start` (before it when negative) in the time that `limit` is counted in."""
    if limit.counts_working_time:
        return calendar.add_working_seconds(start, seconds).astimezone(UTC)
    return (start + timedelta(seconds=seconds)).astimezone(UTC)


def after(calendar: WorkCalendar, moment: datetime, limit: Limit, options: Options = USUAL) -> datetime:
    """`moment` moved on by `limit`: an extension, or the time from the due moment to the red card.

    Whole days keep the time of day; 24:00 stays the 24:00 of a later day.
    """
    if limit.unit == "wd" and limit.value >= 1:
        return calendar.shift_working_days(moment, int(limit.value))
    if limit.unit == "d":
        return _rolled(calendar, moment + timedelta(days=int(limit.value)), options)
    return later(calendar, limit, moment, _seconds(calendar, limit))


def moments(
    calendar: WorkCalendar, start: datetime, limit: Limit, options: Options = USUAL, adjustments: Sequence[Adjustment] = ()
) -> Moments:
    """All moments of a clock that starts at `start`. Shares are of the time the limit counts, without the pauses."""
    due = due_at(calendar, start, limit, options, adjustments)
    pauses = [item for item in adjustments if isinstance(item, Pause)]
    paused = sum(elapsed(calendar, limit, pause.start, pause.end) for pause in pauses)
    total = elapsed(calendar, limit, start, due) - paused
    white, amber = (_share(calendar, limit, start, pauses, share * total) for share in options.warn_at)
    yellow = due if options.yellow_at == 1 else _share(calendar, limit, start, pauses, options.yellow_at * total)
    red = after(calendar, due, options.red)
    counts_days = limit.counts_working_time or options.roll != "none"
    return Moments(white, amber, yellow, due, red, counts_days and not _all_known(calendar, start, red))


def _first_due(calendar: WorkCalendar, start: datetime, limit: Limit, options: Options) -> datetime:
    close = options.end == "office_close"
    if limit.unit == "wd" and limit.value >= 1:
        end = calendar.add_working_days(start, int(limit.value))
        return calendar.end_of(calendar.last_day(end), at_office_close=True) if close else end
    if limit.unit == "d":
        day = start.astimezone(calendar.zone).date() + timedelta(days=int(limit.value))
        return _rolled(calendar, calendar.end_of(day, at_office_close=close), options)
    return later(calendar, limit, start, _seconds(calendar, limit))


def _seconds(calendar: WorkCalendar, limit: Limit) -> float:
    return limit.value * (calendar.seconds_a_day if limit.unit == "wd" else 3600)


def _rolled(calendar: WorkCalendar, end: datetime, options: Options) -> datetime:
    """`end`, or with `roll: next_wd` the same time of day on the next working day."""
    if options.roll != "next_wd":
        return end
    day = calendar.last_day(end)
    return end + (calendar.next_work_day(day) - day)


def _after_pause(calendar: WorkCalendar, due: datetime, limit: Limit, options: Options, pause: Pause) -> datetime:
    lost = elapsed(calendar, limit, pause.start, pause.end)
    if lost <= 0:
        return due
    moment = later(calendar, limit, due, lost)
    if limit.unit == "wd" and options.end == "day_end":
        # A limit in working days ends with the day: when exactly the office time of a day is used up, the evening is too.
        day = calendar.last_day(moment)
        if moment == calendar.end_of(day, at_office_close=True):
            return calendar.end_of(day)
    return moment


def _share(calendar: WorkCalendar, limit: Limit, start: datetime, pauses: Sequence[Pause], seconds: float) -> datetime:
    """The moment at which `seconds` of running time have been used."""
    at, left = start, seconds
    for pause in pauses:
        run = elapsed(calendar, limit, at, pause.start)
        if left <= run:
            break
        at, left = pause.end, left - run
    return later(calendar, limit, at, left)


def _all_known(calendar: WorkCalendar, start: datetime, end: datetime) -> bool:
    day, last = start.astimezone(calendar.zone).date(), calendar.last_day(end)
    while day <= last:
        if not calendar.knows(day):
            return False
        day += timedelta(days=1)
    return True
