"""How callbacks are done: hours, windows, who calls, what is asked. Data in ticketing/seed/callback.yaml, checked on load. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ticketing.callback.models import Plan
from ticketing.deadline.policy import Limit
from ticketing.ticket.states import Satisfaction

KEY = "P-CALLBACK"
"""Under this key the conduct of callbacks is versioned beside the deadline policies (`ticketing.callback.book`)."""
CONDUCT = ("hours", "attempts", "pause", "lease", "second_visit", "rating_days", "link_days", "rules")
"""What a city changes while the service runs. Windows, scale, questions and causes are words of the pages and of kept answers."""
FACTS = frozenset({"kind", "channel", "urgency", "policy", "contact_by", "needs", "source", "handling_kind"})
"""What a rule may ask of a ticket."""
MIN_ATTEMPTS, MIN_DAYS = 3, 2
"""The database holds these; the file may only ask for more."""


class RulesError(ValueError):
    """The file is wrong; the text says where."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Hours(_Entry):
    """From and to on the city's wall clock, `end` excluded."""

    start: time = Field(alias="from")
    end: time = Field(alias="to")

    @model_validator(mode="after")
    def _forward(self) -> Hours:
        if self.start >= self.end:
            raise ValueError("hours must run forward within one day")
        return self


class Window(Hours):
    """When a citizen likes to be called."""

    key: str
    label: str
    days: str = Field(pattern="^(work|rest|all)$")


class Rule(_Entry):
    """Who carries out the callbacks of some tickets."""

    key: str
    when: dict[str, str]
    plan: Plan
    rate: int = Field(ge=0, le=100)
    """Percent of the tickets; the others go by `rest`."""
    rest: Plan = Plan.NONE
    fallback: Plan = Plan.CLERK

    @model_validator(mode="after")
    def _known(self) -> Rule:
        if unknown := set(self.when) - FACTS:
            raise ValueError(f"unknown condition {', '.join(sorted(unknown))}")
        return self

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Whether every condition holds. `needs` is a list: it holds when the need is among them."""
        return all(
            value in facts.get(name, "").split(",") if name == "needs" else facts.get(name) == value for name, value in self.when.items()
        )


class Step(_Entry):
    """One step of the scale."""

    value: str
    label: str
    result: Satisfaction


class Question(_Entry):
    """One question of the questionnaire."""

    key: str = Field(pattern="^[a-z_]{2,30}$")
    kind: str = Field(pattern="^(yes_no|choice|scale|text)$")
    text: str
    required: bool
    by: tuple[str, ...] = ()
    choices: dict[str, str] = {}

    def is_for(self, by: str) -> bool:
        """Whether it is asked when the answers come `by` clerk, robot, web, link or wechat."""
        return not self.by or by in self.by


@dataclass(frozen=True)
class Chosen:
    """Which rule was taken and what it says for this ticket."""

    rule: str
    plan: Plan


class Rules(_Entry):
    """Everything in the file, with the conduct that is in force for whoever asks."""

    version: int = Field(ge=1)
    """Of the questionnaire."""
    conduct_version: int = 0
    """Of the conduct in the database; 0: the file's."""
    hours: Hours
    attempts: dict[str, int]
    pause: dict[str, int]
    lease: dict[str, int]
    second_visit: dict[str, Any]
    rating_days: int = Field(ge=1, le=30)
    link_days: int = Field(ge=1, le=60)
    windows: tuple[Window, ...]
    rules: tuple[Rule, ...]
    scale: str
    scales: dict[str, tuple[Step, ...]]
    questions: tuple[Question, ...]
    causes: dict[str, str]

    @model_validator(mode="after")
    def _whole(self) -> Rules:
        if self.scale not in self.scales:
            raise ValueError(f"there is no scale {self.scale}")
        for name, steps in self.scales.items():
            if {step.result for step in steps} != set(Satisfaction) or len({step.value for step in steps}) != len(steps):
                raise ValueError(f"scale {name}: every result needs a step, and no step stands twice")
            if any(step.value != step.result.value and step.value in set(Satisfaction) for step in steps):
                raise ValueError(f"scale {name}: a step named as a result must lead to it")
        if self.attempts.get("count", 0) < MIN_ATTEMPTS or self.attempts.get("days", 0) < MIN_DAYS:
            raise ValueError("at least three attempts on two days (domain.md 4a, principle 5)")
        if not self.rules or self.rules[-1].when:
            raise ValueError("the last rule must fit every ticket")
        keys = {question.key for question in self.questions}
        if not {"contacted", "solved", "attitude", "satisfaction"} <= keys:
            raise ValueError("contacted, solved, attitude and satisfaction must be asked")
        if missing := {"no_answer", "busy", "wrong_number", "failed", "sent"} - set(self.pause):
            raise ValueError(f"no pause for {', '.join(sorted(missing))}")
        Limit(float(self.second_visit["value"]), str(self.second_visit["unit"]))
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the scale in use."""
        return self.scales[self.scale]

    def result_of(self, step: str) -> Satisfaction | None:
        """The result to which a step leads; the three results themselves are always understood. None: no such step."""
        found = next((item.result for item in self.steps if item.value == step), None)
        return found or (Satisfaction(step) if step in set(Satisfaction) else None)

    def window(self, key: str) -> Window | None:
        """The window with this key or label; None: any time."""
        return next((item for item in self.windows if key and key in (item.key, item.label)), None)

    def pause_after(self, outcome: str) -> timedelta:
        """How long to wait until the next try."""
        return timedelta(minutes=self.pause[outcome])

    @property
    def visit_limit(self) -> Limit:
        """Within which 不满意 must have its second visit."""
        return Limit(float(self.second_visit["value"]), str(self.second_visit["unit"]))

    def choose(self, number: str, facts: Mapping[str, str]) -> Chosen:
        """The plan for a ticket. The same number always falls on the same side of a sampling rate."""
        rule = next(item for item in self.rules if item.fits(facts))
        return Chosen(rule.key, rule.plan if percentile(number) < rule.rate else rule.rest)

    def rule(self, key: str) -> Rule | None:
        """The rule with this key, unless it was taken out of the file since."""
        return next((item for item in self.rules if item.key == key), None)


def percentile(number: str) -> int:
    """0 to 99 from a ticket's number: SHA-256 of the number, its first four bytes modulo 100. Anybody can compute it again."""
    return int.from_bytes(hashlib.sha256(number.encode()).digest()[:4], "big") % 100


def parse(raw: Any) -> Rules:
    """Check and build; raises RulesError naming what is at fault."""
    try:
        return Rules.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}" for item in error.errors()]
        raise RulesError("callback: " + "; ".join(lines)) from error


@lru_cache(maxsize=1)
def load() -> Rules:
    """The rules that come with the program: the questionnaire and its words; the conduct as long as the database has none."""
    return parse(_file())


def conduct() -> dict[str, Any]:
    """The conduct of the file as a document: version 1 in the database."""
    raw = _file()
    return {name: raw[name] for name in CONDUCT}


def with_conduct(document: Mapping[str, Any], version: int) -> Rules:
    """The rules with a conduct of the database. Raises RulesError naming what is missing, unknown or wrong."""
    if wrong := set(CONDUCT) ^ set(document):
        raise RulesError(f"callback: {', '.join(sorted(wrong))}: exactly {', '.join(CONDUCT)} are needed")
    return parse({**_file(), **document, "conduct_version": version})


def _file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((files("ticketing") / "seed" / "callback.yaml").read_text(encoding="utf-8"))
    return found
