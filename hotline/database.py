"""Engine, sessions and the declarative base. PostgreSQL only (docs/decisions/0001).

One request or task is one transaction: `async with database.transaction() as session`. Relations are loaded
explicitly; a lazy load raises instead of making a page slow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, LargeBinary, MetaData, Text, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from hotline.errors import Unavailable
from hotline.security import Vault

VAULT = "vault"
"""`session.info[VAULT]`: the keys of this process."""


class Base(DeclarativeBase):
    """Base of every table. Constraint names are fixed, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy as a class attribute
        int: BigInteger,
        str: Text,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


def async_url(url: str) -> str:
    """The same address for the asyncpg driver."""
    for prefix in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url[len(prefix) :]
    raise ValueError("the database address must start with postgresql://")


def make_engine(url: str, *, pool_size: int = 10, statement_timeout_ms: int = 30_000) -> AsyncEngine:
    """An engine with a pool; connects on first use."""
    engine = create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=10,
        pool_timeout=5,
        hide_parameters=True,  # what citizens wrote is no part of an error's text
        connect_args={
            "timeout": 3,
            "server_settings": {"statement_timeout": str(statement_timeout_ms), "jit": "off"},
        },  # compiling costs more than our short reads
    )
    event.listen(engine.sync_engine, "checkout", _refuse_dead)
    return engine


class Database:
    """The connection pool of one process."""

    def __init__(
        self,
        url: str,
        *,
        vault: Vault | None = None,
        pool_size: int = 10,
        statement_timeout_ms: int = 30_000,
        engine: AsyncEngine | None = None,
    ) -> None:
        """Open nothing yet; connections are made on first use, and made anew when the server closed them.

        `vault`: the keys by which words in events are sealed and opened; needed by whoever writes events of citizens.
        `engine`: one of `make_engine` that is used here alone; else it is made.
        """
        self.url = url
        self.engine = engine or make_engine(url, pool_size=pool_size, statement_timeout_ms=statement_timeout_ms)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, info={VAULT: vault})
        readers = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = async_sessionmaker(readers, expire_on_commit=False, autoflush=False, info={VAULT: vault})

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back on any exception.

        Raises `Unavailable` when the server cannot be reached.
        """
        async with self._opened(self._sessions) as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """For pages that only read: each statement by itself, without the two messages that begin and end a transaction.

        Statements of a READ COMMITTED transaction see no common moment either. What is written here cannot be taken back,
        and `SET LOCAL` and row locks end with their statement: for those, and for whatever writes, there is `transaction`.
        Raises `Unavailable` when the server cannot be reached.
        """
        async with self._opened(self._readers) as session:
            yield session

    @asynccontextmanager
    async def _opened(self, sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
        try:
            async with sessions() as session, session.begin():
                yield session
        except (OSError, TimeoutError, OperationalError) as error:
            raise Unavailable("数据库暂时连不上，请稍后再试") from error
        except DBAPIError as error:
            if is_outage(error):
                raise Unavailable("数据库暂时连不上，请稍后再试") from error
            raise

    async def ping(self) -> None:
        """Raises `Unavailable` when no query can be answered."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def _refuse_dead(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    """A connection whose server has gone is replaced when it is taken from the pool; asyncpg knows, nobody has to ask the server."""
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError


def is_outage(error: DBAPIError) -> bool:
    """Whether the error means that the server went away, as opposed to a refused statement."""
    if error.connection_invalidated:
        return True
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return state.startswith(("08", "57P"))  # connection exception, operator intervention (shutdown)


Id = UUID
"""Public identifiers (conversations, calls, attachments) are random UUIDs; internal ones are big integers."""
