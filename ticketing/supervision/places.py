"""Where a matter is, as keys that two appeals of the same place have in common. Pure; the names are data (seed/gazetteer.json)."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

from ticketing.seed.entries import city_file

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_SPOKEN = re.compile(r"[零〇一二三四五六七八九两十百千]+(?=号|弄|巷)")
_HOUSE = re.compile(r"\D{0,3}?(\d{1,5})(?:号|弄)")
_ROAD = re.compile(r"([\u4e00-\u9fff]{2,4}?(?:大道|路|街|巷))")
_PLACE = re.compile(r"([\u4e00-\u9fff]{2,6}?(?:小区|花园|家园|公寓|广场|公园|市场|大厦|中学|小学|幼儿园|医院|车站|社区|村))")
_LEADING = re.compile(r"^(?:我家住|我家|我们|我|家住|住在|就在|位于|地址是|在|住|到|从|和|与|的|是)+")
EARTH_M = 6_371_000


@dataclass(frozen=True)
class Names:
    """Names of the city, longest first."""

    areas: tuple[str, ...]
    """City and districts: they make no place, and are taken off."""
    roads: tuple[str, ...]
    places: tuple[str, ...]


@lru_cache(maxsize=1)
def names() -> Names:
    """The gazetteer of this city."""
    lists = json.loads(city_file("gazetteer.json").read_text(encoding="utf-8"))

    def longest_first(*keys: str) -> tuple[str, ...]:
        return tuple(sorted({name for key in keys for name in lists[key]}, key=lambda name: (-len(name), name)))

    return Names((lists["city"], *longest_first("districts", "streets_and_towns")), longest_first("roads"), longest_first("places"))


def place_keys(text: str, known: Names | None = None) -> tuple[str, ...]:
    """Keys of the place that `text` names: named places, a road with its number; a road alone only when nothing closer is said."""
    known = known or names()
    words = _plain(text)
    for area in known.areas:
        words = words.replace(area, " ")
    keys = [name for name in known.places if name in words]
    bare: list[str] = []
    for road in known.roads:
        if road in words:
            _house(words, road, keys, bare)
    if not keys and not bare:
        for found in _ROAD.findall(words):
            _house(words, _LEADING.sub("", found), keys, bare)
        keys += [_LEADING.sub("", found) for found in _PLACE.findall(words)]
    chosen = keys or bare
    return tuple(dict.fromkeys(key for key in chosen if len(key) >= 3))


def _house(words: str, road: str, keys: list[str], bare: list[str]) -> None:
    at = words.find(road)
    if not road or at < 0:
        return
    number = _HOUSE.match(words, at + len(road))
    if number:
        keys.append(f"{road}{int(number[1])}号")
    else:
        bare.append(road)


def _plain(text: str) -> str:
    """Half-width signs, no blanks, house numbers in digits however they were spoken."""
    words = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    return _SPOKEN.sub(lambda found: str(spoken_number(found[0])), words)


def spoken_number(text: str) -> int:
    """一百八十八 is 188; 一八八 (digit by digit) is 188 too."""
    if not any(char in _UNITS for char in text):
        return int("".join(str(_DIGITS[char]) for char in text))
    total, digit = 0, 0
    for char in text:
        if char in _UNITS:
            total += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            digit = _DIGITS[char]
    return total + digit


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two points (longitude, latitude) on the sphere."""
    (lon1, lat1), (lon2, lat2) = ((radians(lon), radians(lat)) for lon, lat in (one, other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(half))
