"""The learned model: kept as a plain npz file (numbers and strings, no pickle), asked for shares and for the words that decided."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ticketing.suggestion.features import features, normalise
from ticketing.suggestion.training import KINDS, SCALE, Learned, Matrix

TEMPERATURE = 0.7
"""Softens the shares, so that a confidence of 0.8 is right four times out of five (benchmarks/suggest.py prints how well it fits)."""


@dataclass(frozen=True)
class Read:
    """A text as numbers, so that it is taken apart only once."""

    numbers: NDArray[np.int64]
    values: Matrix
    plain: str


class Model:
    """Shares of the categories and kinds for a text. Immutable; one per process is enough."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned
        self._numbers = {name: number for number, name in enumerate(learned.vocabulary)}
        self.categories = learned.categories

    def read(self, text: str) -> Read:
        """Take the text apart."""
        numbers = np.array([self._numbers[name] for name in features(text) if name in self._numbers], np.int64)
        values = self._learned.idf[numbers]
        norm = float(np.sqrt((values**2).sum())) or 1.0
        return Read(numbers, values / norm * SCALE, normalise(text))

    def category_shares(self, read: Read) -> dict[str, float]:
        """Share of each category, all together 1; nearly equal when nothing is known about the text."""
        return dict(zip(self.categories, _shares(read, self._learned.category_weights, TEMPERATURE), strict=True))

    def kind_shares(self, read: Read) -> dict[str, float]:
        """Share of each kind of appeal."""
        return dict(zip(KINDS, _shares(read, self._learned.kind_weights, 1.0), strict=True))

    def words(self, read: Read, category: str, limit: int = 5) -> tuple[str, ...]:
        """The words of the text that spoke for `category`, strongest first."""
        column = self.categories.index(category)
        weights = self._learned.category_weights[read.numbers]
        force = read.values * (weights[:, column] - weights.mean(axis=1))
        found: list[tuple[float, str]] = []
        for number, push in zip(read.numbers, force, strict=True):
            name = self._learned.vocabulary[number]
            if push > 0 and len(name) >= 2 and name[0] not in "~^?" and "_" not in name and not name.endswith("$"):
                found.append((float(push), name))
        return _whole_words(found, read.plain, limit)

    @property
    def learned(self) -> Learned:
        """What was learned."""
        return self._learned


def _shares(read: Read, weights: Matrix, temperature: float) -> list[float]:
    logits = (read.values @ weights[read.numbers]).astype(np.float64) / temperature
    shares = np.exp(logits - logits.max())
    return [float(share) for share in shares / shares.sum()]


def _whole_words(found: list[tuple[float, str]], plain: str, limit: int) -> tuple[str, ...]:
    """The strongest runs that do not overlap in the text; a longer run is taken for its part when it weighs nearly as much."""
    taken = [False] * len(plain)
    words: list[str] = []
    floor = 0.25 * max((push for push, _name in found), default=0.0)
    for push, name in sorted(found, key=lambda item: (-item[0] * len(item[1]) ** 0.5, item[1])):
        start = plain.find(name)
        if push < floor or start < 0 or any(taken[start : start + len(name)]):
            continue
        taken[start : start + len(name)] = [True] * len(name)
        words.append(name)
        if len(words) == limit:
            break
    return tuple(words)


def save(learned: Learned, path: Path, stamp: str) -> None:
    """Write the model, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(
                file,
                stamp=np.array(stamp),
                vocabulary=np.array("\n".join(learned.vocabulary)),
                categories=np.array(learned.categories),
                idf=learned.idf,
                category_weights=learned.category_weights.astype(np.float16),
                kind_weights=learned.kind_weights.astype(np.float16),
            )
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path, stamp: str) -> Model | None:
    """The model of this file, or None when there is none or it was made from other sources (or is broken)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["stamp"]) != stamp:
                return None
            return Model(
                Learned(
                    str(file["vocabulary"]).split("\n"),
                    file["idf"],
                    tuple(str(code) for code in file["categories"]),
                    file["category_weights"].astype(np.float32),
                    file["kind_weights"].astype(np.float32),
                )
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
