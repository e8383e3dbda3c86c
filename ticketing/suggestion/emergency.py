"""Danger in a citizen's words, sensitive words, and what makes a matter urgent.

One source of truth for the bot, the telephone and the urgency of a ticket: a short list of certain words with guards against what is over,
feared or asked (data/emergency.yaml), and beside it a small classifier for everything that people say in other words (`danger`).
What is certain raises an alarm; what may be danger is a doubt, and the bot asks (decision 0220).
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
from ticketing.suggestion import danger as learned
from ticketing.ticket.states import Urgency
from ticketing.words import word

DATA = Path(__file__).parent / "data"
LINES = ("110", "119", "120", "122", "gas", "power")
TOLD = 0.75
"""From this share of danger on there is an alarm without a certain word."""
ASKED = 0.5
"""From here on it may be danger, and the bot asks."""
ASKED_LIFE = 0.3
"""Who may want to die is asked sooner: a gentle question too many does no harm."""
SUSPECTED = 0.1
"""From here on it asks where its classifier of intents hears danger too (`suspicion_in`, chatbot.verdict)."""
GUARDED = 0.85
"""The share that tells danger all the same where a guard (a habit, a fear, last year) or a certain word of another kind stands beside."""
SPOKEN = 4
"""Fewer characters say too little for the classifier."""
_NOISE = re.compile(r"[\s，。！？、；：,.!?;:~…—\-“”\"'（）()]+")


class Danger(StrEnum):
    """What kind of danger; its emergency line stands in the data."""

    FIRE = "fire"
    RESCUE = "rescue"
    """Somebody is stuck, buried or cut off."""
    GAS = "gas"
    CHEMICAL = "chemical"
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
    """Empty where no certain word told it but the classifier."""
    bot: bool
    """Whether the bot interrupts and tells the emergency number."""

    @property
    def told(self) -> str:
        """For people: the words that were heard, else what kind of danger it is."""
        return self.words or word("danger", self.danger.value)


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
    guards: re.Pattern[str]
    now: re.Pattern[str]
    urgent: re.Pattern[str]

    @classmethod
    def of(cls, data: dict[str, Any]) -> Rules:
        """Compile. Raises `InvalidInput` when a line is unknown or a word is no regular expression."""
        try:
            rules = tuple(
                _Rule(
                    Danger(entry["danger"]),
                    entry["line"],
                    re.compile("|".join(entry["words"])),
                    entry.get("always", False),
                    entry.get("bot", True),
                )
                for entry in data["rules"]
            )
            others = {name: re.compile(data[name]) for name in ("innocent", "guards", "now", "urgent")}
        except (KeyError, ValueError, TypeError, re.error) as error:
            raise InvalidInput("emergency.yaml: {reason}", reason=str(error)) from error
        for rule in rules:
            if rule.line is not None and rule.line not in LINES:
                raise InvalidInput("emergency.yaml: unknown line {line}", line=rule.line)
        return cls(rules, **others)

    def plain(self, text: str) -> str:
        """The text without blanks, punctuation and words that only sound like danger."""
        return self.innocent.sub("", _NOISE.sub("", unicodedata.normalize("NFKC", text)))

    def softened(self, said: str) -> bool:
        """Whether plain text speaks of what is over, a habit, feared or a rule, and not of now."""
        return self.guards.search(said) is not None and self.now.search(said) is None

    def alarm(self, said: str) -> Alarm | None:
        """The danger that a certain word of plain text tells, or None. Talk about rules, fears and last year's fire is none."""
        softened = self.softened(said)
        for rule in self.rules:
            found = rule.pattern.search(said)
            if found is not None and (rule.always or not softened):
                return Alarm(rule.danger, rule.line, found[0], rule.bot)
        return None

    def of_kind(self, danger: Danger) -> Alarm:
        """The alarm of a kind that no certain word told."""
        rule = next(rule for rule in self.rules if rule.danger is danger)
        return Alarm(danger, rule.line, "", rule.bot)


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
    said = rules().plain(text)
    certain = rules().alarm(said)
    if certain is not None and certain.bot:
        return certain
    shares, least = _believed(said), GUARDED if rules().softened(said) else TOLD
    people = _likeliest(shares, least if certain is None else GUARDED, bot=True)
    if people is not None:
        return rules().of_kind(people)
    unit = _likeliest(shares, least, bot=False)
    return certain or (rules().of_kind(unit) if unit is not None else None)


def doubt_in(text: str) -> Danger | None:
    """What kind of danger to people there may be where no alarm tells one, so that it has to be asked; None when nothing sounds like it."""
    alarm = alarm_in(text)
    if alarm is not None and alarm.bot:
        return None
    return _people(text, ASKED, softened=TOLD) or _life(text)


def suspicion_in(text: str, least: float = SUSPECTED) -> Danger | None:
    """As `doubt_in`, with less: too little to ask by itself, enough where another ear hears danger too."""
    return _people(text, least, softened=2 * least)


def _people(text: str, least: float, *, softened: float) -> Danger | None:
    """The likeliest danger to people when it is likely enough; `softened`: where a guard stands beside."""
    said = rules().plain(text)
    return _likeliest(_believed(said), softened if rules().softened(said) else least, bot=True)


def _life(text: str) -> Danger | None:
    said = rules().plain(text)
    likely = _believed(said).get(Danger.LIFE, 0.0) >= ASKED_LIFE and not rules().softened(said)
    return Danger.LIFE if likely else None


def _believed(said: str) -> dict[Danger, float]:
    """The classifier's share of each kind."""
    if len(said) < SPOKEN:
        return {}
    return {Danger(kind): share for kind, share in learned.model().shares(said).items() if kind != learned.CALM}


def _likeliest(shares: dict[Danger, float], least: float, *, bot: bool) -> Danger | None:
    """The likeliest of the kinds that the bot tells a number for (or of the others), when all of those together are likely enough."""
    group = {kind: share for kind, share in shares.items() if rules().of_kind(kind).bot is bot}
    if sum(group.values()) < least:
        return None
    return max(group, key=lambda kind: group[kind])


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
