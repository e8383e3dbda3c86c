"""A city with units, categories and the seeded articles; conversations on every channel; a dialogue without Rasa."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from uuid import UUID

import pytest

from chatbot.dialogue import Dialogue, Turn
from hotline.database import Database
from knowledge.article.seeding import load_seed
from knowledge.seed.loader import load_articles
from tests.databases import Databases
from ticketing.citizen.service import by_caller, by_openid
from ticketing.context import Core
from ticketing.conversation.service import open_conversation
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category

CALLER = "+8613900002716"


@pytest.fixture
def template(databases: Databases, core: Core) -> str:
    """The city that can be talked with."""
    return talking_city(databases, core)


def talking_city(databases: Databases, core: Core) -> str:
    """A city and every seeded article: filling it takes seconds."""
    return databases.template("chatbot_city", partial(_fill, core))


async def _fill(core: Core, database: Database) -> None:
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
