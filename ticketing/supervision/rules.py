"""The rules of supervision as data: ticketing/seed/supervision.yaml, checked on load."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class RuleError(ValueError):
    """The file of rules is wrong; the text says where."""


class _Part(BaseModel):
    """Unknown names are refused, so that a typing error is not a rule that silently does nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CardRules(_Part):
    """Points of a card and what follows from it."""

    points: dict[str, int]
    yellows_for_red: int = Field(ge=2)
    rectification_days: int = Field(ge=1, le=60)


class UrgingRules(_Part):
    """How often a ticket may be urged."""

    citizen_hours: int = Field(ge=1)
    staff_minutes: int = Field(ge=0)


class NoticeRules(_Part):
    """When a notice may be handed over (lesson 7)."""

    at_once: frozenset[str]
    rest_days_are_quiet: bool


class BurstRules(_Part):
    """When many appeals are one event."""

    times: int = Field(ge=2)
    within_days: int = Field(ge=1, le=60)
    radius_m: int = Field(ge=1, le=5000)
    rise_least: int = Field(ge=2)
    rise_factor: float = Field(gt=1)


class ShortReply(_Part):
    """Too little of the unit's own words."""

    least: int = Field(ge=1)
    quotation: int = Field(ge=4)


class SameText(_Part):
    """One text for many matters."""

    times: int = Field(ge=2)
    within_days: int = Field(ge=1)
    likeness: float = Field(gt=0.5, le=1)


class Minutes(_Part):
    """A length of time."""

    minutes: int = Field(ge=1)


class BrushOff(_Part):
    """Phrases that answer nothing (F11)."""

    refused: tuple[str, ...] = Field(min_length=1)
    """A draft that says so is not taken."""
    suspected: tuple[str, ...] = Field(min_length=1)
    """A reply that says so is looked at by a supervisor."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """All of them."""
        return self.refused + self.suspected


class MonitoringRules(_Part):
    """What makes handling suspicious (D11)."""

    short_reply: ShortReply
    same_text: SameText
    instant: Minutes
    last_minute: Minutes
    brush_off: BrushOff


@dataclass(frozen=True)
class Rules:
    """All of them."""

    version: int
    cards: CardRules
    urging: UrgingRules
    notices: NoticeRules
    bursts: BurstRules
    monitoring: MonitoringRules


class _Document(_Part):
    version: int
    cards: CardRules
    urging: UrgingRules
    notices: NoticeRules
    bursts: BurstRules
    monitoring: MonitoringRules


def parse(raw: Any) -> Rules:
    """Check and build the rules; raises RuleError naming the entry at fault."""
    try:
        found = _Document.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise RuleError(f"supervision.yaml: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    if set(found.cards.points) != {"yellow", "red"}:
        raise RuleError("supervision.yaml: cards.points: yellow and red are needed")
    return Rules(found.version, found.cards, found.urging, found.notices, found.bursts, found.monitoring)


@lru_cache(maxsize=1)
def load() -> Rules:
    """The rules of this installation."""
    return parse(yaml.safe_load((files("ticketing") / "seed" / "supervision.yaml").read_text(encoding="utf-8")))
