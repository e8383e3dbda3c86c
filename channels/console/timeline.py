"""The ticket's events as a story: what, who, when, and the words that were written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.console.event_words import EVENT_WORDS
from channels.web.formats import due_time, duration
from channels.web.words import word
from hotline.events import Event
from hotline.i18n import _, texts
from ticketing.words import table


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    seq: int
    at: datetime
    icon: str
    dot: str
    """CSS modifier of the dot: empty, ok, brand, yellow, red."""
    title: str
    who: str
    detail: str
    quote: str
    name: str = ""
    """The event's name."""
    by_citizen: bool = False
    """The quote is what the citizen said, whoever wrote it down."""


def story(events: Iterable[Event], units: Mapping[int, str]) -> list[Entry]:
    """Events in the order in which they happened; `units` are names by id.

    `assignment.created` of a lead unit is already told by the dispatch before it and left out; so is what a dispute's request
    says beside its opening and its ruling.
    """
    entries = []
    for event in events:
        if (event.name == "assignment.created" and event.data.get("lead")) or event.name in _TOLD_BY_THE_STEP:
            continue
        icon, dot, title = EVENT_WORDS.get(event.name, ("circle", "", event.name))
        entries.append(
            Entry(
                event.seq,
                event.at,
                icon,
                dot,
                _(title),
                _who(event),
                _detail(event, units),
                _quote(event.data),
                event.name,
                event.actor_kind == "citizen" or event.name in _THE_CITIZEN_SAYS,
            ),
        )
    return entries


_THE_CITIZEN_SAYS = frozenset(
    {"ticket.supplemented", "ticket.info_received", "ticket.evaluated", "ticket.objected", "ticket.reopened", "callback.done",
     "callback.second_visit"}
)  # fmt: skip
"""Written down by staff, in the citizen's words."""
_TOLD_BY_THE_STEP = ("dispute.requested", "dispute.approved")


def _who(event: Event) -> str:
    return event.actor_label if event.actor_kind in ("staff", "citizen", "bot") else _("系统")


def _quote(data: Mapping[str, Any]) -> str:
    """What somebody wrote."""
    for key in ("instruction", "answer", "text", "findings", "grounds", "told", "missing", "note", "evidence", "reason", "legal_way"):
        value = data.get(key)
        if isinstance(value, str) and value.strip() and not (key == "reason" and value in _CODES):
            return value.strip()
    return ""


_CODES = {code: name for name in ("return_reason", "no_callback") for code in table(name)}
"""Reasons that are a code, and the table with their words."""


_EDITED = texts({"category_code": "类别", "urgency": "紧急程度", "title": "标题", "confidentiality": "公开程度"})


def _changed(name: str, before: str | None, after: str) -> str:
    table = name if name in ("urgency", "confidentiality") else ""
    old, new = (word(table, before), word(table, after)) if table else (before, after)
    return _("{what}：{old}改为{new}").format(what=_(_EDITED.get(name, name)), old=old or _("空"), new=new)


_Told = Callable[[Mapping[str, Any], Mapping[int, str]], list[str]]
_WORDED = {
    "mode": "mode",
    "urgency": "urgency",
    "satisfaction": "satisfaction",
    "way": "contact",
    "outcome": "attempt",
    "clock": "clock",
}
"""What several events hold, and the table with its words."""


def _detail(event: Event, units: Mapping[int, str]) -> str:
    """The facts of the event in a few words."""
    own = _OF_EVENT[event.name](event.data, units) if event.name in _OF_EVENT else []
    parts = own if event.name in _SAID_WHOLE and own else [*_usual(event, units), *own, *_named(event.data)]
    return "，".join(part for part in parts if part)


def _usual(event: Event, units: Mapping[int, str]) -> list[str]:
    """The unit, how it was done, which round it is."""
    data = event.data
    parts = [units.get(data["unit"], "")] if isinstance(data.get("unit"), int) else []
    if event.name == "assignment.created":
        parts.append(_("协办"))
    parts += [word(words, data[key]) for key, words in _WORDED.items() if key in data]
    if "cause" in data and event.name.startswith("supervise."):
        parts.append(word("card_reason", data["cause"]))
    if "round" in data:
        parts.append(_("第{n}轮").format(n=data["round"]))
    if "reason" in data and data["reason"] in _CODES:
        parts.append(word(_CODES[data["reason"]], data["reason"]))
    return parts


def _named(data: Mapping[str, Any]) -> list[str]:
    """Other tickets, people, days and files that are named."""
    parts = [str(data[key]) for key in ("master", "earlier", "number", "from_number") if isinstance(data.get(key), str)]
    if isinstance(data.get("level"), int):
        parts.append(_("第{n}次反映").format(n=data["level"]))
    if isinstance(data.get("receiver"), str):
        parts.append(_("接收人{who}，{time}").format(who=data["receiver"], time=due_time(datetime.fromisoformat(data["taken_at"]))))
    if isinstance(data.get("review_on"), str):
        parts.append(_("复查日期 {day}").format(day=data["review_on"]))
    if "people" in data:
        parts.append("、".join(str(name) for name in data["people"]))
    if "file" in data:
        parts.append(str(data["file"]))
    return parts


def _registered(data: Mapping[str, Any], _units: Mapping[int, str]) -> list[str]:
    return [word("channel", data.get("channel")), word("kind", data.get("kind"))]


def _called_back(data: Mapping[str, Any], _units: Mapping[int, str]) -> list[str]:
    return [_("已解决") if data["solved"] else _("未解决")] if data.get("solved") is not None else []


def _dialled(data: Mapping[str, Any], _units: Mapping[int, str]) -> list[str]:
    return [
        word("dial_purpose", data["purpose"]),
        word("dial_result", data["result"]),
        duration(data["seconds"]) if data["seconds"] else "",
    ]


def _danger(data: Mapping[str, Any], _units: Mapping[int, str]) -> list[str]:
    return [word("danger", data["danger"]), word("emergency_line", data["line"]), word("danger_help", data["help"])]


def _edited(data: Mapping[str, Any], _units: Mapping[int, str]) -> list[str]:
    words = data.get("words", {})
    return [_changed(name, *words.get(name, (data["before"].get(name), value))) for name, value in data.get("after", {}).items()]


def _dated(data: Mapping[str, Any], _units: Mapping[int, str]) -> list[str]:
    before, after = (due_time(datetime.fromisoformat(data[key])) for key in ("before", "after"))
    return [_("原定{before}，现定{after}").format(before=before, after=after)]


def _disputed(data: Mapping[str, Any], units: Mapping[int, str]) -> list[str]:
    if not data.get("units"):
        return []
    named = "、".join(units.get(number, "") for number in data["units"])
    return [_("职责有交叉：{units}").format(units=named), _("提请领导裁定") if data.get("by_leader") else _("提请督办裁定")]


_OF_EVENT: dict[str, _Told] = {
    "ticket.registered": _registered,
    "callback.done": _called_back,
    "supervise.urged": lambda data, _units: [_("第{n}次").format(n=data["times"])] if "times" in data else [],
    "contact.called": _dialled,
    "danger.heard": _danger,
    "ticket.invalidated": lambda data, _units: [word("invalid_reason", data.get("code"))],
    "ticket.edited": _edited,
    "deadline.recomputed": _dated,
    "assignment.dated": _dated,
    "policy.moved": lambda data, _units: [_("{old}改为{new}").format(old=data["from"], new=data["to"])],
    "dispute.opened": _disputed,
    "dispute.ruled": lambda data, units: [_("主办{unit}").format(unit=units.get(data.get("lead", 0), ""))],
}
"""What an event has to say beyond what all have."""
_SAID_WHOLE = frozenset({"ticket.edited", "dispute.opened"})
"""Nothing is added to what these say."""
