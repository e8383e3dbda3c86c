"""The call flow as a form: what an administrator changes often, without YAML. What has no field here stays as the document has it.

The form is a view of the document as plain data: `fields` shows it, `applied` puts what was entered into a copy. So a form that
is refused comes back with what was entered, and the rules are those of the document, written once.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hotline import typed_yaml

Plain = dict[str, Any]
QUEUE_FIELDS = ("timeout", "wrapuptime", "maxlen", "max-wait", "return-call-after", "announce-frequency")
"""Whole numbers of a queue that the form has."""
_LAST = ("talk", "queue", "message")


@dataclass(frozen=True)
class Announcement:
    """One sentence for everybody in a period."""

    say: str = ""
    start: str = ""
    until: str = ""


@dataclass(frozen=True)
class Opening:
    """One line of the hours in which persons answer."""

    calendar: str = "any"
    start: str = "00:00"
    end: str = "24:00"


@dataclass(frozen=True)
class FlowFields:
    """One flow as the form shows it."""

    key: str
    name: str
    numbers: str
    """Dialled numbers that lead here, by commas."""
    is_default: bool
    language: str
    dialect: str
    greeting: str
    announcements: list[Announcement]
    elderly: bool
    elderly_say: str
    queue: str
    closed: str
    hours: list[Opening]


@dataclass(frozen=True)
class Fields:
    """The whole form."""

    flows: list[FlowFields]
    queues: dict[str, Plain]
    languages: dict[str, str] = field(default_factory=dict)
    dialects: dict[str, str] = field(default_factory=dict)


def plain(text: str) -> Plain:
    """The document's text, already checked once, as plain data."""
    found = yaml.safe_load(text)
    return found if isinstance(found, dict) else {}


def written(document: Plain) -> str:
    """Plain data as the text that is published. Comments of the text before are not in it."""
    return typed_yaml.written(document)


def fields(document: Plain) -> Fields:
    """What the form shows, with an empty line for one more announcement and one more opening."""
    tongues = document.get("tongues") or {}
    names = {kind: {key: each["name"] for key, each in tongues.items() if each.get("kind") == kind} for kind in ("language", "dialect")}
    flows = [_flow(key, flow, document) for key, flow in document["flows"].items()]
    return Fields(
        flows=flows,
        queues=document["queues"],
        languages={**{flow.language: flow.language for flow in flows}, "zh": "普通话", **names["language"]},
        dialects={**{flow.dialect: flow.dialect for flow in flows if flow.dialect}, **names["dialect"]},
    )


def _flow(key: str, flow: Plain, document: Plain) -> FlowFields:
    steps = flow["steps"]
    straight, greet = _step(steps, "straight"), _step(steps, "greet")
    hours = flow["person"].get("hours") or []
    announced = [Announcement(each["say"], str(each.get("from") or ""), str(each.get("until") or "")) for each in _all(steps, "announce")]
    openings = [
        Opening(each.get("calendar", "any"), each.get("from", "00:00"), each.get("to", "24:00"))
        for each in (hours if isinstance(hours, list) else [hours])
    ]
    return FlowFields(
        key=key, name=flow["name"], is_default=document["default"] == key, language=flow.get("language", "zh"),
        numbers=", ".join(number for number, leads in (document.get("numbers") or {}).items() if leads == key),
        dialect=flow.get("dialect", ""), greeting=(greet or {}).get("say", ""), announcements=[*announced, Announcement()],
        elderly=straight is not None, elderly_say=(straight or {}).get("say", ""), queue=flow["person"]["queue"],
        closed=flow["person"]["closed"], hours=[*(openings or [Opening()]), Opening(start="", end="")],
    )  # fmt: skip


def _all(steps: list[Plain], name: str) -> list[Plain]:
    return [each for each in steps if each["step"] == name]


def _step(steps: list[Plain], name: str) -> Plain | None:
    return next(iter(_all(steps, name)), None)


def applied(document: Plain, form: Mapping[str, str]) -> Plain:
    """A copy with what was entered, under the next version number. Nothing is checked here: the document's own rules do."""
    after = copy.deepcopy(document)
    after["version"] = int(document["version"]) + 1
    numbers: dict[str, str] = {}
    for key, flow in after["flows"].items():
        _enter(flow, key, form)
        asked = form.get(f"{key}.numbers", "").replace("，", ",").replace("、", ",")
        numbers |= {number.strip(): key for number in asked.split(",") if number.strip()}
    after["numbers"] = numbers
    for key, queue in after["queues"].items():
        for name in QUEUE_FIELDS:
            entered = form.get(f"queue.{key}.{name}", "").strip()
            if entered:
                queue[name] = int(entered) if entered.isascii() and entered.isdigit() else entered
    return after


def _enter(flow: Plain, key: str, form: Mapping[str, str]) -> None:
    said = {name: form.get(f"{key}.{name}", "").strip() for name in ("name", "language", "dialect", "queue", "closed")}
    flow["name"], flow["language"] = said["name"], said["language"]
    flow["dialect"] = said["dialect"]
    person = flow["person"]
    person["queue"], person["closed"] = said["queue"], said["closed"]
    person["hours"] = _hours(person.get("hours"), key, form)
    flow["steps"] = _steps(flow["steps"], key, form)


def _hours(before: Any, key: str, form: Mapping[str, str]) -> list[Plain]:
    """The openings that were entered; days of the week, which have no field, stay with their line."""
    was = before if isinstance(before, list) else [before or {}]
    found = []
    for number in range(len(was) + 1):
        start, end = form.get(f"{key}.hours.{number}.from", "").strip(), form.get(f"{key}.hours.{number}.to", "").strip()
        if start or end:
            line = {"calendar": form.get(f"{key}.hours.{number}.calendar", "any"), "from": start, "to": end}
            found.append({**(was[number] if number < len(was) else {}), **line})
    return found


def _steps(before: list[Plain], key: str, form: Mapping[str, str]) -> list[Plain]:
    """Who is kept out, the greeting, announcements, who goes straight to a person, and the last step as it was."""
    greeting = form.get(f"{key}.greeting", "").strip()
    greet = {**(_step(before, "greet") or {"step": "greet"}), "say": greeting}
    if not greeting:
        greet.pop("say")
    steps = [*_all(before, "screen"), greet, *_announcements(_all(before, "announce"), key, form)]
    if form.get(f"{key}.elderly") == "on":
        straight = _step(before, "straight") or {"step": "straight", "needs": ["elderly"]}
        steps.append({**straight, "say": form.get(f"{key}.elderly_say", "").strip()})
    return [*steps, *(each for each in before if each["step"] in _LAST)]


def _announcements(was: list[Plain], key: str, form: Mapping[str, str]) -> list[Plain]:
    found = []
    for number in range(len(was) + 1):
        names = {name: form.get(f"{key}.announce.{number}.{name}", "").strip() for name in ("say", "from", "until")}
        if names["say"]:
            kept = was[number] if number < len(was) else {"step": "announce"}
            bare = {name: value for name, value in kept.items() if name not in ("from", "until")}
            found.append({**bare, "say": names["say"], **{name: names[name] for name in ("from", "until") if names[name]}})
    return found
