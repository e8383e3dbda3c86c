"""Sets as strangers would ask, written from the titles alone before anything else was read: rows of docs/bot-quality.md.

From fresh1 was learned in general (words, a threshold), never its sentences; fresh2 was measured once and nothing followed from it; of
fresh3 and fresh4, which also tell of danger, only figures were ever looked at.
"""

from __future__ import annotations

from typing import Any

import yaml

from benchmarks._articles import FOLDER, Asked, Library, Row
from benchmarks._dialogue import WARN, verdict
from chatbot.verdict import Verdict
from knowledge.seed.loader import Heldout

SETS = ("fresh1", "fresh2", "fresh3", "fresh4")
_OFFERS = (Verdict.BOTH, Verdict.CHOICES)
_TAKES_DOWN = ("form", "caution")


def sentences(name: str) -> dict[str, list[Any]]:
    """By part: guide (question, slug, style), foreign and complaints (sentences)."""
    found: dict[str, list[Any]] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def measure(name: str) -> list[Row]:
    """Every row of one set. What the citizen gets goes through the whole verdict, not through the search alone."""
    library, said = Library(), sentences(name)
    asked = [library.ask(Heldout(**entry)) for entry in said["guide"]]
    pairs = [(one, verdict(one.entry.question)) for one in asked]
    foreign, told = ([verdict(line) for line in said[part]] for part in ("foreign", "complaints"))
    rows: tuple[tuple[str, list[bool], float, bool], ...] = (
        ("article ranked first", [one.first for one in asked], 0.90, True),
        ("article among the first three", [one.entry.slug in one.slugs for one in asked], 0.97, True),
        ("right answer at once", [way == Verdict.ANSWER and one.first for one, way in pairs], 0.75, True),
        ("right answer, or among the choices", [_right(one, way) for one, way in pairs], 0.95, True),
        ("wrong answer given as right", [way == Verdict.ANSWER and not one.first for one, way in pairs], 0.04, False),
        ("guide question pushed into the form", [way in _TAKES_DOWN for _one, way in pairs], 0.03, False),
        ("out of scope, answered or taken down", [way == Verdict.ANSWER or way in _TAKES_DOWN for way in foreign], 0.05, False),
        ("appeal answered with an article", [way == Verdict.ANSWER for way in told], 0.03, False),
    )
    rows += _of_danger(said) if "danger" in said else ()
    return [Row(f"{name}: {what}", len(good), sum(good) / len(good), target, at_least) for what, good, target, at_least in rows]


def _of_danger(said: dict[str, list[Any]]) -> tuple[tuple[str, list[bool], float, bool], ...]:
    danger, calm = ([verdict(line) for line in said[part]] for part in ("danger", "calm"))
    return (
        ("danger told or asked", [way in (WARN, Verdict.DOUBT) for way in danger], 1.0, True),
        ("danger told at once", [way == WARN for way in danger], 0.65, True),
        ("no danger, told", [way == WARN for way in calm], 0.05, False),
        ("no danger, told or asked", [way in (WARN, Verdict.DOUBT) for way in calm], 0.1, False),
    )


def _right(one: Asked, way: str) -> bool:
    return one.first if way == Verdict.ANSWER else way in _OFFERS and one.entry.slug in one.slugs
