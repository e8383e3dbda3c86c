"""Which limits apply to a ticket: data in ticketing/seed/policies.yaml, checked on load."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from ticketing.deadline.models import ClockKind
from ticketing.ticket.states import DispatchMode, Urgency

UNITS = ("h", "wh", "wd", "d")


class PolicyError(ValueError):
    """The policy file is wrong; the text says where."""


@dataclass(frozen=True)
class Limit:
    """A length of time. h: hours, 7x24. wh: office hours. wd: working days, the last one to 24:00. d: calendar days."""

    value: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise PolicyError(f"unit must be one of {', '.join(UNITS)}, not {self.unit!r}")
        if self.value <= 0:
            raise PolicyError("a limit must be longer than nothing")
        if self.unit in ("wd", "d") and self.value != int(self.value):
            raise PolicyError("days must be whole; for parts of a day use wh or h")


@dataclass(frozen=True)
class Policy:
    """The limits of one class of tickets."""

    key: str
    when: dict[str, str]
    limits: dict[ClockKind, Limit]
    redo: Limit
    """After 不满意."""

    def fits(self, **facts: str) -> bool:
        """Whether every condition of the policy holds."""
        return all(facts.get(name) == value for name, value in self.when.items())


@dataclass(frozen=True)
class Policies:
    """All policies, most special first."""

    version: int
    dispatch: dict[Urgency, Limit]
    policies: tuple[Policy, ...]

    def find(self, mode: DispatchMode, urgency: Urgency) -> Policy:
        """The first policy that fits."""
        for policy in self.policies:
            if policy.fits(mode=mode.value, urgency=urgency.value):
                return policy
        raise PolicyError(f"no policy fits mode {mode.value}, urgency {urgency.value}")

    def by_key(self, key: str) -> Policy:
        """The policy with this key; raises PolicyError."""
        for policy in self.policies:
            if policy.key == key:
                return policy
        raise PolicyError(f"no policy {key}")


def _limit(raw: Any, where: str) -> Limit:
    try:
        return Limit(float(raw["value"]), str(raw["unit"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{where}: {error}") from error


def parse(raw: Any) -> Policies:
    """Check and build the policies; raises PolicyError naming the entry at fault."""
    if not isinstance(raw, dict) or not raw.get("policies") or "dispatch" not in raw:
        raise PolicyError("policies: expected `version`, `dispatch` and a list `policies`")
    dispatch = {urgency: _limit(raw["dispatch"].get(urgency.value), f"policies: dispatch {urgency.value}") for urgency in Urgency}
    found = []
    steps = (ClockKind.SIGN, ClockKind.CONTACT, ClockKind.HANDLE, ClockKind.REVIEW, ClockKind.CALLBACK)
    for item in raw["policies"]:
        key = str(item.get("key", "?"))
        limits = {kind: _limit(item.get(kind.value), f"policy {key}: {kind.value}") for kind in steps}
        found.append(Policy(key, dict(item.get("when") or {}), limits, _limit(item.get("redo"), f"policy {key}: redo")))
    policies = Policies(int(raw.get("version", 0)), dispatch, tuple(found))
    for mode in DispatchMode:
        for urgency in Urgency:
            policies.find(mode, urgency)  # every combination must have one: better now than at dispatch
    return policies


@lru_cache(maxsize=1)
def load() -> Policies:
    """The policies of this installation."""
    return parse(yaml.safe_load((files("ticketing") / "seed" / "policies.yaml").read_text(encoding="utf-8")))
