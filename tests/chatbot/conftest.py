"""A city with units, categories and the seeded articles; conversations on every channel; a dialogue without Rasa."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from chatbot.dialogue import Dialogue, Turn
from hotline.clock import CITY_ZONE, ManualClock
from hotline.database import Database
from knowledge.article.seeding import load_seed
from knowledge.seed.loader import load_articles
from tests.conftest import TEMPLATE, fresh_database
from ticketing.citizen.service import by_caller, by_openid
from ticketing.context import Core
from ticketing.conversation.service import open_conversation
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category

CALLER = "+8613900002716"


@pytest.fixture(scope="session")
def city_template(server: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the city and every seeded article, made once: filling it takes seconds."""
    name = "chatbot_city"
    server.create_database(name, template=TEMPLATE)
    vault = Vault([Fernet.generate_key().decode()], lookup_key="only for the seed")
    clock = ManualClock(datetime(2026, 11, 18, 10, 0, tzinfo=CITY_ZONE))
    core = Core(clock, vault, "only for the seed", "12345", tmp_path_factory.mktemp("city"))
    asyncio.run(_fill(core, server.url(name)))
    return name


async def _fill(core: Core, url: str) -> None:
    database = Database(url)
    async with database.transaction() as session:
        for number, name in enumerate(sorted({article.unit for article in load_articles()})):
            session.add(Unit(code=f"U{number:03}", name=name, level=2))
        bureau = Unit(code="CG", name="城管局", level=2)
        session.add(bureau)
        await session.flush()
        for code, name, keywords in (
            ("0105", "市政道路与井盖", "坑 井盖 路面 塌陷"),
            ("0501", "施工噪声", "施工 噪音 扰民 半夜 吵"),
            ("0104", "路灯与户外广告", "路灯 广告牌"),
        ):
            session.add(Category(code=code, group_name="城市管理", name=name, unit_id=bureau.id, keywords=keywords))
        await session.flush()
        await load_seed(core, session)
    await database.close()


@pytest.fixture
async def database(server: PrivatePostgres, city_template: str, core: Core) -> AsyncIterator[Database]:
    """A fresh copy of the city."""
    async with fresh_database(server, city_template, core.vault) as database:
        yield database


@pytest.fixture
async def dialogue(core: Core, database: Database) -> AsyncIterator[Dialogue]:
    talk = Dialogue(core, database, None)
    yield talk
    await talk.close()


Opener = Callable[[str], Awaitable[UUID]]


@pytest.fixture
def begin(core: Core, database: Database) -> Opener:
    """Opens a conversation on a channel: web, wechat or phone (the caller's number is known)."""

    async def opener(channel: str) -> UUID:
        async with database.transaction() as session:
            citizen = None
            if channel == "phone":
                citizen = await by_caller(core, session, CALLER)
            if channel == "wechat":
                citizen = await by_openid(core, session, "openid-of-a-citizen")
            conversation = await open_conversation(core, session, channel=channel, citizen_id=citizen.id if citizen else None)
            return conversation.id

    return opener


@pytest.fixture
def say(dialogue: Dialogue) -> Callable[..., Awaitable[Turn]]:
    """Says lines one after the other; returns the last turn."""

    async def speak(conversation: UUID, *lines: str) -> Turn:
        turn = None
        for line in lines:
            turn = await dialogue.turn(conversation, line)
        assert turn is not None
        return turn

    return speak
