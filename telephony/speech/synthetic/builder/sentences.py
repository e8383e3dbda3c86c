"""Make the sentences that the test model is trained on and tested with, repeatably from one seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from telephony.speech.synthetic.builder import phrases as p

DIGITS = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"]
_SHARES = {"appeal": 0.42, "guide": 0.3, "place": 0.08, "time": 0.05, "satisfaction": 0.02, "person": 0.05, "phone": 0.05, "order": 0.03}


@dataclass(frozen=True)
class Sentence:
    """Space-separated words; kind is a taxonomy code or the name of a template group."""

    words: str
    kind: str

    @property
    def text(self) -> str:
        """The sentence as it is written."""
        return self.words.replace(" ", "")


def number(n: int) -> str:
    """Read 0..999 as space-separated Mandarin number words."""
    if n < 10:
        return DIGITS[n]
    if n < 100:
        tens, ones = divmod(n, 10)
        return " ".join(([DIGITS[tens]] if tens > 1 else []) + ["十"] + ([DIGITS[ones]] if ones else []))
    hundreds, rest = divmod(n, 100)
    tail = [] if not rest else ["零", DIGITS[rest]] if rest < 10 else [*(["一"] if rest < 20 else []), number(rest)]
    return " ".join([DIGITS[hundreds], "百", *tail])


def digits(text: str) -> str:
    """Read a digit string digit by digit, 1 as 幺 (the telephone reading)."""
    return " ".join("幺" if c == "1" else DIGITS[int(c)] for c in text)


def _count(rng: random.Random) -> str:
    return rng.choice(["两", number(rng.randint(1, 30)), number(rng.randint(1, 12)), number(rng.randint(100, 999))])


def _place(rng: random.Random) -> str:
    pick = rng.choice
    road, place = pick(p.ROADS.split("|")), pick(p.PLACES.split("|"))
    return pick(
        [
            place,
            place,
            pick(p.DISTRICTS.split("|")) + " " + road,
            road + " {n} 号",
            place + " " + pick(p.UNITS.split("|")),
            pick(p.STREETS.split("|")) + " " + road,
            pick(p.DISTRICTS.split("|")) + " " + place,
            road,
        ]
    )


def _fill(pattern: str, rng: random.Random) -> str:
    pick = rng.choice
    values: dict[str, Callable[[], str]] = {
        "place": lambda: _place(rng),
        "time": lambda: pick(p.TIMES.split("|")),
        "n": lambda: _count(rng),
        "d": lambda: number(rng.randint(1, 12)),
        "h": lambda: pick([number(rng.randint(1, 12)), "两"]),
        "m": lambda: number(rng.choice([5, 10, 15, 20, 25, 30, 40, 45, 50])),
        "w": lambda: pick("一二三四五六天"),
        "s": lambda: number(rng.randint(1, 10)),
        "g": lambda: pick(p.TOPICS.split("|")),
        "x": lambda: pick(p.SURNAMES.split("|")),
        "y": lambda: pick(p.GIVEN.split("|")),
        "p": lambda: digits("1" + pick("3578") + "".join(pick("0123456789") for _ in range(9))),
        "o": lambda: digits("".join(pick("0123456789") for _ in range(rng.choice([4, 6, 8, 12])))),
    }
    for key, value in values.items():
        while "{" + key + "}" in pattern:
            pattern = pattern.replace("{" + key + "}", value(), 1)
    return pattern


def _appeal(rng: random.Random) -> Sentence:
    pick = rng.choice
    code = pick(sorted(p.PROBLEMS))
    parts = [
        pick(p.HEADS.split("|")),
        pick([pick(p.TIMES.split("|")), "", ""]),
        pick([_place(rng), _place(rng), ""]),
        pick(p.PROBLEMS[code].split("|")),
        pick(p.TAILS.split("|")),
    ]
    return Sentence(_fill(" ".join(part for part in parts if part), rng), code)


def _templated(kind: str, rng: random.Random) -> str:
    if kind == "guide":
        return rng.choice(p.QUESTION_HEADS.split("|")) + " " + rng.choice(p.QUESTIONS.split("|"))
    patterns = {
        "place": p.PLACE_ANSWERS,
        "time": p.TIME_ANSWERS,
        "satisfaction": p.SATISFACTION,
        "person": p.PERSON,
        "phone": p.PHONE,
        "order": p.ORDER,
    }
    return rng.choice(patterns[kind].split("|"))


def _fixed(rng: random.Random) -> list[Sentence]:
    found = [Sentence(_fill(phrase, rng), code) for code, phrases in p.PROBLEMS.items() for phrase in phrases.split("|")]
    found += [Sentence(words, "command") for words in p.COMMANDS.split("|")]
    found += [Sentence(words, "guide") for words in p.OTHER_QUESTIONS.split("|")]
    found += [Sentence(_fill(words, rng), "place") for words in "|".join((p.DISTRICTS, p.STREETS, p.ROADS, p.PLACES)).split("|")]
    for topic in p.TOPICS.split("|"):
        found += [Sentence(rng.choice(p.QUESTIONS.split("|")).replace("{g}", topic), "guide") for _ in range(4)]
    for question in p.QUESTIONS.split("|"):
        found.append(Sentence(_fill(question, rng), "guide"))
    return found


def generate(count: int, seed: int) -> list[Sentence]:
    """About `count` distinct sentences in an order fixed by `seed`; all fixed commands, places and problems are included."""
    rng = random.Random(seed)
    found: dict[str, Sentence] = {}

    def add(words: str, kind: str) -> None:
        words = " ".join(words.split())
        found.setdefault(words.replace(" ", ""), Sentence(words, kind))

    for sentence in _fixed(rng):
        add(sentence.words, sentence.kind)
    kinds, weights = list(_SHARES), list(_SHARES.values())
    for _ in range(count * 20):
        if len(found) >= count:
            break
        kind = rng.choices(kinds, weights)[0]
        if kind == "appeal":
            appeal = _appeal(rng)
            add(appeal.words, appeal.kind)
        else:
            add(_fill(_templated(kind, rng), rng), kind)
    out = list(found.values())
    rng.shuffle(out)
    return out


def vocabulary(sentences: list[Sentence]) -> list[str]:
    """All words, sorted."""
    return sorted({w for s in sentences for w in s.words.split()})
