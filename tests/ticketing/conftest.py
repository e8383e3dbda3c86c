"""A small city: two units, a few people of each role, one category, the official calendar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import ManualClock
from hotline.database import Database
from tests.databases import TEMPLATE, Databases
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Facts
from ticketing.assignment.service import ReplyDraft
from ticketing.calendar.service import load_official
from ticketing.callback import service as callbacks
from ticketing.callback.service import GATES
from ticketing.context import Core
from ticketing.people.actor import Actor, citizen_actor, staff_actor
from ticketing.people.models import Role, Unit, User
from ticketing.taxonomy.models import Category
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.service import Appeal, Registered, register
from ticketing.ticket.states import Channel, DispatchMode

T = TypeVar("T")

GOOD_REPLY = ReplyDraft(
    Facts.TRUE,
    measures="执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排连续三晚巡查。",
    basis="《噪声污染防治法》第四十三条",
    contact_note="已电话告知市民",
)


@dataclass
class City:
    """What the tests work with."""

    core: Core
    database: Database
    clock: ManualClock
    units: dict[str, int]
    people: dict[str, Actor]

    def __getattr__(self, name: str) -> Actor:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    async def register(self, **fields: object) -> Registered:
        """One appeal by the web."""
        values: dict[str, Any] = {
            "channel": Channel.WEB, "content": "江畔花园北门工地夜间施工，影响休息", "category_code": "0501",
            "address": "滨河路", "name": "周女士", "phone": "13900002716", **fields,
        }  # fmt: skip
        async with self.database.transaction() as session:
            return await register(self.core, session, citizen_actor(), Appeal(**values))

    async def act(self, number: str, actor: Actor, step: Callable[..., Awaitable[T]], *args: object, **kwargs: object) -> T:
        """Reach the ticket by its door, locked, and take one step, as the pages do."""
        async with self.database.transaction() as session:
            ticket = await access_ticket(self.core, session, actor, number, lock=True)
            return await step(self.core, session, actor, ticket, *args, **kwargs)

    async def by_unit(self, actor: Actor, step: Callable[..., Awaitable[T]], assignment: Assignment, *args: object, **kwargs: object) -> T:
        """One step of a unit."""
        async with self.database.transaction() as session:
            return await step(self.core, session, actor, assignment.id, *args, **kwargs)

    async def dispatch(self, number: str, mode: DispatchMode = DispatchMode.PHONE) -> Assignment:
        """To the first unit."""
        return await self.act(number, self.dispatcher, dispatching.dispatch, unit_id=self.units["city"], mode=mode)

    async def handle(self, assignment: Assignment) -> None:
        """Sign, reply, sign off."""
        await self.by_unit(self.clerk, assignments.sign, assignment)
        await self.by_unit(self.clerk, assignments.contact, assignment, way="phone", note="已与市民通话，说明今晚检查")
        await self.reply(assignment)

    async def reply(self, assignment: Assignment, *, explanation: str = "") -> None:
        """Draft and sign off."""
        await self.by_unit(self.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, explanation=explanation))
        await self.by_unit(self.chief, assignments.sign_off, assignment)

    async def accept(self, number: str) -> None:
        """The review passes."""
        await self.act(number, self.dispatcher, callbacks.review, accept=True, gates=GATES)


@pytest.fixture
def template(request: pytest.FixtureRequest, databases: Databases, core: Core, clock: ManualClock) -> str:
    """With the city for tests of the city, else with no row."""
    if "city" not in request.fixturenames:
        return TEMPLATE
    return databases.template("ticketing_city", lambda database: settle(core, database, clock))


@pytest.fixture
async def city(core: Core, database: Database, clock: ManualClock) -> City:
    """The city with its people, as the template has them."""
    async with database.transaction() as session:
        units = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
        people = {user.login: staff_actor(user) for user in await session.scalars(select(User))}
    return City(core, database, clock, units, people)


async def settle(core: Core, database: Database, clock: ManualClock) -> City:
    """Fill a fresh database with the city."""
    async with database.transaction() as session:
        await load_official(core, session)
        units = await _units(session)
        people = await _people(session, units)
        session.add(Category(code="0501", group_name="05 生态环境", name="施工噪声", unit_id=units["city"], keywords="施工 噪音"))
    return City(core, database, clock, units, people)


async def _units(session: AsyncSession) -> dict[str, int]:
    made = {
        "centre": Unit(code="centre", name="市12345热线中心", level=1),
        "city": Unit(code="city", name="市城市管理局", level=2),
        "water": Unit(code="water", name="市供水集团", level=2),
    }
    session.add_all(made.values())
    await session.flush()
    return {name: unit.id for name, unit in made.items()}


async def _people(session: AsyncSession, units: dict[str, int]) -> dict[str, Actor]:
    homes = {"clerk": "city", "chief": "city", "water_clerk": "water", "water_chief": "water"}
    made = {}
    for number, login in enumerate([*(role.value for role in Role), "water_clerk", "water_chief", "agent2"], 1001):
        role = {"water_clerk": "clerk", "water_chief": "chief", "agent2": "agent"}.get(login, login)
        made[login] = User(
            login=login, name=login, staff_number=str(number), role=role, unit_id=units.get(homes.get(login, "centre")), password_hash="x"
        )
    session.add_all(made.values())
    await session.flush()
    return {login: staff_actor(user) for login, user in made.items()}
