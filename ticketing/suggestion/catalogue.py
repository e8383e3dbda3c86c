"""The dispatch catalogue as the suggestion sees it: plain values, the same from the database and from the seed files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ticketing.seed.entries import SEED_DIR, read_taxonomy, read_units
from ticketing.seed.files import SeedEntry, parse_entry, read_document
from ticketing.suggestion.places import Place, unit_name

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

LOCAL_STREET = "local-street"
"""Code of the unit that stands for «the street office of the place»."""


@dataclass(frozen=True)
class UnitRef:
    """A unit. `id` is None when the catalogue was read without a database."""

    code: str
    name: str
    level: int
    active: bool
    id: int | None = None


@dataclass(frozen=True)
class Rule:
    """A row of the catalogue."""

    category: str
    lead: str
    co: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    district: str | None = None
    street: str | None = None
    line: str | None = None
    handling_kind: str | None = None
    dispatch_mode: str = "phone"
    valid_from: date = date.min
    note: str = ""
    """Why, in the administrator's words."""

    def rank(self, text: str, place: Place, line: str | None, day: date) -> int | None:
        """How particular the row is for this appeal, None when it does not fit."""
        wanted = ((self.street, place.street), (self.district, place.district), (self.line, line))
        if self.valid_from > day or any(asked is not None and asked != given for asked, given in wanted):
            return None
        if self.words and not any(word in text for word in self.words):
            return None
        return 8 * (self.street is not None) + 4 * (self.district is not None) + 2 * (self.line is not None) + bool(self.words)


@dataclass(frozen=True)
class Catalogue:
    """Categories, units and rules."""

    names: dict[str, str]
    """Category code -> name; only active ones."""
    groups: dict[str, str]
    owners: dict[str, str]
    """Category code -> code of its own unit."""
    units: dict[str, UnitRef]
    rules: tuple[Rule, ...]

    def rule(self, category: str, text: str, place: Place, *, line: str | None = None, day: date = date.max) -> Rule:
        """The row that decides for this category here; the newest of those that are equally particular."""
        fitting = [(rank, rule.valid_from, rule) for rule in self._of(category) if (rank := rule.rank(text, place, line, day)) is not None]
        if not fitting:
            return Rule(category, self.owners[category])
        return max(fitting, key=lambda item: (item[0], item[1]))[2]

    def _of(self, category: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.category == category]

    def resolve(self, code: str, place: Place) -> UnitRef:
        """The unit with this code; «the street office of the place» becomes the real one when the place is known."""
        if code == LOCAL_STREET and (name := unit_name(place)):
            return next((unit for unit in self.units.values() if unit.name == name), self.units[code])
        return self.units[code]


class SeedRule(SeedEntry):
    """One row of catalogue.yaml."""

    category: str = Field(pattern=r"^[0-9]{4}$")
    words: tuple[str, ...] = ()
    district: str | None = None
    street: str | None = None
    line: str | None = None
    lead: str | None = None
    co: tuple[str, ...] = ()
    handling: Literal["on_spot", "promised", "joint", "hard"] | None = None
    mode: Literal["phone", "written"] = "phone"
    note: str = Field("", max_length=200)


def read_rules(path: Path = SEED_DIR / "catalogue.yaml") -> list[SeedRule]:
    """The rows of the seed file. Raises `InvalidInput` naming the entry."""
    data = read_document(path)
    return [parse_entry(SeedRule, item, path=path, entry=f"第{number}条") for number, item in enumerate(data, 1)]


@lru_cache(maxsize=1)
def from_seed() -> Catalogue:
    """The catalogue of the seed files: for the command line without a database, and for benchmarks."""
    entries = read_taxonomy()
    units = {unit.code: UnitRef(unit.code, unit.name, unit.level, unit.active) for unit in read_units()}
    by_name = {unit.name: unit.code for unit in units.values()}
    owners = {entry.code: by_name[entry.department] for entry in entries}
    rules = tuple(
        Rule(
            row.category,
            row.lead or owners[row.category],
            row.co,
            row.words,
            row.district,
            row.street,
            row.line,
            row.handling,
            row.mode,
            note=row.note,
        )
        for row in read_rules()
    )
    return Catalogue({e.code: e.l2 for e in entries}, {e.code: e.l1 for e in entries}, owners, units, rules)


_ALL = """
    SELECT json_build_object(
        'units', (SELECT coalesce(json_agg(json_build_object('id', id, 'code', code, 'name', name, 'level', level, 'active', active)), '[]')
                  FROM unit),
        'categories', (SELECT coalesce(json_agg(json_build_object('code', code, 'name', name, 'group', group_name, 'unit', unit_id)), '[]')
                       FROM category WHERE active),
        'rules', (SELECT coalesce(json_agg(rule ORDER BY rule.id), '[]') FROM dispatch_rule AS rule WHERE rule.active))
    """


async def from_database(session: AsyncSession) -> Catalogue:
    """The catalogue as the administrator keeps it, in one statement."""
    from sqlalchemy import text  # here: `hotline suggest` works without a database and starts twice as fast

    found: dict[str, list[dict[str, Any]]] = await session.scalar(text(_ALL)) or {}
    units = {row["id"]: UnitRef(row["code"], row["name"], row["level"], row["active"], row["id"]) for row in found["units"]}
    owners = {row["code"]: units[row["unit"]].code for row in found["categories"]}
    return Catalogue(
        {row["code"]: row["name"] for row in found["categories"]},
        {row["code"]: row["group"] for row in found["categories"]},
        owners,
        {unit.code: unit for unit in units.values()},
        tuple(_rule(row, units) for row in found["rules"] if row["category_code"] in owners),
    )


def _rule(row: dict[str, Any], units: dict[int, UnitRef]) -> Rule:
    helpers = (units[number] for number in row["co_unit_ids"] if number in units)
    return Rule(
        row["category_code"],
        units[row["lead_unit_id"]].code,
        tuple(unit.code for unit in helpers if unit.active or unit.code == LOCAL_STREET),
        tuple(row["words"].split()),
        row["district"],
        row["street"],
        row["line"],
        row["handling_kind"],
        row["dispatch_mode"],
        date.fromisoformat(row["valid_from"]),
        row["note"],
    )
