"""Learning the two classifiers (category, kind) from the examples: multinomial logistic regression on sparse features, numpy only.

Everything is seeded, so the same sources give the same model. Half a minute to a minute on one core.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ticketing.suggestion.examples import Corpus, Example
from ticketing.suggestion.features import features
from ticketing.suggestion.noise import Noise, frames
from ticketing.ticket.states import Kind

Matrix = NDArray[np.float32]
KINDS = tuple(kind.value for kind in Kind)
SEED = 12345
VARIATIONS = 4
EPOCHS = 6
RATE = 40.0
BATCH = 128
COUNTED = np.float32(0.05)


@dataclass(frozen=True)
class Task:
    """What one classifier learns: texts as lists of feature numbers, and the right answers."""

    rows: list[NDArray[np.int32]]
    labels: NDArray[np.int64]
    weights: Matrix
    classes: int


@dataclass(frozen=True)
class Learned:
    """The result: what `model.Model` is made of."""

    vocabulary: list[str]
    idf: Matrix
    categories: tuple[str, ...]
    category_weights: Matrix
    kind_weights: Matrix


def train(corpus: Corpus, *, epochs: int = EPOCHS, variations: int = VARIATIONS) -> Learned:
    """Learn from `corpus`."""
    chance = random.Random(SEED)
    noise = Noise(chance, frozenset("".join(example.text for example in corpus.examples)))
    by_category = _category_texts(corpus, noise, variations)
    by_kind = _kind_texts(corpus, noise)
    cache: dict[str, list[str]] = {}
    for text, _label, _weight in (*by_category, *by_kind):
        if text not in cache:
            cache[text] = features(text)
    vocabulary, idf = _vocabulary(corpus, cache)
    numbers = {name: number for number, name in enumerate(vocabulary)}
    rows = {text: np.array([numbers[name] for name in found if name in numbers], np.int32) for text, found in cache.items()}
    categories = corpus.categories
    task = _task(by_category, rows, categories)
    return Learned(
        vocabulary,
        idf,
        categories,
        _fit(task, idf, epochs) + COUNTED * _counted(task, len(idf)),
        _fit(_task(by_kind, rows, KINDS), idf, max(3, epochs - 2)),
    )


Labelled = tuple[str, str, float]


def _category_texts(corpus: Corpus, noise: Noise, variations: int) -> list[Labelled]:
    texts: list[Labelled] = []
    for example in corpus.examples:
        texts.append((example.text, example.category, 1.0))
        texts += [(noise.vary(example.text), example.category, 0.6) for _ in range(variations)]
    for code, words in corpus.words.items():
        texts += [(word, code, 0.7) for word in words]
        for _ in range(len(words)):
            pair = noise.chance.sample(words, 2)
            texts.append((noise.vary("，".join(pair)), code, 0.5))
    return texts


def _kind_texts(corpus: Corpus, noise: Noise) -> list[Labelled]:
    """Every example with its kind, the rare kinds more often, and frames that say the kind whatever the matter is."""
    texts: list[Labelled] = []
    often = Counter(example.kind for example in corpus.examples)
    for example in corpus.examples:
        times = min(8, max(1, round(600 / often[example.kind])))
        texts.append((example.text, example.kind.value, 1.0))
        texts += [(_vary_kind(noise, example), example.kind.value, 0.7) for _ in range(times)]
    plain = [example for example in corpus.examples if example.kind is Kind.COMPLAINT]
    for kind, patterns in frames()["kinds"].items():
        for pattern in patterns:
            for example in noise.chance.sample(plain, 60):
                word = noise.chance.choice(corpus.words[example.category])
                said = pattern.format(w=word, t=example.text)
                texts.append((noise.misheard(said, 0.03), kind, 0.7))
    return texts


def _vary_kind(noise: Noise, example: Example) -> str:
    """A variation that keeps what tells the kind: no opener or tail that says 投诉 or 建议 about something else."""
    chance, wrap = noise.chance, frames()
    said = example.text
    if chance.random() < 0.5:
        said = chance.choice(wrap["places"]) + said
    if chance.random() < 0.4:
        said = (
            chance.choice(
                ["喂", "你好", "那个", "您好", "我想问一下", "就是"]
                if example.kind is Kind.CONSULT
                else ["喂", "你好", "那个", "领导好", "就是"]
            )
            + said
        )
    return noise.misheard(said.replace(",", ""), 0.06) if chance.random() < 0.5 else said


def _vocabulary(corpus: Corpus, cache: dict[str, list[str]]) -> tuple[list[str], Matrix]:
    """Which features are kept: short runs always, long ones when they come in two examples; their inverse document frequency."""
    seen: Counter[str] = Counter()
    kept: set[str] = set()
    for example in corpus.examples:
        seen.update(found := cache[example.text])
        kept.update(name for name in found if _short(name))
    for words in corpus.words.values():
        for word in words:
            seen.update(cache[word])
            kept.update(cache[word])
    kept.update(name for name, count in seen.items() if count >= 2)
    everywhere = Counter(name for found in cache.values() for name in found if name.startswith("^") or name.endswith("$"))
    kept.update(name for name, count in everywhere.items() if count >= 12)
    vocabulary = sorted(kept)
    total = len(corpus.examples)
    idf = np.array([np.log(1 + total / (1 + seen[name])) for name in vocabulary], np.float32)
    return vocabulary, idf / idf.max()


def _short(name: str) -> bool:
    return (name.count(" ") == 1 if name.startswith("~") else len(name) <= 2) or "_" in name


def _task(texts: Sequence[Labelled], rows: dict[str, NDArray[np.int32]], classes: Sequence[str]) -> Task:
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[label] for _text, label, _weight in texts], np.int64)
    weights = np.array([weight for _text, _label, weight in texts], np.float32)
    return Task([rows[text] for text, _label, _weight in texts], labels, weights, len(classes))


def _fit(task: Task, idf: Matrix, epochs: int) -> Matrix:
    """Softmax regression by plain gradient descent on small batches, each a dense matrix of only the features that occur in it.

    No adaptive rates: they let words that came once outweigh the words that matter (46 instead of 73 of 100 right).
    """
    weights = np.zeros((len(idf), task.classes), np.float32)
    order = np.random.default_rng(SEED)
    for epoch in range(epochs):
        rate = RATE * (1.05 - epoch / epochs)
        shuffled = order.permutation(len(task.rows))
        for start in range(0, len(shuffled), BATCH):
            picked = shuffled[start : start + BATCH]
            used, dense = _dense([task.rows[number] for number in picked], idf)
            logits = dense @ weights[used]
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            wanted = np.full_like(shares, 0.03 / task.classes)  # smoothed: no example is quite certain
            wanted[np.arange(len(picked)), task.labels[picked]] += 0.97
            weights[used] -= rate / len(picked) * (dense.T @ ((shares - wanted) * task.weights[picked, None]))
    return weights


def _counted(task: Task, features: int) -> Matrix:
    """How much oftener a feature comes in a category than on average (naive Bayes, in logarithms).

    The regression leaves a rare word alone when commoner words explained its examples already; the count does not. A twentieth of it makes
    two more of 100 held-out appeals right, more of it makes fewer.
    """
    seen = np.full((features, task.classes), 0.1, np.float32)
    for row, label, weight in zip(task.rows, task.labels, task.weights, strict=True):
        seen[row, label] += weight
    shares = np.log(seen / seen.sum(axis=0))
    return np.asarray(shares - shares.mean(axis=1, keepdims=True), np.float32)


def _dense(rows: list[NDArray[np.int32]], idf: Matrix) -> tuple[NDArray[np.int32], Matrix]:
    lengths = [len(row) for row in rows]
    columns = np.concatenate(rows) if sum(lengths) else np.zeros(0, np.int32)
    used, place = np.unique(columns, return_inverse=True)
    dense = np.zeros((len(rows), len(used)), np.float32)
    dense[np.repeat(np.arange(len(rows)), lengths), place] = idf[columns]
    norms = np.sqrt((dense**2).sum(axis=1, keepdims=True))
    return used, dense / np.maximum(norms, 1e-6) * SCALE


SCALE = np.float32(4.0)
"""Length of a text's vector; texts of every length weigh the same."""
