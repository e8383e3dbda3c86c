"""Units of the seeded articles, and people who write and publish."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hotline.database import Database
from knowledge.seed.loader import load_articles
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


@pytest.fixture
async def people(database: Database) -> People:
    async with database.transaction() as session:
        for number, name in enumerate(sorted({article.unit for article in load_articles()})):
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
