"""How well search answers: rows of docs/bot-quality.md, on questions that nothing was fitted to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._noise import mishear
from knowledge.search import words
from knowledge.search.fit import Guide
from knowledge.search.ranking import Question, Ranked, elsewhere, rank
from knowledge.search.service import MIDDLE, SURE
from knowledge.seed.loader import Heldout, load_articles, load_heldout

FOLDER = Path(__file__).parent / "heldout"
ROUNDS = 3
"""How often each question is misheard."""


@dataclass(frozen=True)
class Row:
    """One measured share."""

    what: str
    asked: int
    share: float
    target: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.share >= self.target if self.at_least else self.share <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.met else "**missed**"
        return f"| {self.what} | {self.asked} | {100 * self.share:.1f} % | {sign} {100 * self.target:.0f} % | {verdict} |"


@dataclass(frozen=True)
class Asked:
    """A question, what was right, and what came."""

    entry: Heldout
    slugs: tuple[str, ...]
    found: Ranked

    @property
    def told(self) -> bool:
        """Whether an answer is given at once."""
        return self.found.sure >= SURE

    @property
    def offered(self) -> bool:
        """Whether choices are offered instead."""
        return not self.told and self.found.known >= MIDDLE

    @property
    def first(self) -> bool:
        """Whether the right article stands first."""
        return self.slugs[:1] == (self.entry.slug,)


class Library:
    """The articles of the files, ranked as the service ranks them."""

    def __init__(self) -> None:
        self._guide = Guide.of(load_articles())

    def ask(self, entry: Heldout, question: str = "") -> Asked:
        """One question."""
        shipped = words.shipped()
        found = rank(Question.of(question or entry.question, shipped), self._guide.packed, self._guide.statistics, elsewhere(shipped))
        return Asked(entry, tuple(self._guide.articles[place].slug for place in found.order[:3]), found)


def heldout(name: str) -> list[Heldout]:
    """The questions of one file of benchmarks/heldout."""
    return load_heldout(FOLDER / f"{name}.yaml")


def share(asked: Sequence[Asked], good: Sequence[bool]) -> float:
    """Of all."""
    return sum(good) / len(asked)


def measure() -> list[Row]:
    """Every row about articles."""
    library = Library()
    questions = [library.ask(entry) for entry in heldout("questions")]
    written = [library.ask(entry) for entry in heldout("misheard")]
    chance = random.Random(12345)
    heard = [library.ask(entry, mishear(entry.question, chance)) for _ in range(ROUNDS) for entry in heldout("questions")]
    foreign = [library.ask(entry) for entry in heldout("foreign")]
    many = len(questions)
    return [
        Row("article ranked first", many, share(questions, [one.first for one in questions]), 0.90),
        Row("article among the first three", many, share(questions, [one.entry.slug in one.slugs for one in questions]), 0.97),
        Row("right answer at once", many, share(questions, [one.told and one.first for one in questions]), 0.75),
        Row(
            "right answer, or among the choices",
            many,
            share(questions, [one.first if one.told else one.offered and one.entry.slug in one.slugs for one in questions]),
            0.95,
        ),
        Row("wrong answer given as right", many, share(questions, [one.told and not one.first for one in questions]), 0.04, False),
        Row("ranked first, misheard (made by a seed)", len(heard), share(heard, [one.first for one in heard]), 0.80),
        Row("ranked first, misheard (by hand)", len(written), share(written, [one.first for one in written]), 0.80),
        Row("wrong answer given as right, misheard", len(heard), share(heard, [one.told and not one.first for one in heard]), 0.04, False),
        Row("out of scope, answered by search alone", len(foreign), share(foreign, [one.told for one in foreign]), 0.05, False),
    ]


def by_style() -> list[str]:
    """Rows: who speaks, asked, first, among three."""
    library = Library()
    asked = [library.ask(entry) for entry in heldout("questions")]
    total = Counter(one.entry.style for one in asked)
    first = Counter(one.entry.style for one in asked if one.first)
    three = Counter(one.entry.style for one in asked if one.entry.slug in one.slugs)
    return [f"| {style} | {count} | {first[style]} | {three[style]} |" for style, count in total.most_common()]
