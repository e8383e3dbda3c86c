"""The suggestion measured: how often right on the held-out appeals (as written, misheard, without punctuation), how sure, how fast.

Run: `.venv/bin/python -m benchmarks.suggest`. Learns the model anew first, to say how long that takes.
"""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from ticketing.suggestion.catalogue import from_seed
from ticketing.suggestion.examples import Example, parse_line, read
from ticketing.suggestion.model import Model
from ticketing.suggestion.noise import Noise
from ticketing.suggestion.service import Suggestion, compose
from ticketing.suggestion.training import train

FOLDER = Path(__file__).parents[1] / "tests" / "ticketing" / "suggestion"
SETS = ("heldout", "heldout2")


def heldout(name: str) -> list[Example]:
    """The appeals of one set that nothing was learned from."""
    lines = [
        line.split(" ", 1)
        for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return [parse_line(text, code) for code, text in lines]


def measure(label: str, examples: list[Example], say: Callable[[str], str], ask: Callable[[str], Suggestion]) -> list[tuple[float, bool]]:
    """One line of the table; returns how sure and whether right, for the calibration."""
    catalogue = from_seed()
    found = [(example, ask(say(example.text))) for example in examples]
    first = [bool(item.categories) and item.categories[0].code == example.category for example, item in found]
    three = [example.category in [guess.code for guess in item.categories] for example, item in found]
    unit = [
        bool(item.units) and item.units[0].unit == catalogue.resolve(catalogue.owners[example.category], item.place)
        for example, item in found
    ]
    kind = [item.kind is example.kind for example, item in found]
    shares = [f"{sum(right) / len(found):6.1%}" for right in (first, three, unit, kind)]
    print(f"| {label} | {' | '.join(shares)} |")
    return [(item.categories[0].confidence, right) for (_example, item), right in zip(found, first, strict=True) if item.categories]


def print_tables(examples: list[Example], noise: Noise, ask: Callable[[str], Suggestion]) -> None:
    """How often right, under five kinds of noise, and how sure, for one set."""
    print(f"| {len(examples)} held-out appeals | category first | in first three | unit first | kind |\n|---|---|---|---|---|")
    sure = measure("as written", examples, str, ask)
    measure("without punctuation", examples, lambda text: text.replace(",", ""), ask)
    measure("every tenth character misheard", examples, lambda text: noise.misheard(text, 0.1), ask)
    measure("every fifth character misheard", examples, lambda text: noise.misheard(text, 0.2), ask)
    measure("with an opener, a place and a tail", examples, lambda text: f"喂你好我是江畔花园的,{text},麻烦你们管一管", ask)
    print("\n| confidence | appeals | right |\n|---|---|---|")
    for low, high in ((0.9, 1.01), (0.7, 0.9), (0.5, 0.7), (0.3, 0.5), (0.0, 0.3)):
        group = [right for confidence, right in sure if low <= confidence < high]
        if group:
            print(f"| {low:.0%} and more | {len(group)} | {sum(group) / len(group):.0%} |")


def main() -> None:
    """Print the tables."""
    corpus = read()
    wall, cpu = time.perf_counter(), time.process_time()
    model = Model(train(corpus))
    print(f"learned from {len(corpus.examples)} examples and {sum(map(len, corpus.words.values()))} words", end=" ")
    print(f"in {time.process_time() - cpu:.0f} s of CPU, {time.perf_counter() - wall:.0f} s by the clock\n")

    def ask(text: str) -> Suggestion:
        return compose(model, from_seed(), text)

    noise = Noise(random.Random(3), frozenset("".join(example.text for example in corpus.examples)))
    for name in SETS:
        print_tables(heldout(name), noise, ask)
    times = []
    for example in heldout(SETS[0]):
        began = time.process_time()
        ask(example.text)
        times.append(1000 * (time.process_time() - began))
    times.sort()
    print(f"\none suggestion: median {statistics.median(times):.2f} ms, p95 {times[int(0.95 * len(times))]:.2f} ms of CPU;", end=" ")
    print(f"memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
