"""What the classifier sees of a text: runs of characters, and runs of sounds, so that a wrong character of the right sound still counts."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

PINYIN = Path(__file__).parent / "data" / "pinyin.txt"
MAX_CHARACTERS = 1500
"""Of a longer story only the first part and the end are read; the matter is said there."""
_DWELLINGS = ("花园", "小区", "苑", "名城", "佳园", "壹号", "科创园")
_BREAK = "，"
_STOP = re.compile(r"[^\u4e00-\u9fff㷫a-z0]+")
_FUZZY = (("zh", "z"), ("ch", "c"), ("sh", "s"))
_NOT_SAID = re.compile(r"(?:[0-9a-z]{5,}|1\d{10})")


def normalise(text: str) -> str:
    """Half-width, lower case, digits as 0, everything that is no character of a word as one break."""
    plain = unicodedata.normalize("NFKC", text).lower()
    if len(plain) > MAX_CHARACTERS:
        plain = plain[: MAX_CHARACTERS - 300] + _BREAK + plain[-300:]
    plain = _names().sub(_BREAK, _NOT_SAID.sub(_BREAK, plain))
    return _STOP.sub(_BREAK, re.sub(r"\d+", "0", plain)).strip(_BREAK)


def _gazetteer() -> Path:
    """As `ticketing.seed.entries.city_file`, which cannot be had here: Rasa's environment reads this file by itself."""
    folder = os.environ.get("HOTLINE_CITY_DIR", "").strip()
    return (Path(folder) if folder else Path(__file__).parents[1] / "seed") / "gazetteer.json"


@lru_cache(maxsize=1)
def _names() -> re.Pattern[str]:
    """Names of roads, estates and areas: they say where, not what (江畔花园 is no garden). A park or a hospital says both and stays."""
    lists = json.loads(_gazetteer().read_text(encoding="utf-8"))
    places = [name for name in lists["places"] if name.endswith(_DWELLINGS)]
    names = [*lists["districts"], *lists["streets_and_towns"], *lists["roads"], *places, lists["city"]]
    return re.compile("|".join(sorted(map(re.escape, names), key=lambda name: (-len(name), name))))


@lru_cache(maxsize=1)
def sounds() -> dict[str, str]:
    """Character -> its sound, with what dialects and recognisers mix up (zh/z, n/l, ng/n, h/f) made equal."""
    found: dict[str, str] = {}
    for line in PINYIN.read_text(encoding="utf-8").splitlines():
        syllable, characters = line.split()
        key = sound_key(syllable)
        found.update((character, key) for character in characters)
    return found


def sound_key(syllable: str) -> str:
    """The syllable (pinyin without tone) after the merging."""
    for heard, key in _FUZZY:
        if syllable.startswith(heard):
            syllable = key + syllable[len(heard) :]
            break
    if syllable.startswith("n"):
        syllable = "l" + syllable[1:]
    elif syllable.startswith("hu") and len(syllable) > 2:
        syllable = "f" + syllable[2:]
    return syllable[:-1] if syllable.endswith("ng") else syllable


def features(text: str) -> list[str]:
    """The features of a text, each once: `ab` characters, `~x y` sounds, `^a` and `a$` how it begins and ends."""
    plain = normalise(text)
    table = sounds()
    found: dict[str, None] = {}
    for part in plain.split(_BREAK):
        count = len(part)
        heard = [table.get(character, character) for character in part]
        for size in (1, 2, 3, 4):
            for start in range(count - size + 1):
                found[part[start : start + size]] = None
        for start in range(count - 1):
            found["~" + " ".join(heard[start : start + 2])] = None
            if start < count - 2:
                found["~" + " ".join(heard[start : start + 3])] = None
                found[f"{part[start]}_{part[start + 2]}"] = None
    if plain:
        found["^" + plain[:2]] = None
        found["^" + plain[:1]] = None
        found[plain[-2:] + "$"] = None
        found[plain[-1:] + "$"] = None
    if "?" in text or "？" in text:
        found["?$"] = None
    return list(found)
