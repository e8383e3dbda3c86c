"""Rasa's project and our program agree; training data is what it should be."""

from __future__ import annotations

import ast
import json
import stat
import sys
from pathlib import Path

import pytest
import yaml

from chatbot import fallback, training
from chatbot.intents import Intent
from chatbot.learning import evaluation, grammar, sentences
from chatbot.rasa_client import FORM
from chatbot.rasa_files import PROJECT, RasaFiles
from hotline.settings import Settings
from knowledge.search.words import simplify


def read(name: str) -> dict[str, object]:
    content = yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def examples() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((PROJECT / "data" / "nlu").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            found.setdefault(group["intent"], []).extend(line.removeprefix("- ") for line in group["examples"].splitlines())
    return found


def shape(line: str) -> frozenset[str]:
    plain = simplify(line).replace("，", "")
    return frozenset(plain[start : start + 2] for start in range(len(plain) - 1))


def test_intents_are_the_same_everywhere() -> None:
    ours = {intent.value for intent in Intent} - {Intent.UNKNOWN.value}
    assert set(read("domain.yml")["intents"]) == ours  # type: ignore[call-overload]
    assert set(examples()) == ours
    steps = [rule["steps"] for rule in read("data/rules.yml")["rules"]]  # type: ignore[attr-defined]
    ruled = {step["intent"] for rule in steps for step in rule if "intent" in step}
    assert ruled == ours | {Intent.UNKNOWN.value}
    assert list(read("domain.yml")["forms"]) == [FORM]  # type: ignore[call-overload]


def test_no_sentence_stands_under_two_intents() -> None:
    lines = [line for group in examples().values() for line in group]
    assert len(lines) == len(set(lines))
    assert len(lines) > 700


HELDOUT = Path(__file__).parents[2] / "benchmarks" / "heldout"
MATTERS = ("file_complaint", "ask_guide", "query_progress", "out_of_scope", "emergency", "feedback")
"""Set phrases (好的谢谢, 我姓王) cannot be kept apart from what is learned, matters can."""


def test_no_held_out_sentence_is_learned_from_nor_nearly() -> None:
    learned = {line for lines in sentences.gather().values() for line in lines}
    measured = [line for name in ("complaints", "emergencies") for line in yaml.safe_load((HELDOUT / f"{name}.yaml").read_text("utf-8"))]
    assert not {sentences.tidy(line) for line in [*measured, *(line for _intent, line in evaluation.heldout())]} & learned
    by_pair: dict[str, list[frozenset[str]]] = {}
    for one in map(shape, learned):
        for pair in one:
            by_pair.setdefault(pair, []).append(one)
    held = [line for intent, line in evaluation.heldout() if intent in MATTERS] + measured
    assert len(held) > 250
    near = []
    for line in held:
        mine = shape(line)
        rare = sorted(mine, key=lambda pair: len(by_pair.get(pair, ())))[: len(mine) // 4 + 1]  # 4/5 alike: one of these is shared
        if any(len(mine & other) > 0.8 * len(mine | other) for pair in rare for other in by_pair.get(pair, ())):
            near.append(line)
    assert not near


def test_the_grammar_makes_the_same_sentences_again() -> None:
    once = grammar.sentences()
    assert once == grammar.sentences()
    assert {Intent.OUT_OF_SCOPE, Intent.QUERY_PROGRESS, Intent.ASK_GUIDE} <= set(once)
    assert not [line for lines in once.values() for line in lines if set(line) & set("()<>|")]


def test_the_fallback_without_any_model_understands_most_held_out_sentences() -> None:
    """Measured 2026-11-22: 290 of 373, complaints 78 of 90, no danger missed (that set was seen)."""
    pairs = evaluation.heldout()
    report = evaluation.judge(pairs, [fallback.classify(line).intent.value for _intent, line in pairs])
    assert report.by_intent["file_complaint"][0] >= 76
    assert report.missed_danger <= 3
    assert report.right >= 280


def test_secrets_are_written_for_this_user_only_and_never_as_arguments(settings: Settings) -> None:
    files = RasaFiles.of(settings)
    files.write_endpoints(settings)
    files.write_endpoints(settings)
    assert stat.S_IMODE(files.endpoints.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.credentials.stat().st_mode) == 0o600
    assert settings.secret not in files.endpoints.read_text(encoding="utf-8") + files.credentials.read_text(encoding="utf-8")
    assert list(json.loads(files.credentials.read_text(encoding="utf-8"))) == ["hotline_channel.TokenInput"]  # no channel without a token
    assert not [name for name in files.environment() if name.startswith("HOTLINE_")]
    assert files.environment()["RASA_TELEMETRY_ENABLED"] == "false"


def test_without_a_model_the_state_says_so(settings: Settings) -> None:
    trained, why = training.model_state(settings)
    assert not trained
    assert "no model" in why


@pytest.mark.parametrize("path", ["chatbot/rasa/intent_features.py", "ticketing/suggestion/features.py"])
def test_what_rasa_reads_of_ours_needs_the_standard_library_only(path: str) -> None:
    """Rasa's environment has none of our packages: an import of one there is a model that cannot be trained."""
    tree = ast.parse((Path(__file__).parents[2] / path).read_text(encoding="utf-8"))
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names
