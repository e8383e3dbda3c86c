"""Rasa's project and our program agree; training data is what it should be."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import yaml

from chatbot import fallback, rules, training
from chatbot.intents import Intent
from chatbot.rasa_client import FORM
from chatbot.rasa_files import PROJECT, RasaFiles
from hotline.settings import Settings


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


def heldout() -> list[tuple[str, str]]:
    groups = yaml.safe_load((Path(__file__).parent / "intents_heldout.yaml").read_text(encoding="utf-8"))
    return [(intent, line) for intent, lines in groups.items() for line in lines]


def test_intents_are_the_same_everywhere() -> None:
    ours = {intent.value for intent in Intent} - {Intent.UNKNOWN.value}
    assert set(read("domain.yml")["intents"]) == ours  # type: ignore[call-overload]
    assert set(examples()) == ours
    steps = [rule["steps"] for rule in read("data/rules.yml")["rules"]]  # type: ignore[attr-defined]
    ruled = {step["intent"] for rule in steps for step in rule if "intent" in step}
    assert ruled == ours | {Intent.UNKNOWN.value}
    assert list(read("domain.yml")["forms"]) == [FORM]  # type: ignore[call-overload]


def test_no_sentence_stands_under_two_intents_or_in_the_held_out_set() -> None:
    lines = [line for group in examples().values() for line in group]
    assert len(lines) == len(set(lines))
    assert len(lines) > 700
    assert not {line for _intent, line in heldout()} & set(lines)


def test_words_of_search_and_of_rasa_are_the_same() -> None:
    ours = Path(training.__file__).parents[1] / "knowledge" / "search" / "dictionary.txt"
    assert (PROJECT / "dictionary" / "words.txt").read_bytes() == ours.read_bytes()


def test_the_fallback_understands_most_held_out_sentences() -> None:
    """Measured 2026-11-22: 93 of 107, complaints 28 of 30."""
    right: dict[str, int] = {}
    for intent, line in heldout():
        rule = "emergency" if rules.danger_in(line) else "want_person" if rules.wants_person(line) else None
        right[intent] = right.get(intent, 0) + ((rule or fallback.classify(line).intent.value) == intent)
    assert right["file_complaint"] >= 27
    assert right["want_person"] == 6
    assert right["emergency"] == 6
    assert sum(right.values()) >= 88


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
