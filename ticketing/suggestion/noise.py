"""Variations of a training example: how the same thing sounds on the telephone, from a recogniser, in a hurry."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ticketing.suggestion.features import PINYIN

FRAMES = Path(__file__).parent / "data" / "frames.yaml"
_MARKS = re.compile(r"[,，。、！？!?.]")


@lru_cache(maxsize=1)
def frames() -> dict[str, Any]:
    """The wrappings of data/frames.yaml."""
    loaded: dict[str, Any] = yaml.safe_load(FRAMES.read_text(encoding="utf-8"))
    return loaded


@dataclass
class Noise:
    """Deterministic variations: the same seed gives the same ones."""

    chance: random.Random
    common: frozenset[str]
    """Characters that a recogniser may put in place of another: those that occur at all."""

    def __post_init__(self) -> None:
        self._alike: dict[str, str] = {}
        for line in PINYIN.read_text(encoding="utf-8").splitlines():
            group = "".join(character for character in line.split()[1] if character in self.common)
            self._alike.update((character, group) for character in group)

    def misheard(self, text: str, share: float) -> str:
        """Some characters replaced by others of the same sound."""
        out = []
        for character in text:
            group = self._alike.get(character, "")
            out.append(self.chance.choice(group) if len(group) > 1 and self.chance.random() < share else character)
        return "".join(out)

    def vary(self, text: str) -> str:
        """The text as somebody else would say it: wrapped, cut, misheard."""
        wrap, pick, toss = frames(), self.chance.choice, self.chance.random
        parts = [part for part in _MARKS.split(text) if part]
        if len(parts) > 1 and toss() < 0.35:
            parts = [pick(parts)] if toss() < 0.5 else self.chance.sample(parts, len(parts))
        if toss() < 0.15 and len(parts[0]) > 8:
            parts[0] = parts[0][self.chance.randint(1, 3) :]
        if toss() < 0.45:
            parts.insert(0, pick(wrap["places"]) + (parts.pop(0) if toss() < 0.5 else ""))
        if toss() < 0.3:
            parts.insert(0, pick(wrap["times"]))
        if toss() < 0.45:
            parts.insert(0, pick(wrap["openers"]))
        while toss() < 0.4:
            parts.append(pick(wrap["tails"]))
        if toss() < 0.25:
            parts.insert(self.chance.randint(0, len(parts)), pick(wrap["fillers"]))
        said = ("" if toss() < 0.5 else "，").join(parts)
        return self.misheard(said, 0.07) if toss() < 0.5 else said
