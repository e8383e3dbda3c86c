"""What is measured was not learned: the held-out questions share no sentence with the training data, nor anything much alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pytest

from benchmarks import _fresh
from benchmarks._articles import heldout
from benchmarks._noise import mishear
from knowledge.search import words
from knowledge.seed.loader import SEED_DIR, load_articles, load_heldout
from ticketing.suggestion import danger_training

ALIKE = 0.7
"""Share of common character pairs from which two sentences count as the same."""
RASA = Path(__file__).parents[2] / "chatbot" / "rasa" / "data" / "nlu"


def _plain(sentence: str) -> str:
    return "".join(re.findall(r"[\u4e00-\u9fffa-z0-9]+", words.simplify(sentence)))


def _pairs(sentence: str) -> frozenset[str]:
    plain = _plain(sentence)
    return frozenset(plain[place : place + 2] for place in range(len(plain) - 1)) or frozenset({plain})


@lru_cache(maxsize=1)
def learned() -> tuple[frozenset[str], ...]:
    articles = load_articles()
    listed = [*(one for article in articles for one in article.questions), *(article.title for article in articles)]
    listed += [entry.question for entry in (*load_heldout(), *load_heldout(SEED_DIR / "foreign.yaml"))]
    for path in RASA.glob("*.yml"):
        listed += re.findall(r"(?m)^\s+- (.+)$", path.read_text(encoding="utf-8"))
    return tuple(_pairs(sentence) for sentence in listed)


def _nearest(sentence: str, known: Iterable[frozenset[str]]) -> float:
    pairs = _pairs(sentence)
    return max(len(pairs & other) / len(pairs | other) for other in known)


@pytest.mark.parametrize("name", ["questions", "foreign"])
def test_nothing_held_out_was_learned(name: str) -> None:
    shared = [entry.question for entry in heldout(name) if _nearest(entry.question, learned()) >= ALIKE]
    assert shared == []


@pytest.mark.parametrize("name", _fresh.SETS)
def test_nothing_of_the_fresh_sets_was_learned(name: str) -> None:
    """Foreign sentences may resemble a known one (what time is it): whoever asks has not seen our lists."""
    asked = [entry["question"] for entry in _fresh.sentences(name)["guide"]]
    assert len(asked) == 60
    assert {entry["slug"] for entry in _fresh.sentences(name)["guide"]} <= {article.slug for article in load_articles()}
    assert [question for question in asked if _nearest(question, learned()) >= ALIKE] == []


@pytest.mark.parametrize(("name", "dangers", "calm"), [("fresh3", 60, 40), ("fresh4", 40, 30)])
def test_no_danger_of_the_fresh_sets_was_learned_nor_what_only_sounds_like_it(name: str, dangers: int, calm: int) -> None:
    said = _fresh.sentences(name)
    assert (len(said["danger"]), len(said["calm"])) == (dangers, calm)
    lines = [line for group in danger_training.sentences().values() for line in group]
    known = [_pairs(line) for line in (*lines, *danger_training.DAILY.read_text(encoding="utf-8").splitlines())]
    assert [line for line in (*said["danger"], *said["calm"]) if _nearest(line, known) >= ALIKE] == []


def test_there_are_enough_of_every_topic_and_style() -> None:
    asked = heldout("questions")
    assert len(asked) >= 240
    assert {entry.slug for entry in asked} == {article.slug for article in load_articles()}
    assert {entry.style for entry in asked} == {"plain", "young", "old", "angry", "rambling", "dialect"}
    assert len(heldout("foreign")) >= 80
    assert len(heldout("misheard")) >= 40


def test_what_is_misheard_by_a_seed_is_the_same_each_time_and_not_what_was_said() -> None:
    import random

    said = [entry.question for entry in heldout("questions")]
    once, again = ([mishear(question, random.Random(7)) for question in said] for _ in range(2))
    assert once == again
    assert sum(heard != _plain(question) for heard, question in zip(once, said, strict=True)) > 0.7 * len(said)
