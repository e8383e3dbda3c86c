"""The telephony process as its supervisor runs it: it says that it is there, takes up what was left, and stops in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from sqlalchemy import select

from hotline.assembly import Services
from hotline.database import Database
from hotline.settings import Settings
from telephony.client import Caller
from telephony.process import run, worker_name
from tests.ports import free_port
from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.conversation.calls import start_call
from ticketing.conversation.models import Author, Call, Heartbeat, Message
from ticketing.conversation.service import add_message


@pytest.fixture
def services(settings: Settings, core: Core, database: Database) -> Services:
    changes = {
        "sip_port": free_port(),
        "control_port": free_port(),
        "speech_model": "synthetic",
        "bot_enabled": False,
        "min_free_disk_mb": 0,
    }
    return Services(settings.model_copy(update=changes), core, database)


@pytest.fixture
async def process(services: Services) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(run(services))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def health(services: Services, process: asyncio.Task[None]) -> dict[str, object]:
    """The answer of /healthz, as soon as there is one."""
    async with asyncio.timeout(20), ClientSession() as session:
        while True:
            assert not process.done(), process.result()
            try:
                async with session.get(f"http://127.0.0.1:{services.settings.control_port}/healthz") as response:
                    assert response.status == 200
                    answer: dict[str, object] = await response.json()
                    return answer
            except ClientError:
                await asyncio.sleep(0.05)


async def a_call_left_open(services: Services, worker: str = "") -> None:
    worker = worker or worker_name(services.settings)
    async with services.database.transaction() as session:
        conversation, _call = await start_call(
            services.core, session, sip_call_id="x", caller="13912345678", called="12345", codec="PCMA", worker=worker, transcriber="m"
        )
        await add_message(services.core, session, conversation, Author.CITIZEN, "小区停水了")


async def test_it_serves_beats_takes_up_what_was_left_and_stops(services: Services, process: asyncio.Task[None], tmp_path: Path) -> None:
    await a_call_left_open(services)
    other_machine = services.settings.model_copy(update={"data_dir": tmp_path})
    await a_call_left_open(services, worker_name(other_machine))
    state = await health(services, process)
    assert state["transcriber"] == "synthetic"
    assert state["sip"] == f"127.0.0.1:{services.settings.sip_port}"
    assert state["live_calls"] == 0
    assert (state["pending_calls"], state["pending_calls_refused"]) == (0, 0)
    async with asyncio.timeout(10):
        while True:
            async with services.database.transaction() as session:
                beat = (await session.scalars(select(Heartbeat))).first()
                owed = (await session.scalars(select(ReturnCall))).first()
            if beat is not None:
                break
            await asyncio.sleep(0.05)
    assert beat.role == "telephony"
    assert owed is not None
    assert owed.reason == "process_died"

    async with Caller(f"sip:12345@127.0.0.1:{services.settings.sip_port}") as caller:
        async with asyncio.timeout(10):
            while not await _greeted(services.database):
                await asyncio.sleep(0.05)
        process.cancel()
        with pytest.raises(asyncio.CancelledError):
            await process
        assert not caller.leg.live
    async with services.database.transaction() as session:
        calls = list(await session.scalars(select(Call)))
    ours = [call.end_reason for call in calls if call.worker == worker_name(services.settings)]
    assert None not in ours
    assert len(ours) == 2
    others = [call.end_reason for call in calls if call.worker == worker_name(other_machine)]
    assert others == [None], "another machine's call, on the same port, goes on"
    async with ClientSession() as session:
        with pytest.raises(ClientError):
            await session.get(f"http://127.0.0.1:{services.settings.control_port}/healthz")


async def _greeted(database: Database) -> bool:
    async with database.transaction() as session:
        return (await session.scalars(select(Message).where(Message.data["prompt"].astext == "greeting"))).first() is not None


async def test_a_taken_address_is_an_error_and_leaves_nothing_running(services: Services) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", services.settings.sip_port))
        with pytest.raises(OSError, match="in use"):
            await run(services)
