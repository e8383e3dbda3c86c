"""The seed files that are read without a database: units and categories. What writes them to the tables is `loader`.

A city's own names (`city_file`) stand in a folder of its own; without one they are those of the invented city of demo and tests.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, field_validator

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.seed.files import SeedEntry, parse_list, read_document

SEED_DIR = Path(__file__).parent


def city_file(name: str) -> Path:
    """A file of the city's names, in the folder `HOTLINE_CITY_DIR` when there is one.

    gazetteer.json has districts, roads and places; streets.yaml which street office or town they belong to; units.yaml the units, by
    which a street office is known to lie in its district. Each in the form of the file in this folder.

    Read from the environment itself: what knows places (words of appeals, forms, the telephone's ear) is asked without settings,
    and reads once in a process. `Settings.city_dir` refuses a folder in which a file is missing.
    """
    folder = os.environ.get("HOTLINE_CITY_DIR", "").strip()
    return Path(folder) / name if folder else SEED_DIR / name


class SeedUnit(SeedEntry):
    """One unit of units.yaml."""

    code: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    name: str = Field(min_length=2, max_length=40)
    level: int = Field(ge=1, le=3)
    parent: str | None = None
    """Code of the unit above; it must stand earlier in the file."""
    active: bool = True


class SeedCategory(SeedEntry):
    """One second-level category of taxonomy.json."""

    l1: str = Field(pattern=r"^[0-9]{2} \S+$")
    code: str = Field(pattern=r"^[0-9]{4}$")
    l2: str = Field(min_length=2, max_length=20)
    department: str
    """Name of the unit that normally handles it."""
    keywords: tuple[str, ...] = Field(min_length=1)
    """Words by which an appeal of this category is recognised."""

    @field_validator("keywords")
    @classmethod
    def _single_words(cls, keywords: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word or " " in word for word in keywords):
            raise ValueError("关键词不能为空，也不能含空格")
        return keywords


def read_units(path: Path = SEED_DIR / "units.yaml") -> list[SeedUnit]:
    """The unit tree. Raises `InvalidInput` when an entry is faulty or its parent does not stand above it."""
    units = parse_list(SeedUnit, read_document(path), path=path, key=lambda unit: unit.code)
    levels: dict[str, int] = {}
    for unit in units:
        if (unit.parent is not None) != (unit.level == 3) or (unit.parent is not None and levels.get(unit.parent) != 2):
            raise InvalidInput(
                _("种子数据 {path} 里“{entry}”的上级不对：三级单位要写明在它之前的二级单位"), path=str(path), entry=unit.name
            )
        levels[unit.code] = unit.level
    return units


def read_taxonomy(path: Path = SEED_DIR / "taxonomy.json") -> list[SeedCategory]:
    """The 12 x 6 categories. Raises `InvalidInput` naming the entry."""
    return parse_list(SeedCategory, read_document(path), path=path, key=lambda category: category.code)
