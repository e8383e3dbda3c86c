"""A small city, the web application on a real server socket, and browsers that are logged in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from sqlalchemy import select

from channels.web.app import create_app
from hotline.assembly import Services
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests.databases import TEMPLATE, Databases
from ticketing.calendar.service import load_official
from ticketing.context import Core
from ticketing.people.actor import Actor, citizen_actor, staff_actor
from ticketing.people.models import Role, Unit, User
from ticketing.taxonomy.models import Category
from ticketing.ticket.service import Appeal, Registered, register
from ticketing.ticket.states import Channel

PASSWORD = "right-password-1"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # cheap: every test logs several people in


@dataclass
class City:
    """What the tests work with."""

    core: Core
    database: Database
    clock: ManualClock
    settings: Settings
    units: dict[str, int]
    people: dict[str, Actor]

    async def register(self, **fields: object) -> Registered:
        """One appeal by the web."""
        values: dict[str, Any] = {
            "channel": Channel.WEB, "content": "江畔花园北门工地夜间施工，影响休息", "category_code": "0501",
            "address": "滨河路", "name": "周女士", "phone": "13900002716", **fields,
        }  # fmt: skip
        async with self.database.transaction() as session:
            return await register(self.core, session, citizen_actor(), Appeal(**values))


@dataclass
class Browser:
    """A browser of one person: keeps cookies, sends back what the page gave it."""

    client: TestClient  # type: ignore[type-arg]
    pages: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **kwargs: Any) -> ClientResponse:
        return await self.client.get(path, allow_redirects=False, **kwargs)

    async def text(self, path: str) -> str:
        response = await self.get(path)
        body = await response.text()
        assert response.status == 200, (path, response.status, body[:400])
        return body

    async def form(self, path: str, action: str) -> dict[str, str]:
        """Hidden fields of the form with this action, as the page at `path` has them."""
        return hidden_fields(await self.text(path), action)

    async def post(self, path: str, data: dict[str, object] | list[tuple[str, str]]) -> ClientResponse:
        return await self.client.post(path, data=data, allow_redirects=False)

    async def act(self, number: str, action: str, **fields: object) -> ClientResponse:
        """Open the ticket, fill in the form of `action`, send it."""
        page = f"/console/tickets/{number}"
        hidden = await self.form(page, f"{page}/{action}")
        return await self.post(f"{page}/{action}", {**hidden, **fields})

    async def login(self, login: str, password: str = PASSWORD) -> ClientResponse:
        hidden = await self.form("/console/login", "/console/login")
        return await self.post("/console/login", {**hidden, "login": login, "password": password})


def hidden_fields(body: str, action: str) -> dict[str, str]:
    """Names and values of the hidden inputs of one form."""
    forms = re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', body, re.DOTALL)
    inner = next((inner for target, inner in forms if unescape(target) == action), None)
    assert inner is not None, f"no form for {action}; there are {[target for target, _ in forms]}"
    return {name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', inner)}


@pytest.fixture
def template(request: pytest.FixtureRequest, databases: Databases, core: Core) -> str:
    """With the city for tests of the city, else with no row."""
    return databases.template("staff_city", partial(_settle, core)) if "city" in request.fixturenames else TEMPLATE


@pytest.fixture
async def city(core: Core, database: Database, clock: ManualClock, settings: Settings) -> City:
    """Two units, one person of each role, two categories, the official calendar, as the template has them."""
    async with database.transaction() as session:
        units = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
        people = {user.login: staff_actor(user) for user in await session.scalars(select(User))}
    return City(core, database, clock, settings, units, people)


async def _settle(core: Core, database: Database) -> None:
    homes = {"clerk": "city", "chief": "city", "water_clerk": "water"}
    async with database.transaction() as session:
        await load_official(core, session)
        made = {
            "centre": Unit(code="centre", name="市12345热线中心", level=1),
            "city": Unit(code="city", name="市城市管理局", level=2),
            "water": Unit(code="water", name="市供水集团", level=2),
        }
        session.add_all(made.values())
        await session.flush()
        for number, login in enumerate([*(role.value for role in Role), "water_clerk", "agent2", "dispatcher2"], 1001):
            role = {"water_clerk": "clerk", "agent2": "agent", "dispatcher2": "dispatcher"}.get(login, login)
            unit = made[homes.get(login, "centre")]
            person = {"login": login, "name": f"{login}员", "staff_number": str(number), "role": role}
            session.add(User(**person, unit_id=unit.id, password_hash=_HASH))
        for code, name, unit_code, words in (("0501", "施工噪声", "city", "施工 噪音"), ("0301", "供水", "water", "停水")):
            session.add(Category(code=code, group_name=f"{code[:2]} 类", name=name, unit_id=made[unit_code].id, keywords=words))


@pytest.fixture
async def site(city: City) -> AsyncIterator[TestServer]:
    """The web application on a socket of its own."""
    server = TestServer(create_app(Services(city.settings, city.core, city.database)))
    await server.start_server()
    yield server
    await server.close()


Opener = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def browser(site: TestServer) -> AsyncIterator[Opener]:
    """`await browser("clerk")`: a new browser, logged in unless no name is given."""
    clients = []

    async def open_browser(login: str | None = None) -> Browser:
        client: TestClient = TestClient(site, cookie_jar=CookieJar(unsafe=True))  # type: ignore[type-arg]
        clients.append(client)
        found = Browser(client)
        if login:
            response = await found.login(login)
            assert response.status == 303, await response.text()
        return found

    yield open_browser
    for client in clients:
        await client.session.close()
