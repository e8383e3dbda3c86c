"""One LISTEN connection to PostgreSQL, made anew whenever it breaks. What was said meanwhile is lost: `on_connected` makes good for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from hotline.logs import get

log = get(__name__)
_RECONNECT_S = 1.0
_ASK_S = 20.0
"""So often a quiet connection is asked whether it lives: a dead peer sends no reset."""


class Listener:
    """Hears the notices of one channel."""

    def __init__(self, database_url: str, channel: str, on_notice: Callable[[str], None], on_connected: Callable[[], None]) -> None:
        """`on_notice` is given each payload; `on_connected` is called after each connection, when something may have been missed."""
        self._dsn = database_url.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._channel = channel
        self._on_notice, self._on_connected = on_notice, on_connected
        self.connected = asyncio.Event()
        """Set while notices are heard."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._hear()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listening_connection_lost", channel=self._channel, reason=type(error).__name__)
            except Exception:  # whatever it is: the next connection may work
                log.exception("listening_connection_lost", channel=self._channel)
            self.connected.clear()
            await asyncio.sleep(_RECONNECT_S)

    async def _hear(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _connection: gone.set())
        try:
            await connection.add_listener(self._channel, self._heard)
            self._on_connected()
            self.connected.set()
            while not gone.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(gone.wait(), _ASK_S)
                if not gone.is_set():
                    await connection.execute("SELECT 1", timeout=5)
        finally:
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._on_notice(str(payload))
