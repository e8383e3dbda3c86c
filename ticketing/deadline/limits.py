"""Lengths of time and how they are counted: the vocabulary of policies and clocks. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ticketing.calendar.working_time import MAX_DAYS

UNITS = ("h", "wh", "wd", "d")
WHOLE_ONLY = "days must be whole; for parts of a day use wh or h"
MOST_HOURS = 24 * MAX_DAYS
"""As far ahead as the calendar looks: a suspension or a statutory procedure may end at a day that lies three years away."""
_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


class PolicyError(ValueError):
    """A policy is wrong; the text says where."""


@dataclass(frozen=True)
class Limit:
    """A length of time.

    h: hours, 7x24. wh: office hours. wd: working days, the last one to 24:00; a part of one day is counted in office
    time. d: calendar days, the last one to 24:00.
    """

    value: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise PolicyError(f"unit must be one of {', '.join(UNITS)}, not {self.unit!r}")
        if not 0 < self.value <= MOST_HOURS:
            raise PolicyError("a limit must be longer than nothing and end within three years")
        whole = self.value == int(self.value)
        if not whole and (self.unit == "d" or (self.unit == "wd" and self.value > 1)):
            raise PolicyError(WHOLE_ONLY)
        if self.unit in ("wd", "d") and self.value > 366:
            raise PolicyError("a limit must be shorter than a year")

    @property
    def counts_working_time(self) -> bool:
        """Whether only office time counts."""
        return self.unit in ("wd", "wh")

    def literal(self) -> Limit:
        """The literal reading: 3 days are three days of the calendar (switch `HOTLINE_LITERAL_DAYS`)."""
        if self.unit != "wd":
            return self
        return Limit(self.value, "d") if self.value >= 1 else Limit(self.value * 24, "h")

    def as_data(self) -> dict[str, Any]:
        """The stored form."""
        return {"value": self.value, "unit": self.unit}


def limit_of(raw: Any, where: str) -> Limit:
    """A limit from its stored form, `{value: 3, unit: wd}` or `3wd`; `min` is read as a part of an hour.

    Raises PolicyError naming `where`.
    """
    try:
        if isinstance(raw, str):
            short = _SHORT.fullmatch(raw.strip())
            value, unit = (short[1], short[2]) if short else (raw, "")
        else:
            value, unit = raw["value"], raw["unit"]
        if isinstance(value, bool):
            raise TypeError("a number is needed")
        number = float(value)
        return Limit(number / 60, "h") if unit == "min" else Limit(number, str(unit))
    except PolicyError as error:
        raise PolicyError(f"{where}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{where}: expected {{value: 3, unit: wd}} or 3wd") from error


@dataclass(frozen=True)
class Options:
    """How a limit ends and when it is said that it ends.

    Attributes:
        end: `day_end` (24:00) or `office_close`, the last moment of a limit in days.
        roll: `next_wd`: a limit in calendar days that ends on a rest day ends on the next working day; `none`.
        warn_at: shares of the time at which the reminder and the amber warning come.
        yellow_at: share of the time at which the yellow card comes; 1 is the due time.
        red: how long after the due time the red card comes.
    """

    end: str = "day_end"
    roll: str = "none"
    warn_at: tuple[float, float] = (0.5, 0.8)
    yellow_at: float = 1.0
    red: Limit = field(default_factory=lambda: Limit(1, "wd"))

    def __post_init__(self) -> None:
        if self.end not in ("day_end", "office_close"):
            raise PolicyError(f"end must be day_end or office_close, not {self.end!r}")
        if self.roll not in ("none", "next_wd"):
            raise PolicyError(f"roll must be next_wd or none, not {self.roll!r}")
        white, amber = self.warn_at
        if not 0 < white < amber < self.yellow_at <= 1:
            raise PolicyError("warn_at and yellow_at must rise: 0 < white < amber < yellow <= 1")

    def as_data(self) -> dict[str, Any]:
        """Only what differs from the usual, as it is stored with a clock."""
        usual, data = Options(), dict[str, Any]()
        if self.end != usual.end:
            data["end"] = self.end
        if self.roll != usual.roll:
            data["roll"] = self.roll
        if self.warn_at != usual.warn_at:
            data["warn_at"] = list(self.warn_at)
        if self.yellow_at != usual.yellow_at:
            data["yellow_at"] = self.yellow_at
        if self.red != usual.red:
            data["red_at"] = {"overdue": self.red.as_data()}
        return data


def options_of(raw: dict[str, Any], where: str = "options") -> Options:
    """Options from their stored form; raises PolicyError naming `where`."""
    try:
        values: dict[str, Any] = {name: str(raw[name]) for name in ("end", "roll") if name in raw}
        if "warn_at" in raw:
            white, amber = raw["warn_at"]
            values["warn_at"] = (float(white), float(amber))
        if "yellow_at" in raw:
            values["yellow_at"] = float(raw["yellow_at"])
        if "red_at" in raw:
            values["red"] = limit_of(raw["red_at"]["overdue"], "red_at")
        return Options(**values)
    except PolicyError as error:
        raise PolicyError(f"{where}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{where}: expected end, roll, warn_at: [0.5, 0.8], yellow_at: 1.0, red_at: {{overdue: 1wd}}") from error
