"""A small city, the web application, and programs with tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from tests.channels.staff import City, browser, city, site, template
from ticketing.access_token.models import TokenScope
from ticketing.access_token.service import issue

__all__ = ["browser", "city", "site", "template"]


@dataclass
class Program:
    """A program that acts with one person's token."""

    client: TestClient  # type: ignore[type-arg]
    token: str

    async def ask(self, method: str, path: str, **options: Any) -> ClientResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    async def get(self, path: str, status: int = 200, **options: Any) -> Any:
        response = await self.ask("GET", path, **options)
        body = await response.json()
        assert response.status == status, body
        return body

    async def post(self, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        response = await self.ask("POST", path, json=body, **options)
        answered = await response.json()
        assert response.status == status, answered
        return answered

    async def act(self, number: str, action: str, status: int = 200, headers: dict[str, str] | None = None, **body: Any) -> Any:
        return await self.post(f"/tickets/{number}/actions/{action}", body, status, headers=headers or {})


Programs = Callable[..., Awaitable[Program]]


async def token_of(city: City, login: str, scope: TokenScope = TokenScope.WRITE, days: int = 30) -> str:
    async with city.database.transaction() as session:
        return (await issue(city.core, session, city.people[login], name="test", scope=scope, days=days)).text


@pytest.fixture
async def program(site: TestServer, city: City) -> AsyncIterator[Programs]:
    """`await program("clerk")`."""
    clients = []

    async def make(login: str, scope: TokenScope = TokenScope.WRITE) -> Program:
        client: TestClient = TestClient(site)  # type: ignore[type-arg]
        clients.append(client)
        return Program(client, await token_of(city, login, scope))

    yield make
    for client in clients:
        await client.session.close()
