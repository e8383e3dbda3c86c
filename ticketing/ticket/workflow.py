"""The state machines: data in ticketing/seed/workflow.yaml, read by one engine.

The engine answers two questions: what may this actor do with this ticket now, and may it do this? A refusal says why and
what is allowed instead (D12). It knows nothing of sessions; `ticketing.ticket.steps` applies its answer to rows, and
`ticketing.ticket.workflow_versions` keeps the versions in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Generic, TypeVar

import yaml

from hotline import typed_yaml
from hotline.errors import IllegalStep, NotAllowed
from hotline.events import ActorKind
from hotline.i18n import _
from ticketing.assignment.models import AssignmentState
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.request.states import RequestKind
from ticketing.ticket.states import TicketState
from ticketing.words import word

S = TypeVar("S", TicketState, AssignmentState)

_MACHINES = {"citizen", "bot", "system"}
_PEOPLE = _MACHINES | {role.value for role in Role}
_RESULTS = {None, "satisfaction", "no_callback_reason"}
_ENDS = (TicketState.CLOSED, TicketState.ARCHIVED)
_MISTAKES = (KeyError, TypeError, ValueError, AttributeError)
"""What a document of another shape leads to."""
ANY_OPEN = "any_open"


class WorkflowError(ValueError):
    """The workflow file is wrong; the text says where."""


@dataclass(frozen=True)
class Transition(Generic[S]):
    """One allowed step of a machine."""

    row: str
    """The row of domain.md's table, T1 to T34."""
    action: str
    sources: frozenset[S]
    target: S
    who: frozenset[str]
    event: str
    public: bool
    result: str | None
    """Column that must be filled when this step is taken; every step to an end has one."""
    guard: str
    clocks: str
    also_sources: frozenset[S]
    also_who: frozenset[str]
    """What goes beyond the table; both are contained in `sources` and `who`."""
    why: str


@dataclass(frozen=True)
class RequestRule:
    """Who asks, whose consent is needed, who decides; the four events of a request's life."""

    row: str
    asks: frozenset[str]
    consents: frozenset[str]
    decides: frozenset[str]
    events: dict[str, str]
    """asked, approved, refused, withdrawn"""


@dataclass(frozen=True)
class Act:
    """What may be done without a change of state (T29)."""

    row: str
    action: str
    sources: frozenset[TicketState]
    who: frozenset[str]
    event: str
    also_who: frozenset[str]
    why: str


@dataclass(frozen=True)
class Machine(Generic[S]):
    """The transitions of one kind of row."""

    words: str
    """Table of `ticketing.words` with the words of the states."""
    what: str
    transitions: dict[str, Transition[S]]

    def step(self, state: S, action: str, actor: Actor) -> Transition[S]:
        """The transition; raises NotAllowed (wrong person) or IllegalStep (wrong moment)."""
        transition = self.transitions.get(action)
        if transition is None:  # the city's own version is older than the program that asks
            raise IllegalStep(_("现行的流程里没有“{action}”这一步").format(action=word("action", action)))
        if state not in transition.sources:
            allowed = "、".join(word("action", item.action) for item in self.allowed(state, actor)) or _("无")
            raise IllegalStep(
                _("{what}现在是“{state}”，不能{action}。现在可以：{allowed}").format(
                    what=_(self.what), state=word(self.words, state.value), action=word("action", action), allowed=allowed
                )
            )
        if not transition.who & names(actor):
            raise NotAllowed(_("你的岗位不能{action}").format(action=word("action", action)))
        return transition

    def allowed(self, state: S, actor: Actor) -> list[Transition[S]]:
        """What the actor may do in this state."""
        held = names(actor)
        return [item for item in self.transitions.values() if state in item.sources and item.who & held]


@dataclass(frozen=True)
class Workflow:
    """A validated workflow."""

    version: int
    ticket: Machine[TicketState]
    assignment: Machine[AssignmentState]
    requests: dict[RequestKind, RequestRule] = field(default_factory=dict)
    acts: dict[str, Act] = field(default_factory=dict)

    @property
    def transitions(self) -> dict[str, Transition[TicketState]]:
        """The transitions of the ticket."""
        return self.ticket.transitions

    def step(self, state: TicketState, action: str, actor: Actor) -> Transition[TicketState]:
        """A step of the ticket; raises NotAllowed or IllegalStep."""
        return self.ticket.step(state, action, actor)

    def allowed(self, state: TicketState, actor: Actor) -> list[Transition[TicketState]]:
        """What the actor may do with a ticket in this state."""
        return self.ticket.allowed(state, actor)

    def act(self, state: TicketState, action: str, actor: Actor) -> Act:
        """Something that changes no state (T29); raises NotAllowed or IllegalStep."""
        found = self.acts.get(action)
        if found is None:
            raise IllegalStep(_("现行的流程里没有“{action}”这一步").format(action=word("action", action)))
        if state not in found.sources:
            raise IllegalStep(
                _("工单现在是“{state}”，不能{action}").format(state=word("state", state.value), action=word("action", action))
            )
        if not found.who & names(actor):
            raise NotAllowed(_("你的岗位不能{action}").format(action=word("action", action)))
        return found

    def may(self, kind: RequestKind, part: str, actor: Actor) -> None:
        """Whether the actor may take this part (asks, consents, decides) in a request; raises NotAllowed."""
        rule = self.requests.get(kind)
        if rule is None:
            raise IllegalStep(_("现行的流程里没有“{action}”这一步").format(action=word("request", kind.value)))
        allowed: frozenset[str] = getattr(rule, part)
        if not allowed & names(actor):
            raise NotAllowed(_("你的岗位不能这样处理{kind}申请").format(kind=word("request", kind.value)))


def names(actor: Actor) -> set[str]:
    """The names by which the workflow knows an actor."""
    if actor.kind is ActorKind.STAFF:
        return {actor.role.value} if actor.role else set()
    return {actor.kind.value}


def parse(raw: Any) -> Workflow:
    """Check and build a workflow; raises WorkflowError naming the entry at fault."""
    if not isinstance(raw, dict) or not isinstance(raw.get("ticket"), list):
        raise WorkflowError("workflow: expected a mapping with a list `ticket`")
    for name, kind in (("assignment", list), ("requests", dict), ("acts", list)):
        if not isinstance(raw.get(name) or kind(), kind):
            raise WorkflowError(f"workflow: `{name}` must be a {kind.__name__}")
    try:
        initial = _state(raw.get("initial", TicketState.DRAFT.value), TicketState)
    except _MISTAKES as error:
        raise WorkflowError(f"workflow: initial: {error}") from error
    ticket = Machine("state", "工单", _transitions(raw["ticket"], "ticket", TicketState))
    assignment = Machine("assignment", "本单位的办理状态", _transitions(raw.get("assignment") or [], "assignment", AssignmentState))
    for item in ticket.transitions.values():
        if item.result not in _RESULTS or (item.target in _ENDS) != (item.result is not None):
            if item.action == "archive" and item.result is None:
                continue  # it was closed with a result before
            raise WorkflowError(f"workflow: ticket ({item.action}): a step to closed or archived, and no other, needs a result")
    _reachable(ticket, initial)
    return Workflow(
        _whole(raw.get("version", 0), "version"), ticket, assignment, _requests(raw.get("requests") or {}), _acts(raw.get("acts") or [])
    )


def _reachable(machine: Machine[TicketState], initial: TicketState) -> None:
    reached = {initial} | {item.target for item in machine.transitions.values()}
    left = {source for item in machine.transitions.values() for source in item.sources}
    for item in machine.transitions.values():
        if not item.sources & reached:
            raise WorkflowError(f"workflow: {item.action} starts from a state that nothing reaches")
    if stuck := [state.value for state in reached - left if state.is_open]:
        raise WorkflowError(f"workflow: nothing leads out of {', '.join(sorted(stuck))}")


def _transitions(entries: list[Any], machine: str, states: type[S]) -> dict[str, Transition[S]]:
    found: dict[str, Transition[S]] = {}
    for number, item in enumerate(entries, 1):
        where = f"workflow: {machine} transition {number}"
        try:
            also_sources = _states(item.get("also_from", ()), states)
            also_who = _people(item.get("also_who", ()), where)
            transition = Transition(
                row=_text(item.get("row", "")),
                action=_text(item["action"]),
                sources=_states(item["from"], states) | also_sources,
                target=_state(item["to"], states),
                who=_people(item["who"], where) | also_who,
                event=_text(item["event"]),
                public=bool(item["public"]),
                result=_text(item["result"]) if item.get("result") is not None else None,
                guard=_text(item.get("guard", "")),
                clocks=_text(item.get("clocks", "")),
                also_sources=also_sources,
                also_who=also_who,
                why=_text(item.get("why", "")),
            )
        except WorkflowError:
            raise
        except _MISTAKES as error:
            raise WorkflowError(f"{where}: {error}") from error
        if transition.action in found:
            raise WorkflowError(f"{where}: {transition.action} stands there twice")
        if (also_sources or also_who) and not transition.why:
            raise WorkflowError(f"{where} ({transition.action}): what goes beyond the table needs a `why`")
        found[transition.action] = transition
    return found


def _text(value: Any) -> str:
    """A plain text. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, not a {type(value).__name__}")
    return value


def _people(entries: Iterable[str], where: str) -> frozenset[str]:
    found = frozenset(entries)
    if unknown := found - _PEOPLE:
        raise WorkflowError(f"{where}: unknown role {', '.join(sorted(map(str, unknown)))}")
    return found


def _states(entries: Iterable[str], states: type[S]) -> frozenset[S]:
    found: set[S] = set()
    for entry in entries:
        if entry == ANY_OPEN:
            found |= {state for state in states if state.is_open and state.value != TicketState.DRAFT.value}
        else:
            found.add(_state(entry, states))
    return frozenset(found)


def _state(value: Any, states: type[S]) -> S:
    """A state by its name. Raises TypeError, ValueError."""
    return states(_text(value))


def _requests(raw: Any) -> dict[RequestKind, RequestRule]:
    found: dict[RequestKind, RequestRule] = {}
    for name, item in raw.items():
        try:
            events = dict(zip(("asked", "approved", "refused", "withdrawn"), map(_text, item["events"]), strict=True))
            parts = {part: _people(item[part], f"workflow: request {name}") for part in ("asks", "consents", "decides")}
            found[RequestKind(name)] = RequestRule(row=_text(item["row"]), events=events, **parts)
        except WorkflowError:
            raise
        except _MISTAKES as error:
            raise WorkflowError(f"workflow: request {name}: {error}") from error
    return found


def _acts(entries: list[Any]) -> dict[str, Act]:
    found: dict[str, Act] = {}
    for number, item in enumerate(entries, 1):
        where = f"workflow: act {number}"
        try:
            also_who = _people(item.get("also_who", ()), where)
            act = Act(
                row=_text(item["row"]),
                action=_text(item["action"]),
                sources=_states(item["from"], TicketState),
                who=_people(item["who"], where) | also_who,
                event=_text(item["event"]),
                also_who=also_who,
                why=_text(item.get("why", "")),
            )
        except WorkflowError:
            raise
        except _MISTAKES as error:
            raise WorkflowError(f"{where}: {error}") from error
        if act.action in found:
            raise WorkflowError(f"{where}: {act.action} stands there twice")
        found[act.action] = act
    return found


def _whole(value: Any, where: str) -> int:
    if not isinstance(value, int):
        raise WorkflowError(f"workflow: {where} must be a whole number")
    return value


def seed_text() -> str:
    """The workflow that the package brings."""
    return (files("ticketing") / "seed" / "workflow.yaml").read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def parse_text(text: str) -> Workflow:
    """Parse YAML; raises WorkflowError."""
    try:
        return parse(typed_yaml.read(text))
    except yaml.YAMLError as error:
        raise WorkflowError(f"workflow: not YAML: {error}") from error


@cache
def load() -> Workflow:
    """The workflow that the package brings, without a database. It is never changed, so it is read once."""
    return parse_text(seed_text())
