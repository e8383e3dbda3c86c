"""Units of the seeded articles, and people who write and publish."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from hotline.database import Database
from knowledge.seed.loader import SEED_DIR
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, Unit, User


@dataclass(frozen=True)
class People:
    editor: Actor
    other_editor: Actor
    clerk: Actor
    chief: Actor
    agent: Actor
    unit_id: int


def _units_of_the_seed() -> list[str]:
    """Names of the owning units; only this one line of each file is read, the contents are the business of other tests."""
    files = sorted((SEED_DIR / "articles").glob("*.yaml"))
    return sorted({re.findall(r"^unit: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)[0] for path in files})


@pytest.fixture
async def people(database: Database) -> People:
    async with database.transaction() as session:
        for number, name in enumerate(_units_of_the_seed()):
            session.add(Unit(code=f"U{number:03}", name=name, level=2))
        bureau = Unit(code="GA", name="测试局", level=2)
        session.add(bureau)
        await session.flush()

        def user(login: str, role: Role, unit_id: int | None = None) -> User:
            made = User(login=login, name=login, staff_number=login, role=role.value, unit_id=unit_id, password_hash="x")
            session.add(made)
            return made

        made = [
            user("e1", Role.EDITOR),
            user("e2", Role.EDITOR),
            user("c1", Role.CLERK, bureau.id),
            user("h1", Role.CHIEF, bureau.id),
            user("a1", Role.AGENT),
        ]
        await session.flush()
        return People(*(staff_actor(one) for one in made), unit_id=bureau.id)
