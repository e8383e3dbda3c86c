"""From a text or address to the street and district it lies in. The names are data: seed/streets.yaml, seed/units.yaml."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

import yaml

from ticketing.seed.entries import city_file, read_units

_SUFFIX = "办事处"
_GOVERNMENT = re.compile(r"(?:人民政府|管理委员会|办事处)$")
_SAID = re.compile(
    r"[\u4e00-\u9fff]{2,6}(?:路|街|大道|巷|胡同|小区|花园|家园|苑|广场|公园|中学|小学|医院|市场|大厦|商场|村|镇|乡|社区|幼儿园|车站|学校|工业园|桥|号楼|大院|新城|城|庄)"
    r"|\d+(?:号|栋|幢|单元|弄)|(?:[东南西北]门|[东南西北]区)"
)
_POINTING = re.compile(r"^(?:我们|你们|他们|咱们|俺们|这个|那个|一个|哪个|什么|有的|整个|出小区|的小区|在小区|家的|买的)")


@dataclass(frozen=True)
class Place:
    """Where it is, as far as it can be told. Empty strings: not known."""

    street: str = ""
    """Name of the street office or town, for example 江畔街道."""
    district: str = ""
    words: str = ""
    """What of the text says so."""


@dataclass(frozen=True)
class _City:
    streets: dict[str, str]
    """Name or place -> street."""
    districts: dict[str, str]
    """Street -> district."""
    names: tuple[str, ...]
    """All names, longest first."""


@lru_cache(maxsize=1)
def _city() -> _City:
    units = {unit.code: unit for unit in read_units(city_file("units.yaml"))}
    districts = {
        unit.name.removesuffix(_SUFFIX).removesuffix("人民政府"): _GOVERNMENT.sub("", units[unit.parent].name)
        for unit in units.values()
        if unit.parent
    }
    streets = {name: name for name in districts}
    for street, names in yaml.safe_load(city_file("streets.yaml").read_text(encoding="utf-8")).items():
        streets.update((name, street) for name in names)
    return _City(streets, districts, tuple(sorted((*streets, *districts.values()), key=lambda name: (-len(name), name))))


@lru_cache(maxsize=1)
def districts() -> tuple[str, ...]:
    """The city's districts, in the order of the gazetteer."""
    return tuple(json.loads(city_file("gazetteer.json").read_text(encoding="utf-8"))["districts"])


def locate(*texts: str) -> Place:
    """The first place of the city that the texts name; its street and district when they are known."""
    city = _city()
    districts = set(city.districts.values())
    district = ""
    for text in texts:
        for name in city.names:
            if name not in text:
                continue
            if name in districts:
                district = district or name
                continue
            street = city.streets[name]
            return Place(street, city.districts.get(street, district), name)
    return Place("", district, district)


def unit_name(place: Place) -> str:
    """Name of the street office or town government of the place; an empty string when it is not known."""
    if not place.street:
        return ""
    return place.street + (_SUFFIX if place.street.endswith("街道") else "人民政府")


def says_where(text: str) -> bool:
    """Whether a clerk could find the place that the text names (a district alone, «our estate» and «that road» do not help)."""
    found = locate(text)
    if found.street:
        return True
    return any(not _POINTING.search(match[0]) for match in _SAID.finditer(text))
