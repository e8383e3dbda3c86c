"""Sends the channel's outbox rows: taken with SKIP LOCKED and a lease, with growing pauses, parked after the last try.

What happens to a customer message (客服消息) whose outcome nobody knows: it is parked, not repeated, because the platform
has no key against repeats there; the text is given with the next passive reply instead (`outbox.with_missed`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat import pictures, rating
from channels.wechat.api import Client
from channels.wechat.errors import NotSent, PlatformRefused, UnknownOutcome
from channels.wechat.outbox import CHANNEL, PARKED, SENT, WAITING, Task, text_of
from channels.wechat.replies import clean, cut
from hotline import logs
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.events import Outbox
from hotline.settings import Settings
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import openid
from ticketing.context import Core

log = logs.get(__name__)
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=30)
_SENDING = "sending"


@dataclass(frozen=True)
class Taken:
    """A row that this process has leased."""

    id: int
    attempts: int
    was_sending: bool
    """The process before us died while it sent this: the outcome is unknown."""


class Sender:
    """One per process."""

    def __init__(self, settings: Settings, core: Core, database: Database, client: Client | None) -> None:
        """Without a client (no AppSecret) everything is parked and given with the next passive reply."""
        self._settings, self._core, self._database, self._client = settings, core, database, client

    async def send_waiting(self) -> int:
        """Handle every row that is due; returns how many."""
        count = 0
        while (taken := await self._take()) is not None:
            await self._handle(taken)
            count += 1
        return count

    async def _take(self) -> Taken | None:
        now = self._core.clock.now()
        statement = (
            select(Outbox)
            .where(
                Outbox.channel == CHANNEL,
                Outbox.state == WAITING,
                Outbox.not_before <= now,
                or_(Outbox.leased_until.is_(None), Outbox.leased_until <= now),
            )
            .order_by(Outbox.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self._database.transaction() as session:
            row = (await session.scalars(statement)).first()
            if row is None:
                return None
            was_sending = row.leased_until is not None and row.last_error == _SENDING
            row.leased_until, row.attempts = now + LEASE, row.attempts + 1
            return Taken(row.id, row.attempts, was_sending)

    async def _handle(self, taken: Taken) -> None:
        try:
            if taken.was_sending:
                raise UnknownOutcome("the process ended while sending")
            await self._perform(taken)
        except (NotSent, Unavailable) as error:
            await self._later(taken, str(error))
        except PlatformRefused as error:
            if error.may_work_later:
                await self._later(taken, str(error))
            else:
                await self._finish(taken, PARKED, str(error))
        except (UnknownOutcome, pictures.Unfit) as error:
            await self._finish(taken, PARKED, f"{type(error).__name__}: {error}")
        else:
            await self._finish(taken, SENT, None)

    async def _perform(self, taken: Taken) -> None:
        """Do what the row asks for. Only a message to the citizen has an outcome that may stay unknown."""
        if self._client is None:
            raise PlatformRefused(0, "the account has no AppSecret")
        async with self._database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            recipient = await self._openid(session, row)
            task = Task(row.kind)
            if task is not Task.PICTURE:
                row.last_error = _SENDING
        match task:
            case Task.TEXT:
                await self._client.text(recipient, cut(clean(text_of(self._core, row))))
            case Task.RATING:
                await self._client.send(recipient, "msgmenu", rating.as_menu(text_of(self._core, row)))
            case Task.PICTURE:
                await pictures.fetch(self._settings, self._core, self._database, self._client, row)

    async def _openid(self, session: AsyncSession, row: Outbox) -> str:
        citizen = await session.get(Citizen, int(row.recipient))
        found = openid(self._core, citizen) if citizen is not None else None
        if found is None:
            raise PlatformRefused(40003, "the citizen has no openid any more")
        return found

    async def _later(self, taken: Taken, error: str) -> None:
        if taken.attempts >= MAX_ATTEMPTS:
            await self._finish(taken, PARKED, error)
            return
        async with self._database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            row.leased_until, row.last_error = None, error[:200]
            row.not_before = self._core.clock.now() + pause(taken.attempts)

    async def _finish(self, taken: Taken, state: str, error: str | None) -> None:
        now = self._core.clock.now()
        async with self._database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            row.state, row.leased_until, row.last_error = state, None, error[:200] if error else None
            row.sent_at = now if state == SENT else None
        log.info("wechat outbox", row=taken.id, task=row.kind, state=state, attempts=taken.attempts, error=error)


def pause(attempts: int) -> timedelta:
    """The pause after this many tries: doubling, at most half an hour, with jitter so that a crowd spreads out."""
    longest: timedelta = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1))
    return longest * random.uniform(0.75, 1.25)
