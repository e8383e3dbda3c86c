"""The action endpoint refuses a header that is no text instead of breaking on it."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chatbot.actions import create_app
from chatbot.rasa_files import ACTIONS_PATH
from hotline.database import Database
from tests.channels.public import send_raw
from ticketing.context import Core


@pytest.mark.parametrize("key", [b"\xff", "Bearer é".encode(), b"Bearer \xff", b""])
async def test_an_authorization_that_is_no_text_is_none(core: Core, database: Database, key: bytes) -> None:
    async def ready() -> str | None:
        return None

    async with TestClient(TestServer(create_app(core, database, ready))) as client:
        assert await send_raw(client, "POST", ACTIONS_PATH, {"Authorization": key, "Content-Type": b"application/json"}, b"{}") == 401
