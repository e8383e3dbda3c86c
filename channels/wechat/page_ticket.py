"""The jsapi_ticket, with which pages are signed for WeChat's script: one for all processes, in the database (docs/decisions/0244).

Unlike `stable_token` the platform promises nothing about a second request for it, and calls for it are few. So it is fetched by one
process at a time and kept sealed. Nobody waits for the platform who need not: while one process renews, the others use the old one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.api import Client
from channels.wechat.errors import NotSent, PlatformError
from channels.wechat.models import WechatKept
from hotline.database import Database
from ticketing.context import Core

NAME = "jsapi_ticket"
AHEAD = timedelta(minutes=10)
"""Renewed so long before its end; a page that was signed just before stays good."""
PAUSE = timedelta(seconds=30)
"""After a failure the platform is left alone so long; pages work without its script."""
_LONG_AGO = datetime(2011, 1, 21, tzinfo=UTC)
"""Before WeChat."""
_LOCK = 0x6A736170
"""Advisory lock of the one who renews."""


class PageTicket:
    """One per process."""

    def __init__(self, client: Client, core: Core, database: Database) -> None:
        """Connects to nothing yet."""
        self._client, self._core, self._database = client, core, database
        self._value, self._good_until, self._not_before = "", _LONG_AGO, _LONG_AGO

    async def get(self) -> str:
        """The ticket. Raises `PlatformError` when there is none and none can be had now."""
        now = self._core.clock.now()
        if now < self._good_until - AHEAD:
            return self._value
        try:
            await self._renew(now)
        except PlatformError:
            self._not_before = now + PAUSE
            if now >= self._good_until:
                raise
        return self._value

    async def _renew(self, now: datetime) -> None:
        """Take what another process has fetched, or fetch it; the old one stays when somebody else is at it."""
        async with self._database.transaction() as session:
            await self._read(session)
            if now < self._good_until - AHEAD:
                return
            if now < self._not_before or not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                if now >= self._good_until:
                    raise NotSent("the page ticket is being fetched, or could not be fetched just now")
                return
            await self._read(session)  # somebody may have renewed it between the two
            if now < self._good_until - AHEAD:
                return
            value, seconds = await self._client.page_ticket()
            good_until = now + timedelta(seconds=seconds)
            row = {"name": NAME, "value_sealed": self._core.vault.seal(value), "good_until": good_until}
            statement = insert(WechatKept).values(row)
            await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
            self._value, self._good_until = value, good_until

    async def _read(self, session: AsyncSession) -> None:
        row = await session.get(WechatKept, NAME, populate_existing=True)
        if row is not None and row.good_until > self._good_until:
            self._value, self._good_until = self._core.vault.open(row.value_sealed), row.good_until
