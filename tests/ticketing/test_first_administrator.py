"""A new installation: the first administrator, and what that one needs to let the others in."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from hotline.database import Database
from hotline.errors import Conflict, InvalidInput
from hotline.events import Event
from ticketing.context import Core
from ticketing.people import accounts, units
from ticketing.people.accounts import Account, Made
from ticketing.people.actor import staff_actor
from ticketing.people.first import first_administrator
from ticketing.people.models import Role, Unit, User
from ticketing.people.service import log_in


async def make(core: Core, database: Database, login: str = "wang", number: str = "1001") -> Made:
    async with database.transaction() as session:
        return await first_administrator(core, session, login=login, name="王建国", staff_number=number, centre="云川市热线中心")


async def test_an_empty_installation_gets_its_centre_and_an_administrator_who_lets_others_in(core: Core, database: Database) -> None:
    made = await make(core, database)
    assert await log_in(core, database, login="wang", password=made.password, hours=1) is not None
    async with database.transaction() as session:
        user = (await session.scalars(select(User))).one()
        assert user.must_change_password
        assert [(unit.name, unit.level) for unit in await session.scalars(select(Unit))] == [("云川市热线中心", 1)]
        names = (await session.scalars(select(Event.name).order_by(Event.seq))).all()
        assert {"unit.added", "account.added"} <= set(names)
        admin = staff_actor(user)
        roads = await units.add_unit(core, session, admin, code="roads", name="市交通运输局", level=2, parent_id=None)
        await accounts.add_account(core, session, admin, Account("li", "李敏", "2001", Role.CLERK, roads.id))


async def test_nobody_gets_in_beside_an_administrator_and_somebody_when_the_last_is_off(core: Core, database: Database) -> None:
    await make(core, database)
    with pytest.raises(Conflict, match="wang"):
        await make(core, database, "second", "1002")
    async with database.transaction() as session:
        await session.execute(update(User).values(active=False))
    await make(core, database, "second", "1002")
    async with database.transaction() as session:
        assert len((await session.scalars(select(Unit))).all()) == 1  # the centre that there was


async def test_two_at_once_are_one(core: Core, database: Database) -> None:
    found = await asyncio.gather(make(core, database, "a-one", "1001"), make(core, database, "b-two", "1002"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Conflict", "Made"]


async def test_what_is_wrong_is_said_by_field_and_nothing_is_written(core: Core, database: Database) -> None:
    with pytest.raises(InvalidInput) as refused:
        await make(core, database, "Wang!", "12")
    assert set(refused.value.errors) == {"login", "staff_number"}
    async with database.transaction() as session:
        assert (await session.scalars(select(Unit))).first() is None
