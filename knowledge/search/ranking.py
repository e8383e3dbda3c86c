"""How well candidates fit a question: BM25 over tokens and over sounds, shared meaning, and how sure the first one is.

The weights were fitted on the articles' own example questions, each left out of its article in turn (`knowledge.search.fit`),
never on the held-out questions by which docs/bot-quality.md measures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.search import words
from knowledge.search.document import Packed, Sums, Weights, counted, pack, sums, unpack
from knowledge.search.words import Synonyms
from knowledge.seed.loader import SEED_DIR, load_heldout

K1, B = 2.0, 0.5
"""BM25: how soon repetition stops to count; how much long documents are held back."""
BUCKETS = 1 << 18
TWIN = 0.8
"""A second one that holds all that was asked, and weighs so much of the first, makes it a choice: three articles on one fund."""
FEATURES = ("tokens", "share", "meaning", "sounds")
SURE_FEATURES = ("best", "lead", "share", "lead_of_two", "sounds", "elsewhere")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """How rare tokens are among the articles, and how long articles are."""

    articles: int
    holders: Weights
    """Articles that hold a token, by sum modulo BUCKETS."""
    length: float
    sound_length: float

    @classmethod
    def of(cls, packed: Sequence[Packed], articles: int | None = None) -> Statistics:
        """From all articles, or from a sample of `articles` of them."""
        holders = np.zeros(BUCKETS, np.float32)
        for one in packed:
            holders[one.tokens & (BUCKETS - 1)] += 1
            holders[one.sounds & (BUCKETS - 1)] += 1
        total = articles if articles is not None else len(packed)
        many = max(len(packed), 1)
        length = sum(float(one.token_weights.sum()) for one in packed) / many
        sound_length = sum(float(one.sound_weights.sum()) for one in packed) / many
        return cls(total, holders * np.float32(total / many), max(length, 1.0), max(sound_length, 1.0))

    def held(self, tokens: Sums) -> Weights:
        """About how many articles hold each token."""
        return np.asarray(self.holders[tokens & (BUCKETS - 1)], np.float32)

    def rarity(self, tokens: Sums) -> Array:
        """Inverse document frequency; a token that no article has is the rarest."""
        held = np.minimum(self.held(tokens), self.articles).astype(np.float64)
        return np.asarray(np.log(1 + (self.articles - held + 0.5) / (held + 0.5)))


@dataclass(frozen=True)
class Question:
    """A question as ranking sees it."""

    tokens: Sums
    meanings: Sums
    sounds: Sums

    @classmethod
    def of(cls, text: str, synonyms: Synonyms) -> Question:
        """From the words as they were said or typed."""
        normalised = words.normalise(text, synonyms)
        return cls(sums(words.tokens(normalised, synonyms)), sums(words.concepts(normalised, synonyms)), sums(words.sounds(normalised)))


@dataclass(frozen=True)
class Weighing:
    """The fitted numbers of weights.json."""

    middle: Array
    spread: Array
    weight: Array
    sure: Array
    """Of SURE_FEATURES and a constant: log odds that the first one is right."""
    known: Array
    """The same: log odds that the question is about any article at all."""


@lru_cache(maxsize=1)
def weighing() -> Weighing:
    """The numbers that ship with the program."""
    kept = json.loads((Path(__file__).parent / "weights.json").read_text(encoding="utf-8"))
    return Weighing(*(np.array(kept[name], np.float64) for name in ("middle", "spread", "weight", "sure", "known")))


@dataclass(frozen=True)
class Ranked:
    """Candidates (their places in the given list), best first, and what may be made of the first."""

    order: tuple[int, ...]
    scores: tuple[float, ...]
    sure: float
    """Probability that the first one is the answer."""
    known: float
    """Probability that the question is about any of the articles."""


@lru_cache(maxsize=4)
def elsewhere(synonyms: Synonyms) -> Packed:
    """What people ask that is no business of a government hotline (knowledge/seed/foreign.yaml), as one document."""
    asked = [entry.question for entry in load_heldout(SEED_DIR / "foreign.yaml")]
    return unpack(pack(*counted("", asked, "", {}, synonyms)))


def rank(question: Question, candidates: Sequence[Packed], statistics: Statistics, strange: Packed) -> Ranked:
    """Order `candidates`. Those that share nothing with the question are left out. `strange`: see `elsewhere`."""
    weights = weighing()
    features = describe(question, candidates, statistics)
    some = [place for place in range(len(candidates)) if features[place, 0] > 0 or features[place, 3] > 0]
    if not some:
        return Ranked((), (), 0.0, 0.0)
    scores = ((features - weights.middle) / weights.spread) @ weights.weight
    order = sorted(some, key=lambda place: (-scores[place], place))
    foreign = float(describe(question, [strange], statistics)[0, 0])
    seen = np.append(judge(features[order], scores[order], foreign), 1.0)
    sure = _odds(float(seen @ weights.sure))
    if len(order) > 1 and features[order[1], 1] > 0.999 and features[order[1], 0] >= TWIN * features[order[0], 0]:
        sure = min(sure, 0.5)
    return Ranked(tuple(order), tuple(float(scores[place]) for place in order), sure, _odds(float(seen @ weights.known)))


def describe(question: Question, candidates: Sequence[Packed], statistics: Statistics) -> Array:
    """FEATURES of each candidate."""
    found = np.zeros((len(candidates), len(FEATURES)))
    rarity, heard = statistics.rarity(question.tokens), statistics.rarity(question.sounds)
    total, total_heard = max(float(rarity.sum()), 1e-6), max(float(heard.sum()), 1e-6)
    meanings = statistics.rarity(question.meanings)
    for place, one in enumerate(candidates):
        held = _weights(question.tokens, one.tokens, one.token_weights)
        found[place, 0] = _bm25(held, rarity, float(one.token_weights.sum()) / statistics.length) / math.sqrt(total)
        found[place, 1] = float(rarity[held > 0].sum()) / total
        shared = _weights(question.meanings, one.tokens, one.token_weights) > 0
        found[place, 2] = float(meanings[shared].sum()) / (float(meanings.sum()) + 1)
        sound = _weights(question.sounds, one.sounds, one.sound_weights)
        found[place, 3] = _bm25(sound, heard, float(one.sound_weights.sum()) / statistics.sound_length) / math.sqrt(total_heard)
    return found


def judge(features: Array, scores: Array, foreign: float) -> Array:
    """SURE_FEATURES of a ranking (best first); `foreign`: how well the question fits what is elsewhere."""
    second = scores[1] if len(scores) > 1 else scores[0] - 3
    third = scores[2] if len(scores) > 2 else second
    leads = min(scores[0] - second, 3.0), min(scores[0] - third, 4.0)
    return np.array([features[0, 0], leads[0], features[0, 1], leads[1], features[0, 3], min(foreign, 6.0)])


def _weights(asked: Sums, held: Sums, weights: Weights) -> Array:
    if not len(held):
        return np.zeros(len(asked))
    at = np.minimum(np.searchsorted(held, asked), len(held) - 1)
    return np.where(held[at] == asked, weights[at], 0.0).astype(np.float64)


def _bm25(held: Array, rarity: Array, length: float) -> float:
    return float((rarity * held * (K1 + 1) / (held + K1 * (1 - B + B * length))).sum())


def _odds(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, float(value)))))
