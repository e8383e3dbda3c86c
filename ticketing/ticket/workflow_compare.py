"""What a proposed workflow would change: step by step and property by property, for whoever decides about it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ticketing.ticket.workflow import Act, RequestRule, Transition, Workflow

Entry = Transition[Any] | RequestRule | Act
PARTS = ("ticket", "assignment", "requests", "acts")
"""The lists of the document."""
_NAMES = {"action"}
"""Properties by which an entry is found; they cannot differ."""


@dataclass(frozen=True)
class Difference:
    """One property of one step."""

    part: str
    """One of PARTS."""
    name: str
    """The action, or the kind of a request."""
    prop: str
    """Name of the property; empty when the whole step is new or gone."""
    before: Any
    """As the workflow holds it; None where the step was not there."""
    after: Any


def entries(workflow: Workflow) -> dict[tuple[str, str], Entry]:
    """Every step by its part and name, in the document's order."""
    found: dict[tuple[str, str], Entry] = {}
    found |= {("ticket", name): item for name, item in workflow.transitions.items()}
    found |= {("assignment", name): item for name, item in workflow.assignment.transitions.items()}
    found |= {("requests", kind.value): rule for kind, rule in workflow.requests.items()}
    found |= {("acts", name): act for name, act in workflow.acts.items()}
    return found


def differences(before: Workflow, after: Workflow) -> list[Difference]:
    """What `after` has otherwise, in the order of the document; empty when tickets would not notice."""
    old, new = entries(before), entries(after)
    found: list[Difference] = []
    for key in [*old, *(key for key in new if key not in old)]:
        was, is_now = old.get(key), new.get(key)
        if was is None or is_now is None:
            found.append(Difference(*key, "", was, is_now))
            continue
        for prop in (field.name for field in fields(was) if field.name not in _NAMES):
            if getattr(was, prop) != getattr(is_now, prop):
                found.append(Difference(*key, prop, getattr(was, prop), getattr(is_now, prop)))
    return found
