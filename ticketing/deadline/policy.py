"""Which limits apply to a ticket. A policy is a document (YAML or JSONB), checked whole before it is used.

The rule of specificity: a policy whose conditions all hold fits; of those that fit, the one is taken that has the
weightiest condition which the other has not. Weight falls in this order: urgency, leader_days, line, handling, kind,
mode. So an emergency row beats every row without urgency, a line's own row beats the city's, and so on. Two policies
that could fit the same ticket with equal weight are refused on load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import combinations, product
from typing import Any

import yaml

from ticketing.deadline.limits import Limit, Options, PolicyError, limit_of, options_of
from ticketing.deadline.models import CHOSEN, WINDOWS, ClockKind
from ticketing.people.models import Role
from ticketing.ticket.states import DispatchMode, HandlingKind, Kind, Urgency

DIMENSIONS: dict[str, tuple[str, ...] | None] = {
    "urgency": tuple(urgency.value for urgency in Urgency),
    "leader_days": ("7", "10", "30"),
    "line": None,
    "handling": tuple(handling.value for handling in HandlingKind),
    "kind": tuple(kind.value for kind in Kind),
    "mode": tuple(mode.value for mode in DispatchMode),
}
"""What a policy may ask for, weightiest first, with the values allowed (None: any)."""

CENTRE = "P-CENTRE"
"""Key of the document with the centre's own clocks and the citizen's windows."""

STEPS = (
    ClockKind.SIGN,
    ClockKind.CONTACT,
    ClockKind.ON_SITE,
    ClockKind.PLAN,
    ClockKind.HANDLE,
    ClockKind.REVIEW,
    ClockKind.CALLBACK,
)
AFTER = ("redo", "explanation", "petition", "none")
"""What follows 不满意 (domain.md 4c, last column).

redo: a short second round. explanation: the same; the unit explains before it replies, as from every second round on. petition:
the citizen is told the petition path. none: nothing by itself. In the last two only a supervisor orders another round.
"""
ONCE_MORE = frozenset({"redo", "explanation"})
"""Of these, what a callback clerk may order by himself."""


@dataclass(frozen=True)
class ExtensionRule:
    """One extension that a unit may ask for.

    Attributes:
        limit: how long at most; None: as long as the approver writes.
        by: who approves.
        note: `written` when a written statement is needed, `statute` when the legal basis is.
    """

    limit: Limit | None
    by: Role = Role.SUPERVISOR
    note: str = ""


@dataclass(frozen=True)
class Policy:
    """The limits of one class of tickets. A kind without limit has no clock.

    Attributes:
        when: the conditions, each a set of allowed values.
        redo: the short new limit of a second round; one working day where the policy names none.
        after: what 不满意 leads to: `AFTER`, read by `ticketing.callback.visit`.
        co_handle: limit of a co-unit, so that the lead unit has its part in time; None: the same as the lead's.
    """

    key: str
    when: Mapping[str, frozenset[str]]
    limits: Mapping[ClockKind, Limit]
    redo: Limit = field(default_factory=lambda: Limit(1, "wd"))
    after: str = "redo"
    co_handle: Limit | None = None
    extensions: tuple[ExtensionRule, ...] = ()
    more_extensions: bool = False
    """The last extension rule may be used again and again."""
    options: Options = field(default_factory=Options)
    version: int = 1
    title: str = ""
    retired: bool = False

    @property
    def weight(self) -> tuple[bool, ...]:
        """Compares by the rule of specificity."""
        return tuple(name in self.when for name in DIMENSIONS)

    def fits(self, facts: Mapping[str, str | None]) -> bool:
        """Whether every condition holds. A fact that is not known fits only policies that do not ask for it."""
        return all(facts.get(name) in values for name, values in self.when.items())

    def extension(self, used: int) -> ExtensionRule | None:
        """The rule for one more extension after `used` ones; None when there is none."""
        if used < len(self.extensions):
            return self.extensions[used]
        return self.extensions[-1] if self.more_extensions and self.extensions else None


@dataclass(frozen=True)
class Centre:
    """The centre's own clocks, and the windows of citizen and centre."""

    dispatch: Mapping[Urgency, Limit]
    windows: Mapping[ClockKind, Limit]
    """dispute, follow_up, supplement, evaluation, objection; suspension has no limit of its own, it ends on its review date"""
    reopen_days: int = 7
    sent_back: Limit = field(default_factory=lambda: Limit(1, "wd"))
    """The least time a unit has after the review sent a reply back."""
    objected: Limit = field(default_factory=lambda: Limit(1, "wd"))
    """By when somebody else has decided again after the citizen's objection (T32)."""
    review: Limit = field(default_factory=lambda: Limit(1, "wd"))
    """By when the centre reviews a reply whose policy sets no limit for it (表扬)."""
    version: int = 1


@dataclass(frozen=True)
class Policies:
    """All policies in force at one moment, most special first."""

    centre: Centre
    policies: tuple[Policy, ...]

    @property
    def dispatch(self) -> Mapping[Urgency, Limit]:
        """The centre's own limit until dispatch."""
        return self.centre.dispatch

    @property
    def version(self) -> int:
        """Of the centre's document."""
        return self.centre.version

    def find(
        self,
        mode: DispatchMode | None,
        urgency: Urgency,
        *,
        kind: Kind | None = None,
        handling: HandlingKind | None = None,
        line: str | None = None,
        leader_days: int | None = None,
    ) -> Policy:
        """The most special policy that fits; raises PolicyError when none does."""
        facts = {
            "mode": mode.value if mode else None,
            "urgency": urgency.value,
            "kind": kind.value if kind else None,
            "handling": handling.value if handling else None,
            "line": line,
            "leader_days": str(leader_days) if leader_days else None,
        }
        for policy in self.policies:
            if policy.fits(facts):
                return policy
        raise PolicyError(f"no policy fits {facts}")

    def by_key(self, key: str) -> Policy:
        """The policy with this key; raises PolicyError."""
        for policy in self.policies:
            if policy.key == key:
                return policy
        raise PolicyError(f"no policy {key}")


_FIELDS = {
    "key", "title", "when", "redo", "after", "co_handle", "extensions", "more_extensions",
    "retired", "end", "roll", "warn_at", "yellow_at", "red_at", *(kind.value for kind in STEPS),
}  # fmt: skip


def parse_policy(raw: Any, version: int = 1) -> Policy:
    """Check and build one policy; raises PolicyError naming the entry at fault."""
    if not isinstance(raw, dict) or not str(raw.get("key", "")).strip():
        raise PolicyError("policy: expected a document with a key")
    key = str(raw["key"])
    where = f"policy {key}"
    if unknown := sorted(set(raw) - _FIELDS):
        raise PolicyError(f"{where}: unknown fields {', '.join(map(str, unknown))}")
    limits = {kind: limit_of(raw[kind.value], f"{where}: {kind.value}") for kind in STEPS if raw.get(kind.value) is not None}
    after = _one_of(raw, "after", AFTER, where, "redo" if raw.get("redo") else "none")
    if (after == "redo") != (raw.get("redo") is not None):
        raise PolicyError(f"{where}: after: redo needs a limit `redo`, and nothing else has one")
    if ClockKind.SIGN not in limits:
        raise PolicyError(f"{where}: sign is needed: whatever a unit is given, it signs for")
    co_handle = limit_of(raw["co_handle"], f"{where}: co_handle") if raw.get("co_handle") else None
    if co_handle and ClockKind.HANDLE not in limits:
        raise PolicyError(f"{where}: co_handle without handle")
    return Policy(
        key=key,
        when=_conditions(raw.get("when") or {}, where),
        limits=limits,
        redo=limit_of(raw.get("redo", "1wd"), f"{where}: redo"),
        after=after,
        co_handle=co_handle,
        extensions=tuple(_extension(item, where) for item in raw.get("extensions") or ()),
        more_extensions=raw.get("more_extensions") is True,
        options=options_of(raw, where),
        version=version,
        title=str(raw.get("title", "")),
        retired=raw.get("retired") is True,
    )


def _one_of(raw: Mapping[str, Any], name: str, allowed: tuple[str, ...], where: str, usual: str) -> str:
    value = str(raw.get(name, usual))
    if value not in allowed:
        raise PolicyError(f"{where}: {name} must be one of {', '.join(allowed)}")
    return value


def _conditions(raw: Any, where: str) -> dict[str, frozenset[str]]:
    if not isinstance(raw, dict):
        raise PolicyError(f"{where}: when must name conditions")
    found = {}
    for name, values in raw.items():
        if name not in DIMENSIONS:
            raise PolicyError(f"{where}: when may ask for {', '.join(DIMENSIONS)}, not {name!r}")
        wanted = frozenset(str(value) for value in (values if isinstance(values, list) else [values]))
        allowed = DIMENSIONS[name]
        if not wanted or (allowed is not None and wanted - set(allowed)):
            raise PolicyError(f"{where}: when {name}: unknown value in {', '.join(sorted(wanted))}")
        found[name] = wanted
    return found


def _extension(raw: Any, where: str) -> ExtensionRule:
    try:
        role = Role(raw.get("by", Role.SUPERVISOR.value))
        note = str(raw.get("note", ""))
        if note not in ("", "written", "statute"):
            raise PolicyError(f"{where}: extensions: note must be written or statute")
        return ExtensionRule(None if raw.get("limit") == "any" else limit_of(raw["limit"], f"{where}: extensions"), role, note)
    except PolicyError:
        raise
    except (AttributeError, KeyError, ValueError) as error:
        raise PolicyError(f"{where}: extensions: expected {{limit: 2wd, by: supervisor}}") from error


def parse_centre(raw: Any, version: int = 1) -> Centre:
    """Check and build the centre's own clocks; raises PolicyError."""
    where = f"policy {CENTRE}"
    if not isinstance(raw, dict) or not isinstance(raw.get("dispatch"), dict):
        raise PolicyError(f"{where}: expected `dispatch` by urgency and `windows`")
    dispatch = {urgency: limit_of(raw["dispatch"].get(urgency.value), f"{where}: dispatch {urgency.value}") for urgency in Urgency}
    wanted = {ClockKind.DISPUTE, *WINDOWS} - CHOSEN
    raw_windows = raw.get("windows") or {}
    windows = {kind: limit_of(raw_windows.get(kind.value), f"{where}: windows {kind.value}") for kind in sorted(wanted)}
    days = raw.get("reopen_days", 7)
    if not isinstance(days, int) or not 1 <= days <= 365:
        raise PolicyError(f"{where}: reopen_days must be a number of days")
    single = {name: limit_of(raw.get(name, "1wd"), f"{where}: {name}") for name in ("sent_back", "objected", "review")}
    return Centre(dispatch, windows, days, version=version, **single)


def combine(centre: Centre, policies: Iterable[Policy]) -> Policies:
    """Order the policies by specificity and check the whole: no tie, and every kind of ticket has one."""
    live = [policy for policy in policies if not policy.retired]
    for one, other in combinations(live, 2):
        if one.key == other.key:
            raise PolicyError(f"policy {one.key} stands there twice")
        if one.weight == other.weight and all(one.when[name] & other.when[name] for name in one.when):
            raise PolicyError(f"policies {one.key} and {other.key} fit the same tickets with equal weight")
    ordered = tuple(sorted(live, key=lambda policy: (policy.weight, policy.key), reverse=True))
    found = Policies(centre, ordered)
    for mode, urgency, kind, handling in product(DispatchMode, Urgency, Kind, HandlingKind):
        days = (7, 10, 30) if mode is DispatchMode.LEADER else (None,)
        for leader_days in days:
            found.find(mode, urgency, kind=kind, handling=handling, leader_days=leader_days)
    return found


def documents(raw: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a policy file, by key. Raises PolicyError when the file has another shape."""
    if not isinstance(raw, dict) or not isinstance(raw.get("centre"), dict) or not isinstance(raw.get("policies"), list):
        raise PolicyError("policies: expected `centre` and a list `policies`")
    yield CENTRE, raw["centre"]
    for item in raw["policies"]:
        if not isinstance(item, dict):
            raise PolicyError("policies: each policy is a document with a key")
        yield str(item.get("key", "?")), item


def parse(raw: Any) -> Policies:
    """Check and build a whole policy file; raises PolicyError naming the entry at fault."""
    found = dict[str, Any]()
    for key, document in documents(raw):
        if key in found:
            raise PolicyError(f"policy {key} stands there twice")
        found[key] = document
    centre = parse_centre(found.pop(CENTRE))
    return combine(centre, [parse_policy(document) for document in found.values()])


@lru_cache(maxsize=1)
def seed() -> Any:
    """The document that comes with the program."""
    return yaml.safe_load((files("ticketing") / "seed" / "policies.yaml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def load() -> Policies:
    """The policies that come with the program; those of the installation are read by `book.policies`."""
    return parse(seed())


__all__ = ["CENTRE", "Centre", "ExtensionRule", "Limit", "Policies", "Policy", "PolicyError", "combine", "documents", "load", "parse"]
