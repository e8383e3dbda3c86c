"""The bot process without Rasa: it says why, serves its endpoint all the same, and ends when told."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from chatbot import rasa_files
from chatbot.process import run
from hotline.database import Database
from hotline.settings import Settings
from tests.ports import free_port
from ticketing.context import Core


async def health(port: int) -> tuple[int, dict[str, object]]:
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                    return response.status, await response.json()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(("missing", "why"), [("environment", "script/bootstrap"), ("model", "hotline bot train")])
async def test_without_environment_or_model(
    core: Core, database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, why: str
) -> None:
    project = tmp_path / "project"
    if missing == "model":
        (project / ".venv" / "bin").mkdir(parents=True)
        (project / ".venv" / "bin" / "python").touch()
    monkeypatch.setattr(rasa_files, "PROJECT", project)
    settings = settings.model_copy(update={"action_port": free_port(), "rasa_port": free_port()})
    work = asyncio.create_task(run(SimpleNamespace(core=core, database=database, settings=settings)))  # type: ignore[arg-type]
    try:
        status, body = await health(settings.action_port)
        assert status == 503
        assert why in str(body["why"])
        async with aiohttp.ClientSession() as session:
            async with session.post(f"http://127.0.0.1:{settings.action_port}{rasa_files.ACTIONS_PATH}", json={}) as response:
                assert response.status == 401
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", settings.action_port)) != 0
