"""The intent classifier of the model in use, without Rasa: for the time when Rasa is down, slow or has enough to do.

The same numbers and the same features (chatbot/rasa/intent_features.py), so that a citizen is understood alike either way. Before the first
training, and where Rasa's environment is missing, rules and the example sentences are asked (`chatbot.fallback`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from chatbot import fallback
from chatbot.intents import UNSURE, Hint, Intent
from chatbot.learning.registry import Registry
from hotline import logs

LOG = logs.get(__name__)
LEAST = 0.3
AMBIGUOUS = 0.03
"""As in chatbot/rasa/config.yml (FallbackClassifier)."""
_FEATURES = Path(__file__).parent / "rasa" / "intent_features.py"


@lru_cache(maxsize=1)
def _features() -> Callable[[str], list[str]]:
    """Loaded by path: chatbot/rasa belongs to Rasa's environment and is no package of ours."""
    specification = importlib.util.spec_from_file_location("hotline_intent_features", _FEATURES)
    if specification is None or specification.loader is None:
        raise ImportError(f"{_FEATURES} is missing")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found: Callable[[str], list[str]] = module.features
    return found


@dataclass(frozen=True)
class Classifier:
    """One model's weights."""

    numbers: dict[str, int]
    idf: Any
    weights: Any
    intents: tuple[Intent, ...]

    @classmethod
    def read(cls, path: Path) -> Classifier:
        """From the file; raises OSError, ValueError, KeyError or BadZipFile when it is none."""
        with np.load(path, allow_pickle=False) as kept:
            vocabulary = str(kept["vocabulary"]).split("\n")
            intents = tuple(Intent(str(name)) for name in kept["intents"])
            numbers = {name: number for number, name in enumerate(vocabulary)}
            return cls(numbers, kept["idf"].astype(np.float32), kept["weights"].astype(np.float32), intents)

    def classify(self, text: str) -> Hint:
        """The most likely intent; unsure when none is likely or two are alike."""
        numbers = np.array([self.numbers[name] for name in _features()(text) if name in self.numbers], np.int64)
        if not len(numbers):
            return UNSURE
        strengths = self.idf[numbers]
        scores = (strengths / (float(np.sqrt((strengths**2).sum())) or 1.0)) @ self.weights[numbers] + self.weights[-1]
        shares = 1 / (1 + np.exp(-scores.astype(np.float64)))
        shares /= shares.sum()
        first, second = np.argsort(-shares)[:2]
        danger = float(shares[self.intents.index(Intent.EMERGENCY)]) if Intent.EMERGENCY in self.intents else 0.0
        if shares[first] < LEAST or shares[first] - shares[second] < AMBIGUOUS:
            return Hint(Intent.UNKNOWN, 0.0, danger)
        return Hint(self.intents[first], float(shares[first]), danger)


class Learned:
    """The classifier of whichever model is in use; a switch is noticed at the next sentence."""

    def __init__(self, registry: Registry | None) -> None:
        """`registry` None: there are no models, `chatbot.fallback` answers."""
        self._registry = registry
        self._seen: tuple[str, int] | None = None
        self._classifier: Classifier | None = None

    def classify(self, text: str) -> Hint:
        """The most likely intent of a sentence that no rule decided. Reads the model when it is a new one: call it in a thread."""
        self._refresh()
        return self._classifier.classify(text) if self._classifier is not None else fallback.classify(text)

    def _refresh(self) -> None:
        pointer = self._registry.folder / "live" if self._registry is not None else None
        try:
            changed = pointer.stat().st_mtime_ns if pointer is not None else 0
        except OSError:
            changed = 0
        if self._registry is None or not changed:
            self._seen, self._classifier = None, None
            return
        if self._seen is not None and self._seen[1] == changed:
            return
        name = self._registry.live() or ""
        try:
            self._classifier = Classifier.read(self._registry.classifier(name))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            LOG.warning("classifier.unreadable", model=name, reason=str(error))
            self._classifier = None
        self._seen = (name, changed)
