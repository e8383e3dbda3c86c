"""What the assistant does with a sentence: rows of docs/bot-quality.md about appeals, questions, danger and foreign matters.

The same rules, classifier, search and verdict as in a conversation (`chatbot.verdict.judge`), without a database: the classifier is the one
that Rasa has (tests/chatbot/test_rasa_real.py holds them together), trained here when there is no model in .tools.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from benchmarks._articles import FOLDER, Library, Row, heldout
from benchmarks._noise import mishear
from chatbot import training
from chatbot.intents import Intent
from chatbot.learned import Learned
from chatbot.learning import evaluation
from chatbot.rules import danger_in, doubt_in, wants_person
from chatbot.verdict import Verdict, judge
from hotline.settings import Settings
from knowledge.search.service import MIDDLE
from knowledge.seed.loader import Heldout
from ticketing.suggestion.examples import parse_line
from ticketing.ticket.states import Kind

ROOT = Path(__file__).parents[1]
_TOLD = ROOT / "tests" / "ticketing" / "suggestion"
WARN = "warn"
"""Told the emergency number at once, before any verdict."""
VERDICTS = (WARN, *(one.value for one in Verdict))
_SETS = ("first", "second", "plain", "late")
_APPEALS = (Kind.COMPLAINT, Kind.HELP, Kind.REPORT)


@lru_cache(maxsize=1)
def learned() -> Learned:
    """The classifier, trained when its sentences have changed."""
    settings = Settings(demo=True, data_dir=ROOT / ".tools" / "quality")
    kept = ROOT / ".tools" / "e2e" / "rasa" / "models"
    folder = training.registry_of(settings).folder
    if kept.exists() and not folder.exists():
        shutil.copytree(kept, folder)
    training.train(settings)
    return Learned(training.registry_of(settings))


@lru_cache(maxsize=1)
def _library() -> Library:
    return Library()


def verdict(sentence: str) -> str:
    """What is done with a sentence that begins a conversation."""
    if danger_in(sentence):
        return WARN
    if doubt_in(sentence):
        return Verdict.DOUBT
    if wants_person(sentence):
        return Verdict.PERSON
    asked = _library().ask(Heldout(question=sentence, slug=None))
    return judge(sentence, learned().classify(sentence), sure=asked.told, maybe=asked.found.known >= MIDDLE)


def appeals() -> list[str]:
    """Complaints, calls for help and reports that nothing learned from."""
    lines = list(yaml.safe_load((FOLDER / "complaints.yaml").read_text(encoding="utf-8")))
    lines += [line for intent, line in evaluation.heldout() if intent == Intent.FILE_COMPLAINT.value]
    for name in ("heldout.txt", "heldout2.txt"):
        told = [
            line.strip().split(" ", 1)[1] for line in (_TOLD / name).read_text(encoding="utf-8").splitlines() if line[:1] not in ("#", "")
        ]
        lines += [one.text for one in (parse_line(text, "") for text in told) if one.kind in _APPEALS]
    return lines


def questions() -> list[str]:
    """Guide questions that nothing learned from."""
    return [entry.question for entry in heldout("questions")] + [
        line for intent, line in evaluation.heldout() if intent == Intent.ASK_GUIDE.value
    ]


def measure() -> list[Row]:
    """Every row about the dialogue."""
    chance = random.Random(12345)
    told, asked = appeals(), questions()
    foreign = [entry.question for entry in heldout("foreign")]
    danger = yaml.safe_load((FOLDER / "emergencies.yaml").read_text(encoding="utf-8"))
    heard = [mishear(line, chance) for line in told]
    heard_asked = [mishear(line, chance) for line in asked]
    return [
        _row("appeal answered with an article", told, [Verdict.ANSWER], 0.03),
        _row("guide question pushed into the form", asked, [Verdict.FORM], 0.03),
        _row("appeal answered with an article, misheard", heard, [Verdict.ANSWER], 0.03),
        _row("guide question pushed into the form, misheard", heard_asked, [Verdict.FORM], 0.03),
        *(
            _row(
                f"danger, {name} set: the number is told, or asked whether there is danger",
                danger[name],
                [WARN, Verdict.DOUBT],
                1.0,
                at_least=True,
            )
            for name in _SETS
        ),
        *(_row(f"danger, {name} set: the number is told at once", danger[name], [WARN], 0.65, at_least=True) for name in _SETS),
        _row("told on what sounds like danger and is none", danger["calm"], [WARN], 0.02),
        _row("asked or told on what sounds like danger and is none", danger["calm"], [WARN, Verdict.DOUBT], 0.1),
        _row("asked or told on what sounds like danger and is none, late set", danger["late_calm"], [WARN, Verdict.DOUBT], 0.1),
        _row("false alarm on guide questions", asked, [WARN], 0.02),
        _row("false alarm on appeals", told, [WARN], 0.02),
        _row("appeals that are asked about danger", told, [Verdict.DOUBT], 0.06),
        _row("out of scope, answered or taken down as if in scope", foreign, [Verdict.ANSWER, Verdict.FORM], 0.05),
    ]


def ways() -> list[str]:
    """Rows: set, then how many of each verdict."""
    sets = {"appeals": appeals(), "guide questions": questions(), "foreign": [entry.question for entry in heldout("foreign")]}
    lines = []
    for name, sentences in sets.items():
        count = Counter(verdict(line) for line in sentences)
        lines.append(f"| {name} | {len(sentences)} | " + " | ".join(str(count[one]) for one in VERDICTS) + " |")
    return lines


def _row(what: str, sentences: Sequence[str], verdicts: Sequence[str], target: float, *, at_least: bool = False) -> Row:
    hits = [line for line in sentences if verdict(line) in verdicts]
    return Row(what, len(sentences), len(hits) / len(sentences), target, at_least)
