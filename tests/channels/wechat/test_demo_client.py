"""The command that plays a citizen: it speaks with our own receiver in both modes and hears what comes later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select
from yarl import URL

from channels.wechat.demo_client import Phone
from channels.wechat.outbox import queue_agent_reply
from hotline.database import Database
from hotline.errors import InvalidInput, Unavailable
from hotline.settings import Settings
from tests import pictures
from tests.channels.wechat.world import World, build
from tests.ports import free_port
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.ticket.models import Attachment


def phone_for(world: World, **changes: object) -> Phone:
    port = URL(world.platform.callback_url).port
    settings = Settings.model_validate({**world.services.settings.model_dump(), "http_port": port, **changes})
    return Phone(settings, "市民", world.services.core.clock)


@pytest.mark.parametrize("encrypted", [True, False])
async def test_a_text_is_answered_in_both_modes(world: World, encrypted: bool) -> None:
    async with phone_for(world, **({} if encrypted else {"wechat_aes_key": ""})) as phone:
        heard = await phone.type("井盖 ]]> 丢了")
        assert (heard.status, heard.text) == (200, "答：井盖 ]]> 丢了")


async def test_a_wrong_token_is_refused(world: World) -> None:
    async with phone_for(world, wechat_token="another") as phone:
        assert (await phone.type("x")).status == 403


async def test_pictures_are_fetched_from_it_and_later_messages_reach_it(
    settings: Settings, core: Core, database: Database, tmp_path: Path
) -> None:
    async with build(settings, core, database, wechat_api_base=f"http://127.0.0.1:{free_port()}") as world, phone_for(world) as phone:
        photo = tmp_path / "photo.jpg"
        photo.write_bytes(pictures.jpeg())
        assert "照片收到" in (await phone.send_file(photo)).text
        async with database.transaction() as session:
            conversation = (await session.scalars(select(Conversation))).one()
            await queue_agent_reply(core, session, conversation, "您好")
        await world.tick()
        async with asyncio.timeout(5):
            assert await phone.later.get() == "您好"
        async with database.transaction() as session:
            assert len(list(await session.scalars(select(Attachment)))) == 1


async def test_what_is_missing_is_said(world: World, settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="HOTLINE_WECHAT_TOKEN"):
        Phone(settings.model_copy(update={"wechat_token": type(settings.wechat_token)("")}), "市民")
    nobody = settings.model_copy(update={"http_port": free_port()})
    async with Phone(nobody, "市民") as phone:
        with pytest.raises(Unavailable, match="没有回应"):
            await phone.type("x")
        with pytest.raises(Unavailable, match="HOTLINE_WECHAT_API_BASE"):
            await phone.send_file(Path(__file__))
