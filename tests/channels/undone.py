"""A database in which everything is tried and nothing stays: all transactions lie within one that is rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from hotline.database import VAULT, Database
from hotline.security import Vault


class Undone(Database):
    """One connection for whoever comes, one after the other; each transaction is a savepoint of it."""

    def __init__(self, database: Database, connection: AsyncConnection, vault: Vault) -> None:
        """`connection` has a transaction open, which whoever opened it rolls back."""
        self.url, self.engine = database.url, database.engine
        self._connection, self._info = connection, {VAULT: vault}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commits to the savepoint."""
        async with (
            AsyncSession(
                self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False, info=dict(self._info)
            ) as session,
            session.begin(),
        ):  # fmt: skip
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """As a transaction: what was not committed can be read by the same connection only."""
        async with self.transaction() as session:
            yield session

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """What happens within is taken back at the end."""
        savepoint = await self._connection.begin_nested()
        try:
            yield
        finally:
            await savepoint.rollback()


@asynccontextmanager
async def undone(database: Database, vault: Vault) -> AsyncIterator[Undone]:
    """The same database for trying."""
    async with database.engine.connect() as connection:
        whole = await connection.begin()
        try:
            yield Undone(database, connection, vault)
        finally:
            await whole.rollback()
