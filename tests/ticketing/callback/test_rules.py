"""The rules of callbacks as data: who is called, the sample, the scale, what a faulty file says."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import yaml

from hotline.errors import InvalidInput
from ticketing.callback import rules
from ticketing.callback.models import Plan
from ticketing.callback.questionnaire import read_answers
from ticketing.ticket.states import Satisfaction

GOOD = {"contacted": "yes", "solved": "yes", "attitude": "good", "satisfaction": "satisfied"}


def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((files("ticketing") / "seed" / "callback.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize(
    ("facts", "rule", "plan"),
    [
        ({"kind": "complaint"}, "everybody", Plan.CLERK),
        ({"needs": "elderly,text_only", "contact_by": "phone"}, "text-only", Plan.SMS),
        ({"needs": "text_only", "contact_by": "wechat"}, "text-only-wechat", Plan.WECHAT),
        ({"urgency": "emergency", "contact_by": "sms"}, "emergency", Plan.CLERK),
        ({"policy": "P-CONSULT"}, "consult", Plan.SMS),
        ({"kind": "praise"}, "praise", Plan.NONE),
        ({"contact_by": "none"}, "no-contact", Plan.NONE),
        ({"contact_by": "wechat", "channel": "wechat"}, "by-wechat", Plan.WECHAT),
    ],
)
def test_the_first_rule_that_fits_is_taken(facts: dict[str, str], rule: str, plan: Plan) -> None:
    chosen = rules.load().choose("12345-20261118-00001", facts)
    assert (chosen.rule, chosen.plan) == (rule, plan)


def test_a_sample_is_the_same_each_time_and_as_large_as_its_rate() -> None:
    data = raw()
    data["rules"] = [{"key": "all", "when": {}, "plan": "clerk", "rate": 30, "rest": "none"}]
    sampled = rules.parse(data)
    numbers = [f"12345-20261118-{n:05d}" for n in range(4000)]
    first = [sampled.choose(number, {}).plan for number in numbers]
    assert first == [sampled.choose(number, {}).plan for number in numbers]
    assert 0.27 < first.count(Plan.CLERK) / len(first) < 0.33
    # anybody can compute it again: SHA-256 of the number, first four bytes, modulo 100
    assert (
        rules.percentile("12345-20261118-00001")
        == int("0x" + __import__("hashlib").sha256(b"12345-20261118-00001").hexdigest()[:8], 16) % 100
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scale": "ten"}, "no scale ten"),
        ({"attempts": {"count": 2, "days": 2}}, "three attempts on two days"),
        ({"rules": [{"key": "x", "when": {"kind": "help"}, "plan": "clerk", "rate": 100}]}, "must fit every ticket"),
        ({"rules": [{"key": "x", "when": {"colour": "red"}, "plan": "clerk", "rate": 100}]}, "unknown condition colour"),
        ({"rules": [{"key": "x", "when": {}, "plan": "clerk", "rate": 101}]}, "rate"),
        ({"hours": {"from": "20:00", "to": "08:00"}}, "forward"),
        ({"questions": [{"key": "note", "kind": "text", "text": "?", "required": False}]}, "must be asked"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_faulty_file_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    with pytest.raises(rules.RulesError, match=said):
        rules.parse({**raw(), **change})


def test_a_scale_of_five_leads_to_the_three_results() -> None:
    five = rules.parse({**raw(), "scale": "five"})
    assert [five.result_of(step.value) for step in five.steps] == [
        Satisfaction.VERY_SATISFIED, Satisfaction.SATISFIED, Satisfaction.SATISFIED, Satisfaction.DISSATISFIED, Satisfaction.DISSATISFIED,
    ]  # fmt: skip
    result = read_answers(five, {**GOOD, "satisfaction": "fairly_satisfied"}, by="clerk")
    assert (result.satisfaction, result.answers["satisfaction"]) == (Satisfaction.SATISFIED, "fairly_satisfied")
    with pytest.raises(InvalidInput):
        read_answers(rules.load(), {**GOOD, "satisfaction": "fairly_satisfied"}, by="clerk")


def test_every_missing_or_wrong_answer_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_answers(rules.load(), {"solved": "perhaps", "attitude": "rude", "note": "x" * 2001}, by="clerk")
    assert set(caught.value.errors) == {"contacted", "solved", "attitude", "satisfaction", "note"}


def test_a_citizen_is_not_asked_what_only_a_caller_asks() -> None:
    result = read_answers(rules.load(), {"solved": "no", "satisfaction": "dissatisfied"}, by="web")
    assert (result.contacted, result.attitude, result.solved) == (None, None, False)
