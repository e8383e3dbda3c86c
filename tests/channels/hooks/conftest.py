"""A city, the deliverer, and a real HTTP receiver on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hotline.assembly import Services
from hotline.settings import Settings
from tests.channels.staff import City, browser, city, site, template
from tests.channels.staff_api.conftest import program

__all__ = ["browser", "city", "program", "site", "template"]


@dataclass
class Receiver:
    """What another system does: takes messages, or does not."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 afterwards."""
    body: dict[str, Any] = field(default_factory=dict)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        return web.json_response(self.body, status=status, headers={"Location": "http://127.0.0.1:1/"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    async with TestServer(app, host="127.0.0.1") as server:
        found.url = str(server.make_url("/hook"))
        yield found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_private_hosts": ("127.0.0.1",)})


@pytest.fixture
def services(city: City) -> Services:
    return Services(city.settings, city.core, city.database)
