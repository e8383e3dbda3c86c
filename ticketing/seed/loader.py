"""Units, categories and people from their files into the tables.

Each function is idempotent: natural keys (unit code, category code, log-in) decide what is new; what an administrator
changed later (a unit switched off, a person's role) is left alone. They flush and never commit.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import Field
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from hotline.security import hash_password, verify_password
from ticketing.context import Core
from ticketing.people.models import Line, LineAlias, Role, Unit, User
from ticketing.seed.entries import SEED_DIR, read_taxonomy, read_units
from ticketing.seed.files import SeedEntry, parse_list, read_document
from ticketing.taxonomy.models import Category

FIRST_ACCOUNT = "agent"
"""The account by which `load_people` sees whether the demo password was changed."""


class SeedLine(SeedEntry):
    """One line of lines.yaml."""

    number: str = Field(pattern=r"^[0-9]{3,8}$")
    name: str = Field(min_length=2, max_length=20)
    greeting: str = Field("", max_length=60)
    aliases: tuple[str, ...] = ()
    """Other numbers that lead to it."""


class SeedPerson(SeedEntry):
    """One account of people.yaml."""

    login: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    name: str = Field(min_length=2, max_length=20)
    staff_number: str = Field(pattern=r"^[0-9]{4,8}$")
    role: Role
    unit: str
    line: str | None = None


def read_lines(path: Path = SEED_DIR / "lines.yaml") -> list[SeedLine]:
    """The lines. Raises `InvalidInput` when a number stands twice, be it as an alias."""
    lines = parse_list(SeedLine, read_document(path), path=path, key=lambda line: line.number)
    _refuse_equal([number for line in lines for number in (line.number, *line.aliases)], path)
    return lines


def read_people(path: Path = SEED_DIR / "people.yaml") -> list[SeedPerson]:
    """The demo accounts. Raises `InvalidInput` naming the entry."""
    people = parse_list(SeedPerson, read_document(path), path=path, key=lambda person: person.login)
    _refuse_equal([person.staff_number for person in people], path)
    return people


def _refuse_equal(values: list[str], path: Path) -> None:
    for value in {value for value in values if values.count(value) > 1}:
        raise InvalidInput(_("种子数据 {path} 里编号“{entry}”用了两次"), path=str(path), entry=value)


async def load_units(core: Core, session: AsyncSession, path: Path = SEED_DIR / "units.yaml") -> dict[str, int]:
    """Bring the units in; returns ids by code."""
    del core  # the same signature as every service function
    ids = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
    for entry in read_units(path):
        if entry.code not in ids:
            parent = ids[entry.parent] if entry.parent else None
            unit = Unit(code=entry.code, name=entry.name, level=entry.level, parent_id=parent, active=entry.active)
            session.add(unit)
            await session.flush()
            ids[entry.code] = unit.id
    return ids


async def load_taxonomy(core: Core, session: AsyncSession, path: Path = SEED_DIR / "taxonomy.json") -> int:
    """Bring the categories in; returns how many there are. Raises `InvalidInput` for a category whose unit is unknown."""
    del core
    units = {unit.name: unit.id for unit in await session.scalars(select(Unit))}
    entries = read_taxonomy(path)
    for entry in entries:
        if entry.department not in units:
            raise InvalidInput(_("类别 {code} 的承办单位“{unit}”不存在，请先在 units.yaml 里加上"), code=entry.code, unit=entry.department)
    rows = [
        {
            "code": entry.code,
            "group_name": entry.l1,
            "name": entry.l2,
            "unit_id": units[entry.department],
            "keywords": " ".join(entry.keywords),
            "active": True,
        }
        for entry in entries
    ]
    await session.execute(insert(Category).values(rows).on_conflict_do_nothing(index_elements=["code"]))
    return len(rows)


async def load_lines(core: Core, session: AsyncSession, path: Path = SEED_DIR / "lines.yaml") -> int:
    """Bring the lines in; returns how many there are."""
    del core
    entries = read_lines(path)
    rows = [{"number": entry.number, "name": entry.name, "greeting": entry.greeting, "active": True} for entry in entries]
    await session.execute(insert(Line).values(rows).on_conflict_do_nothing(index_elements=["number"]))
    aliases = [{"number": alias, "line": entry.number} for entry in entries for alias in entry.aliases]
    if aliases:
        await session.execute(insert(LineAlias).values(aliases).on_conflict_do_nothing(index_elements=["number"]))
    return len(entries)


async def load_people(core: Core, session: AsyncSession, password: str, path: Path = SEED_DIR / "people.yaml") -> dict[str, User]:
    """Bring the lines and the demo accounts in, all with `password`; returns the accounts by log-in.

    They share one password hash, so accounts that still have it follow when the demo password is changed; an account
    whose person chose another password is left alone.
    """
    await load_lines(core, session)
    units = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
    entries = read_people(path)
    for entry in entries:
        if entry.unit not in units:
            raise InvalidInput(_("人员“{login}”的单位“{unit}”不存在，请先在 units.yaml 里加上"), login=entry.login, unit=entry.unit)
    existing = set(await session.scalars(select(User.login)))
    shared = await _shared_hash(session, password)
    session.add_all(
        User(
            login=entry.login,
            name=entry.name,
            staff_number=entry.staff_number,
            role=entry.role.value,
            unit_id=units[entry.unit],
            line=entry.line,
            password_hash=shared,
        )
        for entry in entries
        if entry.login not in existing
    )
    await session.flush()
    return {user.login: user for user in await session.scalars(select(User))}


async def _shared_hash(session: AsyncSession, password: str) -> str:
    """The hash that all demo accounts have; a new one, given to all that had the old one, when the password changed."""
    stored = await session.scalar(select(User.password_hash).where(User.login == FIRST_ACCOUNT))
    # argon2 takes 50 ms of a core: not on the event loop
    if stored is not None and await asyncio.to_thread(verify_password, stored, password):
        return stored
    fresh = await asyncio.to_thread(hash_password, password)
    if stored is not None:
        await session.execute(update(User).where(User.password_hash == stored).values(password_hash=fresh))
    return fresh
