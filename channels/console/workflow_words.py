"""The workflow in the words of those who decide about it: its tables, and what a proposal changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.console.event_words import EVENT_WORDS
from channels.console.navigation import ROLE_NAMES
from hotline.i18n import _
from ticketing.ticket.states import TicketState
from ticketing.ticket.workflow import Workflow
from ticketing.ticket.workflow_compare import Difference
from ticketing.ticket.workflow_permissions import not_permitted
from ticketing.words import choices, word
from ticketing.words.workflow import CLOCK_EFFECTS, GUARDS

_PEOPLE = {"citizen": "市民", **{role.value: name for role, name in ROLE_NAMES.items()}, "bot": "智能助手", "system": "系统"}
_STATES = {"ticket": "state", "assignment": "assignment", "acts": "state"}
_OPEN = {state.value for state in TicketState if state.is_open} - {TicketState.DRAFT.value}
_LISTS_OF_PEOPLE = {"who", "also_who", "asks", "consents", "decides"}


@dataclass(frozen=True)
class Line:
    """One step of the table in force."""

    name: str
    sources: str
    target: str
    who: str
    needs: str
    clocks: str
    told: bool
    """Whether the citizen sees it on the tracking page."""


@dataclass(frozen=True)
class RequestLine:
    """One kind of request."""

    name: str
    asks: str
    consents: str
    decides: str


@dataclass(frozen=True)
class Parts:
    """The whole table."""

    ticket: list[Line]
    assignment: list[Line]
    requests: list[RequestLine]
    acts: list[Line]


@dataclass(frozen=True)
class Change:
    """One property that a proposal changes."""

    part: str
    step: str
    prop: str
    before: str
    after: str
    idle: str = ""
    """The people whom it adds and who may not do it all the same (`ticketing.ticket.workflow_permissions`)."""


def table(workflow: Workflow) -> Parts:
    """The steps in the document's order."""
    return Parts(
        ticket=[_line("ticket", item) for item in workflow.transitions.values()],
        assignment=[_line("assignment", item) for item in workflow.assignment.transitions.values()],
        requests=[
            RequestLine(word("request", kind.value), _people(rule.asks), _people(rule.consents), _people(rule.decides))
            for kind, rule in workflow.requests.items()
        ],
        acts=[
            Line(word("action", act.action), _states("acts", act.sources), "", _people(act.who), "", "", told=False)
            for act in workflow.acts.values()
        ],
    )


def _line(part: str, item: Any) -> Line:
    return Line(
        name=word("action", item.action),
        sources=_states(part, item.sources),
        target=word(_STATES[part], item.target.value),
        who=_people(item.who),
        needs=_condition(GUARDS, item.guard),
        clocks=_condition(CLOCK_EFFECTS, item.clocks),
        told=item.public,
    )


def change(found: Difference) -> Change:
    """A difference in words."""
    parts = {"ticket": _("工单"), "assignment": _("承办单位"), "requests": _("申请"), "acts": _("不改变状态")}
    step = word("request" if found.part == "requests" else "action", found.name)
    if not found.prop:
        there, missing = _("有这一步"), _("没有这一步")
        return Change(parts[found.part], step, _("整个步骤"), there if found.before else missing, there if found.after else missing)
    return Change(
        parts[found.part], step, _property(found.prop),
        _value(found.part, found.prop, found.before), _value(found.part, found.prop, found.after), idle=_idle(found),
    )  # fmt: skip


def _idle(found: Difference) -> str:
    if found.prop not in _LISTS_OF_PEOPLE:
        return ""
    idle = not_permitted(found.part, found.name, found.prop, found.after - found.before)
    return _people(idle) if idle else ""


def _property(prop: str) -> str:
    names = {
        "row": _("规程的行"),
        "sources": _("从哪些状态"),
        "target": _("到哪个状态"),
        "who": _("谁可以做"),
        "event": _("记录的事件"),
        "events": _("记录的事件"),
        "public": _("市民看得到"),
        "result": _("必须填的结果"),
        "guard": _("条件"),
        "clocks": _("计时"),
        "also_sources": _("本市增加的起始状态"),
        "also_who": _("本市增加的人员"),
        "why": _("增加的理由"),
        "asks": _("谁申请"),
        "consents": _("谁先同意"),
        "decides": _("谁决定"),
    }
    return names[prop]


def _value(part: str, prop: str, value: Any) -> str:
    if prop in _LISTS_OF_PEOPLE:
        return _people(value)
    if prop in ("sources", "also_sources"):
        return _states(part, value)
    match prop:
        case "target":
            return word(_STATES[part], value.value)
        case "public":
            return _("是") if value else _("否")
        case "result":
            return {"satisfaction": _("满意度"), "no_callback_reason": _("不回访的原因")}.get(value, "—")
        case "guard":
            return _condition(GUARDS, value)
        case "clocks":
            return _condition(CLOCK_EFFECTS, value)
        case "event":
            return _event(value)
        case "events":
            return "、".join(_event(each) for each in value.values())
    return str(value) or "—"


def _event(name: str) -> str:
    return _(EVENT_WORDS[name][2]) if name in EVENT_WORDS else name


def _condition(known: Mapping[str, str], text: str) -> str:
    return "—" if text in ("", "-") else _(known.get(text, text))


def _people(names: Iterable[str]) -> str:
    order = list(_PEOPLE)
    return "、".join(_(_PEOPLE[name]) for name in sorted(names, key=order.index)) or "—"


def _states(part: str, states: frozenset[Any]) -> str:
    values = {state.value for state in states}
    if part != "assignment" and values >= _OPEN:
        return "、".join([_("任何在办状态"), *(word("state", value) for value in sorted(values - _OPEN))])
    return "、".join(word(_STATES[part], value) for value in choices(_STATES[part]) if value in values) or "—"
