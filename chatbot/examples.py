"""A small intent classifier over Rasa's own training sentences, for the time when Rasa is down.

Naive Bayes over characters and character pairs, in pure Python: read and counted in a tenth of a second at first use.
Rasa's classifier is better; this one keeps complaints complaints.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from chatbot.intents import UNSURE, Hint, Intent
from knowledge.search.words import grams, simplify

NLU = Path(__file__).parent / "rasa" / "data" / "nlu"
_SMOOTHING = 0.1
_LEAST = 0.45
"""Least share of the best intent; below it nothing is claimed."""
_SHARPNESS = 2.0
"""Divides the number of features: evidence of overlapping pairs is not independent."""


class Examples:
    """Counts of features by intent."""

    def __init__(self, sentences: Mapping[Intent, Sequence[str]]) -> None:
        """Count `sentences`."""
        self._counts = {intent: Counter(token for line in lines for token in features(line)) for intent, lines in sentences.items()}
        self._totals = {intent: sum(counts.values()) for intent, counts in self._counts.items()}
        self._vocabulary = len({token for counts in self._counts.values() for token in counts})

    def classify(self, text: str) -> Hint:
        """The most likely intent with its share of the likelihood; unsure when there is no clear one."""
        asked = [token for token in features(text) if any(token in counts for counts in self._counts.values())]
        if not asked or not self._counts:
            return UNSURE
        scores = {intent: sum(self._weight(intent, token) for token in asked) / _SHARPNESS for intent in self._counts}
        best = max(scores, key=lambda intent: scores[intent])
        share = 1 / sum(math.exp(score - scores[best]) for score in scores.values())
        return Hint(best, share) if share >= _LEAST else UNSURE

    def _weight(self, intent: Intent, token: str) -> float:
        count = self._counts[intent][token] + _SMOOTHING
        return math.log(count / (self._totals[intent] + _SMOOTHING * self._vocabulary))


def features(text: str) -> list[str]:
    """Characters and pairs."""
    return list(grams(simplify(text)))


@lru_cache(maxsize=1)
def examples() -> Examples:
    """The classifier over the training files; knows nothing where they are not installed."""
    sentences: dict[Intent, list[str]] = {}
    for path in sorted(NLU.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            lines = [line.removeprefix("- ").strip() for line in group["examples"].splitlines()]
            sentences.setdefault(Intent(group["intent"]), []).extend(line for line in lines if line)
    return Examples(sentences)
