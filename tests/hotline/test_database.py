"""Connections: replaced when the server closed them; pages that only read need no transaction."""

from __future__ import annotations

from sqlalchemy import text

from hotline.database import Database

PID = text("SELECT pg_backend_pid()")
NOW = text("SELECT now()")
"""The start of the transaction."""


async def test_a_connection_that_the_server_closed_is_replaced_before_its_next_use(database: Database) -> None:
    async with database.transaction() as session:
        first = await session.scalar(PID)
    other = Database(database.url)
    async with other.transaction() as session:
        await session.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": first})
    await other.close()
    async with database.transaction() as session:
        assert await session.scalar(PID) != first


async def test_reading_begins_no_transaction(database: Database) -> None:
    async with database.transaction() as session:
        assert await session.scalar(NOW) == await session.scalar(NOW)
    async with database.reading() as session:
        assert await session.scalar(NOW) != await session.scalar(NOW)
    async with database.transaction() as session:  # the same connection
        assert await session.scalar(NOW) == await session.scalar(NOW)
