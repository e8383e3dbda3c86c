"""Training sentences from hand-written patterns (grammar.yaml): `(a|b|)` is one of them, `<name>` a word of a list."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from chatbot.intents import Intent
from ticketing.suggestion import patterns

GRAMMAR = Path(__file__).parent / "grammar.yaml"
SEED = 12345
EACH = 24
"""Different sentences made of one pattern, at most."""


@lru_cache(maxsize=1)
def read() -> dict[str, Any]:
    """The file as it stands."""
    loaded: dict[str, Any] = yaml.safe_load(GRAMMAR.read_text(encoding="utf-8"))
    return loaded


def sentences(each: int = EACH) -> dict[Intent, list[str]]:
    """Up to `each` different sentences of every pattern, the same ones at every call."""
    grammar, chance = read(), random.Random(SEED)
    found: dict[Intent, list[str]] = {}
    for intent, lists in grammar["intents"].items():
        lines = found.setdefault(Intent(intent), [])
        for pattern in lists:
            lines += patterns.sentences(pattern, grammar["words"], chance, each)
        found[Intent(intent)] = list(dict.fromkeys(lines))
    return found
