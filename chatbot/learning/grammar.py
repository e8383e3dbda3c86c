"""Training sentences from hand-written patterns (grammar.yaml): `(a|b|)` is one of them, `<name>` a word of a list."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from chatbot.intents import Intent

GRAMMAR = Path(__file__).parent / "grammar.yaml"
SEED = 12345
EACH = 24
"""Different sentences made of one pattern, at most."""
_PART = re.compile(r"\(([^()]*)\)|<(\w+)>")


@lru_cache(maxsize=1)
def read() -> dict[str, Any]:
    """The file as it stands."""
    loaded: dict[str, Any] = yaml.safe_load(GRAMMAR.read_text(encoding="utf-8"))
    return loaded


def say(pattern: str, words: Mapping[str, Sequence[Any]], chance: random.Random) -> str:
    """One sentence of `pattern`. Raises KeyError for a list that does not exist."""
    while found := _PART.search(pattern):
        chosen = chance.choice(found[1].split("|")) if found[1] is not None else str(chance.choice(words[found[2]]))
        pattern = pattern[: found.start()] + chosen + pattern[found.end() :]
    return pattern


def sentences(each: int = EACH) -> dict[Intent, list[str]]:
    """Up to `each` different sentences of every pattern, the same ones at every call."""
    grammar, chance = read(), random.Random(SEED)
    found: dict[Intent, list[str]] = {}
    for intent, patterns in grammar["intents"].items():
        lines = found.setdefault(Intent(intent), [])
        for pattern in patterns:
            made = dict.fromkeys(said for _ in range(each) if len(said := say(pattern, grammar["words"], chance)) > 1)
            lines += made
        found[Intent(intent)] = list(dict.fromkeys(lines))
    return found
