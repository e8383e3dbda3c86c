"""Danger in a citizen's words, sensitive words, and what makes a matter urgent: by rule and as data, before any classifier.

One source of truth for the bot (`chatbot.rules`) and the suggestion; the words stand in data/emergency.yaml.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from hotline.errors import InvalidInput
from ticketing.ticket.states import Urgency

DATA = Path(__file__).parent / "data"
LINES = ("110", "119", "120", "122", "gas", "power")
_NOISE = re.compile(r"[\s，。！？、；：,.!?;:~…—\-“”\"'（）()]+")


class Danger(StrEnum):
    """What kind of danger; its emergency line stands in the data."""

    FIRE = "fire"
    GAS = "gas"
    INJURY = "injury"
    CRIME = "crime"
    LIFE = "life"
    """Somebody speaks of ending a life."""
    TRAFFIC = "traffic"
    POWER = "power"
    """A fallen cable, something that gives electric shocks."""
    HAZARD = "hazard"
    """An open manhole, something about to collapse: no emergency number, but 特急."""


@dataclass(frozen=True)
class Alarm:
    """A danger that was heard, with the words that say so."""

    danger: Danger
    line: str | None
    words: str
    bot: bool
    """Whether the bot interrupts and tells the emergency number."""


@dataclass(frozen=True)
class _Rule:
    danger: Danger
    line: str | None
    pattern: re.Pattern[str]
    always: bool
    bot: bool


@dataclass(frozen=True)
class Rules:
    """data/emergency.yaml, compiled."""

    rules: tuple[_Rule, ...]
    innocent: re.Pattern[str]
    not_now: re.Pattern[str]
    certain: re.Pattern[str]
    urgent: re.Pattern[str]

    @classmethod
    def of(cls, data: dict[str, Any]) -> Rules:
        """Compile. Raises `InvalidInput` when a line is unknown or a pattern is no regular expression."""
        try:
            rules = tuple(
                _Rule(
                    Danger(entry["danger"]),
                    entry["line"],
                    re.compile("|".join(entry["patterns"])),
                    entry.get("always", False),
                    entry.get("bot", True),
                )
                for entry in data["rules"]
            )
            softeners = {name: re.compile(data[name]) for name in ("innocent", "not_now", "certain", "urgent")}
        except (KeyError, ValueError, TypeError, re.error) as error:
            raise InvalidInput("emergency.yaml: {reason}", reason=str(error)) from error
        for rule in rules:
            if rule.line is not None and rule.line not in LINES:
                raise InvalidInput("emergency.yaml: unknown line {line}", line=rule.line)
        return cls(rules, **softeners)

    def alarm(self, text: str) -> Alarm | None:
        """The danger that is going on, or None. Talk about rules, fears and last year's fire is none."""
        said = self.innocent.sub("", _NOISE.sub("", unicodedata.normalize("NFKC", text)))
        for rule in self.rules:
            found = rule.pattern.search(said)
            if found is None:
                continue
            if rule.always or self.certain.search(said) or not self.not_now.search(said):
                return Alarm(rule.danger, rule.line, found[0], rule.bot)
            return None
        return None


@lru_cache(maxsize=1)
def rules() -> Rules:
    """The rules of this city."""
    return Rules.of(yaml.safe_load((DATA / "emergency.yaml").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _sensitive() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = yaml.safe_load((DATA / "sensitive.yaml").read_text(encoding="utf-8"))
    return {theme: tuple(words) for theme, words in found.items()}


def alarm_in(text: str) -> Alarm | None:
    """The emergency that is going on, with its line, or None."""
    return rules().alarm(text)


def danger_in(text: str) -> Danger | None:
    """The emergency for which the bot tells a number at once, or None."""
    alarm = alarm_in(text)
    return alarm.danger if alarm is not None and alarm.bot else None


def sensitive_words(text: str) -> dict[str, tuple[str, ...]]:
    """Sensitive words in `text` by theme; empty when there is none."""
    found = {theme: tuple(word for word in words if word in text) for theme, words in _sensitive().items()}
    return {theme: words for theme, words in found.items() if words}


def urgency_of(text: str, alarm: Alarm | None) -> Urgency:
    """特急 for a danger, 紧急 when people wait in need or harm is near, else 一般."""
    if alarm is not None:
        return Urgency.EMERGENCY
    return Urgency.URGENT if rules().urgent.search(text) else Urgency.NORMAL
