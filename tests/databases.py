"""Databases for tests: each test has a fresh one, what costs time is made once per worker.

Copies of templates are made over one connection that stays open. Engines outlive their databases: a new one would compile every statement
anew, a tenth of what a test takes; a reused one only connects to another name.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from hotline.database import Database, make_engine
from hotline.migrations import initial
from hotline.processes.postgres import PrivatePostgres
from hotline.security import Vault
from ticketing.calendar.versions import PerDatabase

TEMPLATE = "hotline_template"
T = TypeVar("T")


class Databases:
    """Makes and drops databases of one server."""

    def __init__(self, server: PrivatePostgres, loop: asyncio.AbstractEventLoop, connection: asyncpg.Connection[Any]) -> None:
        """`loop`: runs in a thread of its own, `connection` belongs to it."""
        self.server = server
        self._loop = loop
        self._connection = connection
        self._idle: list[_Engine] = []
        self._templates: set[str] = set()

    @asynccontextmanager
    async def fresh(self, template: str, vault: Vault | None = None) -> AsyncIterator[Database]:
        """A copy of a template, dropped at the end. `vault`: needed to write and read what citizens' events say."""
        # never while a test runs: a transaction anywhere on the server holds back who reads events in their order
        name = f"test_{uuid4().hex}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        engine = self._idle.pop() if self._idle else _Engine(self.server.url(name))
        engine.name = name
        database = Database(self.server.url(name), vault=vault, engine=engine.engine)
        yield database
        await database.close()
        PerDatabase.forget(engine.engine.sync_engine)
        self._idle.append(engine)
        await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def template(self, name: str, fill: Callable[[Database], Awaitable[object]]) -> str:
        """The name of a template with every table and what `fill` writes; made when it is first asked for."""
        if name not in self._templates:
            self.server.create_database(name, template=TEMPLATE)
            asyncio.run(_fill(self.server.url(name), fill))
            self._templates.add(name)
        return name

    async def _execute(self, statement: str) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._connection.execute(statement), self._loop))


class _Engine:
    """An engine that connects to the database of this name."""

    def __init__(self, url: str) -> None:
        self.name = ""
        self.engine: AsyncEngine = make_engine(url)
        event.listen(self.engine.sync_engine, "do_connect", self._aim)

    def _aim(self, _dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        options["database"] = self.name


@contextmanager
def databases_of(server: PrivatePostgres) -> Iterator[Databases]:
    """For a running server; makes the template with every table and no row."""
    server.create_database(TEMPLATE)
    asyncio.run(_fill(server.url(TEMPLATE), _every_table))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    connection = run(asyncpg.connect(host=str(server.socket_dir), user="hotline", database="postgres"))
    try:
        yield Databases(server, loop, connection)
    finally:
        run(connection.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _fill(url: str, fill: Callable[[Database], Awaitable[object]]) -> None:
    database = Database(url)
    await fill(database)
    await database.close()


async def _every_table(database: Database) -> None:
    """From the models, so that a new column is there at once; tests/hotline/test_migrations.py holds the migrations to them."""
    async with database.engine.begin() as connection:
        for statement in initial.statements_of(initial.sql()):
            await connection.exec_driver_sql(statement)
