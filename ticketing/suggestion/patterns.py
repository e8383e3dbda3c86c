"""Sentences from hand-written patterns: `(a|b|)` is one of them, `<name>` a word of a list."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

_PART = re.compile(r"\(([^()]*)\)|<(\w+)>")


def say(pattern: str, words: Mapping[str, Sequence[Any]], chance: random.Random) -> str:
    """One sentence of `pattern`. Raises KeyError for a list that does not exist."""
    while found := _PART.search(pattern):
        chosen = chance.choice(found[1].split("|")) if found[1] is not None else str(chance.choice(words[found[2]]))
        pattern = pattern[: found.start()] + chosen + pattern[found.end() :]
    return pattern


def sentences(pattern: str, words: Mapping[str, Sequence[Any]], chance: random.Random, each: int) -> list[str]:
    """Up to `each` different sentences of `pattern`."""
    return list(dict.fromkeys(said for _ in range(each) if len(said := say(pattern, words, chance)) > 1))
