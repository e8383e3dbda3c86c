"""Quiet hours: when a message may reach a person (lesson 7). Pure, and apart from deadline arithmetic: a card is given at its moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ticketing.calendar.working_time import WorkCalendar

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_MOST_DAYS = 60
"""No holiday is longer; a calendar without working days ends here instead of looping for ever."""


@dataclass(frozen=True)
class Quiet:
    """From `start` to `end` in minutes of the day, across midnight when `end` is earlier; equal: never."""

    start: int
    end: int
    rest_days: bool = True
    """Rest days are quiet from morning to night."""

    @classmethod
    def parse(cls, text: str, *, rest_days: bool = True) -> Quiet:
        """From `21:00-08:00`; empty: no quiet hours at all. Raises ValueError."""
        if not text:
            return cls(0, 0, rest_days=False)
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"quiet hours must look like 21:00-08:00, not {text!r}")
        first, first_minutes, last, last_minutes = map(int, found.groups())
        return cls(first * 60 + first_minutes, last * 60 + last_minutes, rest_days)

    def hand_over_at(self, now: datetime, calendar: WorkCalendar) -> datetime:
        """`now`, or the first moment afterwards that is not quiet; in UTC."""
        local = now.astimezone(calendar.zone)
        for _ in range(_MOST_DAYS):
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            if self.rest_days and not calendar.is_work(local.date()):
                local = midnight + timedelta(days=1, minutes=self._morning)
                continue
            end = self._end_of_quiet(local.hour * 60 + local.minute)
            if end is None:
                break
            local = midnight + timedelta(minutes=end)
        return local.astimezone(UTC)

    @property
    def _morning(self) -> int:
        """When the day begins after a quiet night: at 0:00 when quiet hours do not span midnight."""
        return self.end if self.end < self.start else 0

    def _end_of_quiet(self, minute: int) -> int | None:
        """Minutes after today's midnight at which the quiet time around `minute` ends; None when it is not quiet."""
        if self.start < self.end:
            return self.end if self.start <= minute < self.end else None
        if self.end < self.start and minute >= self.start:
            return 1440 + self.end
        return self.end if self.end < self.start and minute < self.end else None


__all__ = ["Quiet"]
