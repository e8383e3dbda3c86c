"""Which policy a ticket gets: the rows of domain.md 4c, the rule of specificity, and what the check refuses."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any

import pytest

from ticketing.deadline import policy
from ticketing.deadline.limits import Limit, Options, PolicyError
from ticketing.deadline.models import ClockKind
from ticketing.people.models import Role
from ticketing.ticket.states import DispatchMode, HandlingKind, Kind, Urgency

MIN = 1 / 60


def H(value: float) -> Limit:
    return Limit(value, "h")


def WH(value: float) -> Limit:
    return Limit(value, "wh")


def WD(value: float) -> Limit:
    return Limit(value, "wd")


def D(value: float) -> Limit:
    return Limit(value, "d")


COLUMNS = (ClockKind.SIGN, ClockKind.CONTACT, ClockKind.HANDLE, ClockKind.REVIEW, ClockKind.CALLBACK)
TABLE: dict[str, tuple[tuple[Limit | None, ...], list[tuple[Limit | None, str]], str, Limit]] = {
    # key: sign, contact, handle, review, callback; extensions; after 不满意; redo
    "P-EMG": ((H(10 * MIN), H(20 * MIN), H(24), H(2), H(24)), [], "redo", H(2)),
    "P-URG": ((H(2), H(4), H(24), H(4), WD(1)), [(H(24), "supervisor")], "redo", H(4)),
    "P-PHONE": ((WH(4), WD(1), WD(3), WD(1), WD(1)), [(WD(2), "supervisor")], "redo", WD(1)),
    "P-WRITE": ((WD(1), WD(1), WD(7), WD(1), WD(2)), [(WD(5), "supervisor"), (WD(5), "leader")], "redo", WD(3)),
    "P-CONSULT": ((H(4), None, WD(1), WD(0.5), WD(1)), [(WD(1), "supervisor")], "redo", WD(1)),
    "P-HARD": ((WD(1), WD(1), WD(15), WD(2), WD(2)), [(WD(10), "supervisor")], "redo", WD(3)),
    "P-LEADER-7": ((H(4), WD(1), D(7), WD(1), WD(2)), [(None, "supervisor")], "explanation", WD(1)),
    "P-LEADER-10": ((H(4), WD(1), D(10), WD(1), WD(2)), [(None, "supervisor")], "explanation", WD(1)),
    "P-LEADER-30": ((H(4), WD(1), D(30), WD(1), WD(2)), [(None, "supervisor")], "explanation", WD(1)),
    "P-REPORT": ((WD(1), WD(1), WD(7), WD(1), WD(2)), [(None, "supervisor")], "petition", WD(1)),
    "P-SUGGEST": ((WD(1), None, WD(10), WD(1), WD(2)), [(WD(10), "supervisor")], "none", WD(1)),
    "P-PRAISE": ((WD(1), None, None, None, None), [], "none", WD(1)),
}


def seed() -> dict[str, Any]:
    return deepcopy(policy.seed())


@pytest.mark.parametrize("key", sorted(TABLE))
def test_the_rows_of_the_specification(key: str) -> None:
    limits, extensions, after, redo = TABLE[key]
    found = policy.load().by_key(key)
    assert tuple(found.limits.get(kind) for kind in COLUMNS) == limits
    assert [(rule.limit, rule.by.value) for rule in found.extensions] == extensions
    assert (found.after, found.redo) == (after, redo)


def test_there_are_no_other_rows_and_the_special_limits_are_there() -> None:
    policies = policy.load()
    assert {found.key for found in policies.policies} == set(TABLE)
    assert policies.by_key("P-HARD").limits[ClockKind.PLAN] == WD(5)
    assert policies.by_key("P-EMG").limits[ClockKind.ON_SITE] == H(2)
    assert policies.dispatch == {Urgency.EMERGENCY: H(0.25), Urgency.URGENT: H(1), Urgency.NORMAL: WH(4)}
    assert policies.centre.windows[ClockKind.FOLLOW_UP] == H(0.5)
    assert policies.centre.windows[ClockKind.SUPPLEMENT] == policies.centre.windows[ClockKind.OBJECTION] == WD(5)
    assert policies.centre.windows[ClockKind.EVALUATION] == D(3)


def test_extensions_are_counted_by_the_policy() -> None:
    policies = policy.load()
    written = policies.by_key("P-WRITE")
    assert [rule and rule.by for rule in map(written.extension, range(4))] == [Role.SUPERVISOR, Role.LEADER, None, None]
    leader = policies.by_key("P-LEADER-7").extension(25)
    assert leader is not None
    assert (leader.limit, leader.note) == (None, "written")
    assert policies.by_key("P-EMG").extension(0) is None


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"mode": DispatchMode.PHONE}, "P-PHONE"),
        ({"mode": DispatchMode.WRITTEN}, "P-WRITE"),
        ({"mode": DispatchMode.LEADER}, "P-LEADER-7"),
        ({"mode": DispatchMode.LEADER, "leader_days": 10}, "P-LEADER-10"),
        ({"mode": DispatchMode.LEADER, "leader_days": 30, "kind": Kind.REPORT}, "P-LEADER-30"),
        ({"mode": DispatchMode.LEADER, "leader_days": 30, "handling": HandlingKind.HARD}, "P-LEADER-30"),
        ({"mode": DispatchMode.WRITTEN, "kind": Kind.CONSULT}, "P-CONSULT"),
        ({"mode": DispatchMode.PHONE, "kind": Kind.PRAISE}, "P-PRAISE"),
        ({"mode": DispatchMode.PHONE, "handling": HandlingKind.HARD}, "P-HARD"),
        ({"mode": DispatchMode.PHONE, "handling": HandlingKind.JOINT, "kind": Kind.SUGGESTION}, "P-HARD"),
        ({"mode": DispatchMode.LEADER, "leader_days": 30, "urgency": Urgency.EMERGENCY}, "P-EMG"),
        ({"mode": DispatchMode.WRITTEN, "kind": Kind.CONSULT, "urgency": Urgency.URGENT}, "P-URG"),
    ],
)
def test_the_most_special_policy_is_taken(facts: dict[str, Any], key: str) -> None:
    values = {"kind": Kind.COMPLAINT, "handling": HandlingKind.PROMISED, "urgency": Urgency.NORMAL, "line": "12345", **facts}
    assert policy.load().find(values.pop("mode"), values.pop("urgency"), **values).key == key


def test_every_kind_of_ticket_has_a_policy() -> None:
    for mode, urgency, kind, handling in product(DispatchMode, Urgency, Kind, HandlingKind):
        assert policy.load().find(mode, urgency, kind=kind, handling=handling).limits[ClockKind.SIGN]


def test_specificity_a_condition_of_more_weight_beats_any_number_of_lighter_ones() -> None:
    raw = seed()
    light = {"sign": "1wh", "handle": "1wd", "redo": "1wd"}
    raw["policies"] += [
        {"key": "L", "when": {"line": "12319"}, **light},
        {"key": "L-PHONE", "when": {"line": "12319", "mode": "phone"}, **light},
        {"key": "HARD-KIND-MODE", "when": {"handling": "hard", "kind": "complaint", "mode": "phone"}, **light},
        {"key": "L-EMG", "when": {"line": "12319", "urgency": "emergency"}, **light},
    ]
    policies = policy.parse(raw)

    def key(line: str, mode: DispatchMode, urgency: Urgency = Urgency.NORMAL, handling: HandlingKind = HandlingKind.HARD) -> str:
        return policies.find(mode, urgency, kind=Kind.COMPLAINT, handling=handling, line=line, leader_days=None).key

    assert key("12345", DispatchMode.PHONE) == "HARD-KIND-MODE"
    assert key("12319", DispatchMode.PHONE) == "L-PHONE"  # line beats handling, kind and mode together
    assert key("12319", DispatchMode.WRITTEN) == "L"
    assert key("12319", DispatchMode.PHONE, Urgency.URGENT) == "P-URG"  # urgency beats line
    assert key("12319", DispatchMode.PHONE, Urgency.EMERGENCY) == "L-EMG"
    assert key("12345", DispatchMode.PHONE, Urgency.EMERGENCY) == "P-EMG"


def test_a_line_with_the_example_of_the_specification() -> None:
    raw = seed()
    row = {"key": "P-12319", "when": {"line": "12319", "mode": "phone"}, "sign": "4wh", "handle": {"value": 3, "unit": "wd"}, "redo": "1wd"}
    raw["policies"].append({**row, "warn_at": [0.5, 0.8], "yellow_at": 1.0, "red_at": {"overdue": "1wd"}, "extensions": [{"limit": "2wd"}]})
    found = policy.parse(raw).find(DispatchMode.PHONE, Urgency.NORMAL, kind=Kind.HELP, handling=HandlingKind.PROMISED, line="12319")
    assert (found.key, found.options) == ("P-12319", Options())


def changed(which: str, **values: Any) -> dict[str, Any]:
    raw = seed()
    document = next(item for item in raw["policies"] if item["key"] == which)
    for name, value in values.items():
        if value is None:
            document.pop(name, None)
        else:
            document[name] = value
    return raw


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (changed("P-PHONE", handle="3 weeks"), "policy P-PHONE: handle"),
        (changed("P-PHONE", handle="1.5wd"), "whole"),
        (changed("P-PHONE", handel="3wd"), "unknown fields handel"),
        (changed("P-PHONE", when={"mood": "phone"}), "when may ask for"),
        (changed("P-PHONE", when={"mode": "pigeon"}), "unknown value"),
        (changed("P-PHONE", when={"mode": "written"}), "P-WRITE fit the same tickets|P-PHONE fit the same tickets|P-PHONE and P-WRITE"),
        (changed("P-PHONE", when={"mode": "phone", "line": "12319"}), "no policy fits"),
        (changed("P-PHONE", retired=True), "no policy fits"),
        (changed("P-PHONE", redo=None, after="redo"), "after: redo"),
        (changed("P-PHONE", after="prayer"), "after must be one of"),
        (changed("P-PHONE", extensions=[{"by": "supervisor"}]), "extensions"),
        (changed("P-PHONE", extensions=[{"limit": "2wd", "by": "king"}]), "extensions"),
        (changed("P-PHONE", end="teatime"), "end must be"),
        (changed("P-PHONE", roll="forward"), "roll must be"),
        (changed("P-PHONE", callback_by=["person"]), "unknown fields callback_by"),
        (changed("P-PRAISE", co_handle="2wd"), "co_handle without handle"),
        (changed("P-HARD", when={"handling": "hard"}, key="P-PHONE"), "twice"),
        ({"policies": []}, "expected `centre`"),
        ({"centre": {}, "policies": [{}]}, "P-CENTRE|key"),
        ([], "expected `centre`"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(raw: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        policy.parse(raw)


@pytest.mark.parametrize("part", ["dispatch", "windows"])
def test_the_centres_clocks_must_all_be_there(part: str) -> None:
    raw = seed()
    raw["centre"][part].popitem()
    with pytest.raises(PolicyError, match="P-CENTRE"):
        policy.parse(raw)
