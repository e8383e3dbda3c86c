"""The one clock. Nothing else in the project asks the operating system for the date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Shanghai")
"""Zone of every page, prompt, report and working day. Reports take this zone, never an offset."""


class Clock(Protocol):
    """Tells the present moment."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that tests set and move by hand."""

    def __init__(self, now: datetime) -> None:
        """Start at `now`, which must be aware."""
        self.set(now)

    def now(self) -> datetime:
        """The moment that was set."""
        return self._now

    def set(self, now: datetime) -> None:
        """Jump to `now`; raises ValueError when it has no zone."""
        if now.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self._now = now.astimezone(UTC)

    def advance(self, **timedelta_fields: float) -> None:
        """Move on, for example `advance(hours=3)`."""
        self._now += timedelta(**timedelta_fields)


def to_city(moment: datetime) -> datetime:
    """The same moment on the city's wall clock."""
    return moment.astimezone(CITY_ZONE)
