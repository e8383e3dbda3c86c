"""Fixtures of the WeChat tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from cryptography.fernet import Fernet

from chatbot.dialogue import Dialogue
from hotline.clock import CITY_ZONE, ManualClock
from hotline.database import Database
from hotline.processes.postgres import PrivatePostgres
from hotline.security import Vault
from hotline.settings import Settings
from knowledge.article.seeding import load_seed
from tests.channels.wechat.world import World, build
from tests.conftest import TEMPLATE, fresh_database
from ticketing.context import Core
from ticketing.seed.loader import load_taxonomy, load_units


@pytest.fixture
async def world(settings: Settings, core: Core, database: Database) -> AsyncIterator[World]:
    """Safe mode, a scripted dialogue, the longest budget: a machine under load does not change what a test sees."""
    async with build(settings, core, database, wechat_budget_s=4.5) as made:
        yield made


@pytest.fixture
async def impatient(settings: Settings, core: Core, database: Database) -> AsyncIterator[World]:
    """The same with a short budget, for tests of what comes later."""
    async with build(settings, core, database, wechat_budget_s=0.4) as made:
        yield made


@pytest.fixture(scope="session")
def city_template(server: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the demo city's units, categories and articles, made once: filling it takes seconds."""
    name = "wechat_city"
    server.create_database(name, template=TEMPLATE)
    vault = Vault([Fernet.generate_key().decode()], lookup_key="only for the seed")
    clock = ManualClock(datetime(2026, 11, 18, 10, 0, tzinfo=CITY_ZONE))
    asyncio.run(_fill(Core(clock, vault, "only for the seed", "12345", tmp_path_factory.mktemp("city")), server.url(name)))
    return name


async def _fill(core: Core, url: str) -> None:
    database = Database(url)
    async with database.transaction() as session:
        await load_units(core, session)
        await load_taxonomy(core, session)
        await load_seed(core, session)
    await database.close()


@pytest.fixture
async def city(settings: Settings, core: Core, server: PrivatePostgres, city_template: str) -> AsyncIterator[World]:
    """The demo city's units, categories and articles, and the real dialogue without Rasa."""
    async with fresh_database(server, city_template, core.vault) as database:
        dialogue = Dialogue(core, database, None)
        async with build(settings, core, database, dialogue=dialogue, wechat_budget_s=4.5) as made:
            yield made
        await dialogue.close()
