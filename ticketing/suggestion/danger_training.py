"""Makes data/danger.npz: `python -m ticketing.suggestion.danger_training`. Half a minute; the same sources give the same model."""

from __future__ import annotations

import hashlib
import random
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ticketing.suggestion import danger, patterns
from ticketing.suggestion.emergency import rules
from ticketing.suggestion.examples import EXAMPLES
from ticketing.suggestion.examples import read as read_appeals
from ticketing.suggestion.noise import Noise

DATA = Path(__file__).parent / "data" / "danger.yaml"
SPOKEN = DATA.with_name("danger_spoken.yaml")
DAILY = DATA.with_name("danger_calm.txt")
"""What is said to the assistant day by day (chatbot.learning.calm drew it): greetings, guide questions, small talk."""
SEED = 12345
EACH = 30
"""Different sentences made of one pattern, at most."""
WRAPPED = 10
"""Sentences made of one that was written down whole, with what stands before and after it."""
MISHEARD = 0.08
SELDOM = 5
"""Least sentences that a feature must come in."""
KEPT = 15_000
"""The features that weigh most; the others change no share by more than some hundredths."""
ROUNDS = 250
RATE = 60.0
BIAS = 0.02
"""How much slower the bias moves: it stands in every sentence, and would swing at the rate of the others."""
DECAY = 1e-5
Labelled = tuple[str, str, float]


@lru_cache(maxsize=1)
def source() -> dict[str, Any]:
    """The patterns as they stand."""
    loaded: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return loaded


@lru_cache(maxsize=1)
def spoken() -> dict[str, Any]:
    """The sentences as people say them."""
    loaded: dict[str, Any] = yaml.safe_load(SPOKEN.read_text(encoding="utf-8"))
    return loaded


def sentences(each: int = EACH, wrapped: int = WRAPPED) -> dict[str, list[str]]:
    """Sentences of each kind of danger and of `calm`, the same ones at every call.

    Args:
        each: different sentences of one pattern, at most.
        wrapped: sentences that a spoken one becomes, at least; 0 for the bare ones alone.
    """
    found, chance = source(), random.Random(SEED)
    made = {
        kind: [said for line in lines for said in patterns.sentences(line, found["words"], chance, each)] for kind, lines in _kinds(found)
    }
    for kind, lines in _kinds(spoken()):
        made[kind] += [said for line in lines for said in _wrapped(line, chance, each, wrapped)]
    return {kind: list(dict.fromkeys(lines)) for kind, lines in made.items()}


def _kinds(file: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [*file["danger"].items(), (danger.CALM, file["calm"])]


def _wrapped(line: str, chance: random.Random, each: int, wrapped: int) -> list[str]:
    """A sentence, or each sentence of a pattern: bare, and with what people say before and after."""
    bare = patterns.sentences(line, {}, chance, each)
    return bare + [_around(chance.choice(bare), chance) for _ in range(wrapped - len(bare))]


def _around(said: str, chance: random.Random) -> str:
    before = chance.choice(spoken()["before"]) if chance.random() < 0.6 else ""
    after = chance.choice(spoken()["after"]) if chance.random() < 0.6 else ""
    return "，".join(part for part in (before, said, after) if part)


def stamp() -> str:
    """A hash of what the model is made from."""
    here = Path(__file__).parent
    code = [here / name for name in ("danger.py", "danger_training.py", "features.py", "noise.py", "patterns.py", "data/pinyin.txt")]
    digest = hashlib.sha256()
    for path in (DATA, SPOKEN, DAILY, *sorted(EXAMPLES.glob("*.yaml")), *code):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def labelled() -> list[Labelled]:
    """(sentence, kind, weight): each longer one once more as a recogniser may hear it.

    The appeals are calm; those with a certain word of danger are left out, and those that were found doubtful: some are danger.
    """
    made = sentences()
    made[danger.CALM] = [*made[danger.CALM], *DAILY.read_text(encoding="utf-8").splitlines()]
    told = {line for lines in made.values() for line in lines} | set(spoken()["doubtful"])
    lines = [(line, kind, 1.0) for kind, group in made.items() for line in group]
    appeals = (example.text for example in read_appeals().examples if example.text not in told)
    lines += [(text, danger.CALM, 1.0) for text in appeals if rules().alarm(rules().plain(text)) is None]
    noise = Noise(random.Random(SEED), frozenset("".join(line for line, _kind, _weight in lines)))
    return lines + [(noise.misheard(line, MISHEARD), kind, 0.5) for line, kind, _weight in lines if len(line) > 5]


def train(lines: list[Labelled]) -> danger.Model:
    """Softmax regression on sparse rows by full gradients with momentum."""
    rows = [danger.read(line) for line, _kind, _weight in lines]
    often = Counter(name for row in rows for name in row)
    vocabulary = sorted(name for name, count in often.items() if count >= SELDOM)
    numbers = {name: number for number, name in enumerate(vocabulary)}
    idf = (np.log((1 + len(rows)) / (1 + np.array([often[name] for name in vocabulary]))) + 1).astype(np.float32)
    kinds = tuple(sorted({kind for _line, kind, _weight in lines}))
    place, column, value = _sparse(rows, numbers, idf)
    wanted = np.zeros((len(rows), len(kinds)), np.float32)
    wanted[np.arange(len(rows)), [kinds.index(kind) for _line, kind, _weight in lines]] = 1.0
    weight = np.array([each for _line, _kind, each in lines], np.float32)[:, None]
    weights = _descend(place, column, value, wanted, weight, len(vocabulary))
    force = (np.abs(weights[:-1] - weights[:-1].mean(axis=1, keepdims=True)) * idf[:, None]).max(axis=1)
    kept = np.sort(np.argsort(-force, kind="stable")[:KEPT])
    chosen = {vocabulary[number]: place for place, number in enumerate(kept)}
    return danger.Model(chosen, idf[kept], weights[[*kept, len(vocabulary)]], kinds)


def _sparse(rows: list[list[str]], numbers: dict[str, int], idf: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Row, column and value of what is not zero, the rows of length 1; the rows come in order."""
    known = [[numbers[name] for name in row if name in numbers] for row in rows]
    place = np.repeat(np.arange(len(rows)), [len(row) for row in known])
    column = np.concatenate([np.array(row, np.int64) for row in known])
    value = idf[column]
    length = np.sqrt(np.bincount(place, value**2, minlength=len(rows))).astype(np.float32)
    return place, column, value / np.maximum(length, 1e-6)[place]


def _descend(
    place: NDArray[Any], column: NDArray[Any], value: NDArray[Any], wanted: NDArray[np.float32], weight: NDArray[np.float32], features: int
) -> NDArray[np.float32]:
    count, kinds = wanted.shape
    weights, speed = np.zeros((features + 1, kinds), np.float32), np.zeros((features + 1, kinds), np.float32)
    total = float(weight.sum())
    for _round in range(ROUNDS):
        scores = np.stack([np.bincount(place, value * weights[column, kind], minlength=count) for kind in range(kinds)], axis=1)
        scores += weights[-1]
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        off = ((grown / grown.sum(axis=1, keepdims=True) - wanted) * weight / total).astype(np.float32)
        slope = [np.bincount(column, value * off[place, kind], minlength=features) for kind in range(kinds)]
        step = np.vstack([np.stack(slope, axis=1), BIAS * off.sum(axis=0)[None, :]]).astype(np.float32)
        speed = (0.9 * speed - RATE * (step + DECAY * weights)).astype(np.float32)
        weights += speed
    return weights


def save(made: danger.Model, path: Path = danger.FILE) -> None:
    """Write the model with the stamp of its sources."""
    np.savez_compressed(
        path,
        stamp=np.array(stamp()),
        vocabulary=np.array("\n".join(made.numbers)),
        idf=made.idf.astype(np.float16),
        weights=made.weights.astype(np.float16),
        kinds=np.array(made.kinds),
    )


def stamp_of(path: Path = danger.FILE) -> str:
    """The stamp of the sources that a file was made from."""
    with np.load(path, allow_pickle=False) as kept:
        return str(kept["stamp"])


def main() -> None:
    """Train and write."""
    lines = labelled()
    save(train(lines))
    sys.stdout.write(f"{danger.FILE.name}: {len(lines)} sentences, {danger.FILE.stat().st_size // 1024} KB\n")


if __name__ == "__main__":
    main()
