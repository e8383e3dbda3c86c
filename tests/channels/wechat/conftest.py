"""Fixtures of the WeChat tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from chatbot.dialogue import Dialogue
from hotline.database import Database
from hotline.settings import Settings
from knowledge.article.seeding import load_seed
from tests.channels.wechat.world import World, build
from tests.databases import Databases
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


@pytest.fixture
async def city(settings: Settings, core: Core, databases: Databases) -> AsyncIterator[World]:
    """The demo city's units, categories and articles, and the real dialogue without Rasa."""
    template = await asyncio.to_thread(databases.template, "wechat_city", partial(_fill, core))
    async with databases.fresh(template, core.vault) as database:
        dialogue = Dialogue(core, database, None)
        async with build(settings, core, database, dialogue=dialogue, wechat_budget_s=4.5) as made:
            yield made
        await dialogue.close()


async def _fill(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        await load_units(core, session)
        await load_taxonomy(core, session)
        await load_seed(core, session)
