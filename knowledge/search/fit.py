"""Fits the numbers of weights.json to the articles' example questions: `python -m knowledge.search.fit` (a minute).

Order: every example question is left out of its article and must find it among the others (softmax over all articles).
Sureness: the same rankings, those of the development questions (knowledge/seed/heldout.yaml), and questions about anything else
(knowledge/seed/foreign.yaml). The held-out questions of benchmarks/heldout are not read here.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.search import document, words
from knowledge.search.document import Packed
from knowledge.search.ranking import SURE_FEATURES, Array, Question, Statistics, Weighing, describe, elsewhere, judge
from knowledge.seed.loader import SEED_DIR, SeedArticle, load_articles, load_heldout

_STEPS, _RATE, _RIDGE = 500, 0.05, 1e-3


@dataclass(frozen=True)
class Guide:
    """The articles of the files as search sees them, without a database."""

    articles: tuple[SeedArticle, ...]
    counts: tuple[tuple[Counter[str], Counter[str]], ...]
    packed: tuple[Packed, ...]
    statistics: Statistics

    @classmethod
    def of(cls, articles: Iterable[SeedArticle]) -> Guide:
        """Counts and packs them."""
        known = tuple(articles)
        counts = tuple(
            document.counted(one.title, one.questions, one.spoken, one.body.model_dump(mode="json"), words.shipped()) for one in known
        )
        packed = tuple(document.unpack(document.pack(*pair)) for pair in counts)
        return cls(known, counts, packed, Statistics.of(packed))

    def without(self, place: int, question: str) -> list[Packed]:
        """All articles, the one at `place` as if it did not list `question`."""
        normalised = words.normalise(question, words.shipped())
        found, heard = (Counter(counts) for counts in self.counts[place])
        found.subtract(Counter(words.tokens(normalised, words.shipped())))
        heard.subtract(Counter(words.sounds(normalised)))
        left = document.unpack(document.pack(+found, +heard))
        return [left if index == place else one for index, one in enumerate(self.packed)]


def _rankings(guide: Guide) -> tuple[Array, Array]:
    """(features of all articles, place of the right one) for each example question left out."""
    features, right = [], []
    for place, article in enumerate(guide.articles):
        for question in article.questions:
            features.append(describe(Question.of(question, words.shipped()), guide.without(place, question), guide.statistics))
            right.append(place)
    return np.array(features), np.array(right)


def _softmax(features: Array, right: Array) -> Weighing:
    flat = features.reshape(-1, features.shape[-1])
    middle, spread = flat.mean(0), flat.std(0) + 1e-6
    scaled = (features - middle) / spread
    target = scaled[np.arange(len(right)), right].sum(0)

    def gradient(weight: Array) -> Array:
        scores = scaled @ weight
        chance = np.exp(scores - scores.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        return np.asarray((np.einsum("qn,qnf->f", chance, scaled) - target) / len(right) + _RIDGE * weight)

    return Weighing(middle, spread, _descend(gradient, features.shape[-1]), np.zeros(0), np.zeros(0))


def _logistic(seen: Array, good: Array, shares: Array) -> Array:
    """Weights (the last one constant) by which `seen` tells good from bad; `shares` weighs the examples."""
    middle, spread = seen.mean(0), seen.std(0) + 1e-6
    scaled = np.hstack([(seen - middle) / spread, np.ones((len(seen), 1))])

    def gradient(weight: Array) -> Array:
        chance = 1 / (1 + np.exp(-(scaled @ weight)))
        return np.asarray(scaled.T @ ((chance - good) * shares) / shares.sum() + _RIDGE * weight)

    weight = _descend(gradient, scaled.shape[1])
    plain = weight[:-1] / spread
    return np.append(plain, weight[-1] - float(plain @ middle))


def _descend(gradient: object, size: int) -> Array:
    """Adam, from nothing: a convex loss in a handful of numbers."""
    weight, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, _STEPS + 1):
        slope = gradient(weight)  # type: ignore[operator]
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        weight = weight - _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weight


def _seen(features: Array, weights: Weighing, foreign: float) -> tuple[Array, int]:
    """What is judged of one ranking, and the place that came first."""
    scores = ((features - weights.middle) / weights.spread) @ weights.weight
    order = np.argsort(-scores, kind="stable")
    return judge(features[order], scores[order], foreign), int(order[0])


def _less(strangers: Iterable[str], question: str) -> Packed:
    """`elsewhere` without this question, which else would know itself."""
    return document.unpack(document.pack(*document.counted("", [one for one in strangers if one != question], "", {}, words.shipped())))


def fit(guide: Guide, foreign: Iterable[str], development: Iterable[tuple[str, str]]) -> Weighing:
    """The numbers for these articles. `development`: (question, slug) that no article lists; `foreign`: about no article."""
    features, right = _rankings(guide)
    order = _softmax(features, right)
    strangers = tuple(foreign)
    strange = elsewhere(words.shipped())

    def example(question: str, place: int, share: float, found: Array | None = None) -> tuple[Array, int, int, float]:
        asked = Question.of(question, words.shipped())
        away = strange if place >= 0 else _less(strangers, question)
        fits = float(describe(asked, [away], guide.statistics)[0, 0])
        return (*_seen(describe(asked, guide.packed, guide.statistics) if found is None else found, order, fits), place, share)

    listed = [question for article in guide.articles for question in article.questions]
    examples = [example(text, int(place), 1.0, found) for text, place, found in zip(listed, right, features, strict=True)]
    places = {article.slug: place for place, article in enumerate(guide.articles)}
    asked = [(question, places[slug]) for question, slug in development]
    for group in (asked, [(question, -1) for question in strangers]):
        share = len(features) / max(len(group), 1) / 2  # each kind of question counts alike, however many there are
        examples += [example(question, place, share) for question, place in group]
    seen = np.array([one[0] for one in examples])
    first, truth, shares = (np.array([one[index] for one in examples]) for index in (1, 2, 3))
    sure = _logistic(seen, (first == truth).astype(float), shares)
    known = _logistic(seen, (truth >= 0).astype(float), shares)
    return Weighing(order.middle, order.spread, order.weight, sure, known)


def main() -> int:
    """Fit and write."""
    development = [(entry.question, entry.slug) for entry in load_heldout() if entry.slug is not None]
    foreign = [entry.question for entry in load_heldout(SEED_DIR / "foreign.yaml")]
    weights = fit(Guide.of(load_articles()), foreign, development)
    kept = {
        name: [round(float(number), 6) for number in getattr(weights, name)] for name in ("middle", "spread", "weight", "sure", "known")
    }
    (Path(__file__).parent / "weights.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{dict(zip(SURE_FEATURES, kept['sure'], strict=False))}\n{kept}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
