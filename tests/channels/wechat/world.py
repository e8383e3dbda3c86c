"""A small world for the channel's tests: our real web application and database, and the platform's stand-in around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from channels.web.app import create_app
from channels.wechat import delivery
from hotline.database import Database
from hotline.events import Outbox
from hotline.settings import Settings
from tests.simulators.wechat_account import Account, Fan, Rules
from tests.simulators.wechat_api import Api
from tests.simulators.wechat_platform import Mode, Platform
from ticketing.context import Core
from ticketing.conversation.models import Author, InboundMessage
from ticketing.conversation.service import add_message, get_conversation


@dataclass(frozen=True)
class SaidAnswer:
    """As chatbot.dialogue.Answer."""

    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SaidTurn:
    """As chatbot.dialogue.Turn, as far as this channel reads it."""

    answers: tuple[SaidAnswer, ...]
    ticket: Any = None


class ScriptedDialogue:
    """A dialogue partner whose speed and failures a test decides. It is not what these tests are about."""

    def __init__(self, core: Core, database: Database) -> None:
        self._core, self._database = core, database
        self.open = asyncio.Event()
        self.open.set()
        self.begun: list[str] = []
        self.failures: list[Exception] = []
        self.say: Callable[[str], SaidTurn] = lambda text: SaidTurn((SaidAnswer(f"答：{text}"),))

    async def turn(
        self, conversation_id: UUID, text: str, *, external_id: str | None = None, data: dict[str, Any] | None = None
    ) -> SaidTurn:
        self.begun.append(text)
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        async with self._database.transaction() as session:
            conversation = await get_conversation(session, conversation_id, lock=True)
            await add_message(self._core, session, conversation, Author.CITIZEN, text, external_id=external_id, data=data)
        return self.say(text)


@dataclass
class Parts:
    """Services of one process."""

    settings: Settings
    core: Core
    database: Database
    dialogue: Any
    transcriber: Any = None


@dataclass
class World:
    """Everything a test needs."""

    account: Account
    api: Api
    platform: Platform
    services: Parts
    http: aiohttp.ClientSession
    stack: AsyncExitStack = field(repr=False)

    @property
    def dialogue(self) -> ScriptedDialogue:
        assert isinstance(self.services.dialogue, ScriptedDialogue)
        return self.services.dialogue

    async def instance(self) -> str:
        """Start one more web process's application on the same database; returns its callback address."""
        server = await self.stack.enter_async_context(TestServer(create_app(self.services)))
        return str(server.make_url("/wechat"))

    async def tick(self) -> int:
        """What the scheduler does every few seconds."""
        return await delivery.run(self.services)

    async def told(self, fan: Fan, count: int = 1) -> list[str]:
        """Let the scheduler tick until the citizen has this many customer messages."""

        async def enough() -> bool:
            await self.tick()
            return len(fan.seen("custom")) >= count

        await until(enough)
        return fan.seen("custom")

    async def inbound(self) -> list[InboundMessage]:
        async with self.services.database.transaction() as session:
            return list(await session.scalars(select(InboundMessage).order_by(InboundMessage.id)))

    async def outbox(self) -> list[Outbox]:
        async with self.services.database.transaction() as session:
            return list(await session.scalars(select(Outbox).order_by(Outbox.id)))


@asynccontextmanager
async def build(
    settings: Settings,
    core: Core,
    database: Database,
    *,
    mode: Mode = "safe",
    dialogue: Any = None,
    rules: Rules | None = None,
    **changes: Any,
) -> AsyncIterator[World]:
    """`changes` are settings that differ."""
    account = Account(
        app_id=settings.wechat_app_id,
        secret=settings.wechat_app_secret.get_secret_value(),
        token=settings.wechat_token.get_secret_value(),
        rules=rules or Rules(),
        clock=lambda: core.clock.now().timestamp(),
    )
    api = Api(account)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        served = await stack.enter_async_context(TestServer(api.app()))
        values = {**settings.model_dump(), "wechat_aes_key": account.aes_key, "wechat_api_base": str(served.make_url("/")), **changes}
        ours = Settings.model_validate(values)
        services = Parts(ours, core, database, dialogue or ScriptedDialogue(core, database))
        world = World(account, api, Platform(account, http, "", mode=mode), services, http, stack)
        world.platform.callback_url = await world.instance()
        yield world


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until `condition()` is true; the time limit only ends a wait in vain."""
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)
