from __future__ import annotations

from pathlib import Path

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from channels.web.app import create_app
from hotline.assembly import Services
from hotline.database import Database
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres, running
from hotline.settings import Settings
from tests.channels.staff import Browser
from ticketing.context import Core


async def _schema(database: Database) -> None:
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)


async def test_without_the_database_pages_say_503_and_work_again_when_it_is_back(tmp_path: Path, settings: Settings, core: Core) -> None:
    """The server process is stopped and started; the web process is not touched."""
    private = PrivatePostgres(tmp_path / "pg", fast=True)
    with running(private):
        private.create_database("web")
        database = Database(private.url("web"))
        await _schema(database)
        site = TestServer(create_app(Services(settings, core, database)))
        await site.start_server()
        client: TestClient = TestClient(site, cookie_jar=CookieJar(unsafe=True))  # type: ignore[type-arg]
        person = Browser(client)
        assert (await person.login("nobody", "x")).status == 422
    for _ in range(2):
        response = await person.login("nobody", "x")
        body = await response.text()
        assert response.status == 503, body[:500]
        assert "请稍后再试" in body
        assert response.headers["Retry-After"] == "15"
        assert (await person.get("/console/login")).status == 200  # what needs no database still answers
    with running(private):
        assert (await person.login("nobody", "x")).status == 422
        await client.close()
        await database.close()
