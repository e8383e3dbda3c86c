"""The state machine: data in ticketing/seed/workflow.yaml, read by one engine.

The engine answers two questions: what may this actor do with this ticket now, and may it do this? A refusal says why and
what is allowed instead (D12). It knows nothing of sessions; `ticketing.ticket.steps` applies its answer to rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from hotline.errors import IllegalStep, NotAllowed
from hotline.events import ActorKind
from hotline.i18n import _
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.ticket.states import TicketState
from ticketing.words import word

_MACHINES = {"citizen", "bot", "system"}
_RESULTS = {None, "satisfaction", "no_callback_reason"}


@dataclass(frozen=True)
class Transition:
    """One allowed step."""

    action: str
    sources: frozenset[TicketState]
    target: TicketState
    who: frozenset[str]
    event: str
    public: bool
    result: str | None
    """Column that must be filled when this step is taken; every step to `closed` has one."""


class WorkflowError(ValueError):
    """The workflow file is wrong; the text says where."""


@dataclass(frozen=True)
class Workflow:
    """A validated set of transitions."""

    version: int
    transitions: dict[str, Transition]

    def step(self, state: TicketState, action: str, actor: Actor) -> Transition:
        """The transition; raises NotAllowed (wrong person) or IllegalStep (wrong moment)."""
        transition = self.transitions[action]
        if state not in transition.sources:
            allowed = "、".join(word("action", item.action) for item in self.allowed(state, actor)) or _("无")
            raise IllegalStep(
                _("工单现在是“{state}”，不能{action}。现在可以：{allowed}").format(
                    state=word("state", state.value), action=word("action", action), allowed=allowed
                )
            )
        if not transition.who & _names(actor):
            raise NotAllowed(_("你的岗位不能{action}").format(action=word("action", action)))
        return transition

    def allowed(self, state: TicketState, actor: Actor) -> list[Transition]:
        """What the actor may do with a ticket in this state."""
        names = _names(actor)
        return [item for item in self.transitions.values() if state in item.sources and item.who & names]


def _names(actor: Actor) -> set[str]:
    if actor.kind is ActorKind.STAFF:
        return {actor.role.value} if actor.role else set()
    return {actor.kind.value}


def parse(raw: Any) -> Workflow:
    """Check and build a workflow; raises WorkflowError naming the entry at fault."""
    if not isinstance(raw, dict) or not isinstance(raw.get("transitions"), list):
        raise WorkflowError("workflow: expected a mapping with a list `transitions`")
    found: dict[str, Transition] = {}
    people = _MACHINES | {role.value for role in Role}
    for number, item in enumerate(raw["transitions"], 1):
        where = f"workflow: transition {number}"
        try:
            transition = Transition(
                action=str(item["action"]),
                sources=frozenset(TicketState(state) for state in item["from"]),
                target=TicketState(item["to"]),
                who=frozenset(item["who"]),
                event=str(item["event"]),
                public=bool(item["public"]),
                result=item.get("result"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WorkflowError(f"{where}: {error}") from error
        if unknown := transition.who - people:
            raise WorkflowError(f"{where} ({transition.action}): unknown role {', '.join(sorted(unknown))}")
        if transition.action in found:
            raise WorkflowError(f"{where}: {transition.action} stands there twice")
        if transition.result not in _RESULTS or (transition.target is TicketState.CLOSED) != (transition.result is not None):
            raise WorkflowError(f"{where} ({transition.action}): a step to closed, and no other, needs a result")
        found[transition.action] = transition
    reached = {TicketState(raw.get("initial", "registered"))} | {item.target for item in found.values()}
    for item in found.values():
        if not item.sources & reached:
            raise WorkflowError(f"workflow: {item.action} starts from a state that nothing reaches")
    return Workflow(int(raw.get("version", 0)), found)


@lru_cache(maxsize=1)
def load() -> Workflow:
    """The workflow of this installation."""
    text = (files("ticketing") / "seed" / "workflow.yaml").read_text(encoding="utf-8")
    return parse(yaml.safe_load(text))
