"""Works off one channel's rows of the outbox: taken with SKIP LOCKED and a lease, growing pauses with jitter, parked after the last try.

A channel says how one row is sent (`perform`); everything else is the same for all of them. Rows that push a notice
(`ticketing.notice`) are tried for hours, never in the quiet hours, and their delivery is kept up to date in the same
transaction.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from hotline import logs
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.events import Outbox
from ticketing.context import Core
from ticketing.notice import templates
from ticketing.notice.deliveries import PREFIX, follow
from ticketing.notice.quiet import not_before

log = logs.get(__name__)
WAITING, SENT, PARKED = "waiting", "sent", "parked"
LEASE = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=5)
SENDING = "sending"
"""`last_error` while a message goes out whose outcome may stay unknown."""


@dataclass(frozen=True)
class Patience:
    """How often and how long something is tried."""

    attempts: int
    longest: timedelta


TALK = Patience(8, timedelta(minutes=30))
"""For words in a conversation: after ten minutes they are old."""
NOTICE = Patience(14, timedelta(hours=2))
"""For notices: some nine hours (lesson 11)."""


class TryLater(Exception):
    """Certainly nothing was sent, or sending twice does no harm."""


class GiveUp(Exception):
    """It was refused, or nobody knows whether it was sent and a repeat would do harm."""


@dataclass(frozen=True)
class Taken:
    """A row that this process has leased."""

    id: int
    attempts: int
    is_notice: bool
    at_once: bool
    was_sending: bool
    """The process before us died while it sent this: the outcome is unknown."""

    @property
    def patience(self) -> Patience:
        """How long it is tried."""
        return NOTICE if self.is_notice else TALK


class Worker(ABC):
    """One per process and channel."""

    channel: str

    def __init__(self, core: Core, database: Database) -> None:
        """Connects to nothing yet."""
        self.core, self.database = core, database

    @abstractmethod
    async def perform(self, taken: Taken) -> None:
        """Send one row. Raises `TryLater`, `GiveUp` or `Unavailable`; returning means it was sent."""

    async def send_waiting(self, limit: int = 500) -> int:
        """Handle every row that is due, at most `limit`; returns how many."""
        count = 0
        while count < limit and (taken := await self._take()) is not None:
            await self._handle(taken)
            count += 1
        return count

    async def _take(self) -> Taken | None:
        now = self.core.clock.now()
        statement = (
            select(Outbox)
            .where(
                Outbox.channel == self.channel,
                Outbox.state == WAITING,
                Outbox.not_before <= now,
                or_(Outbox.leased_until.is_(None), Outbox.leased_until <= now),
            )
            .order_by(Outbox.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self.database.transaction() as session:
            row = (await session.scalars(statement)).first()
            if row is None:
                return None
            was_sending = row.leased_until is not None and row.last_error == SENDING
            row.leased_until, row.attempts = now + LEASE, row.attempts + 1
            is_notice = row.dedupe_key.startswith(PREFIX)
            return Taken(row.id, row.attempts, is_notice, bool(row.payload.get("at_once")), was_sending)

    async def _handle(self, taken: Taken) -> None:
        try:
            await self.perform(taken)
        except (TryLater, Unavailable) as error:
            await self._later(taken, str(error))
        except GiveUp as error:
            await self._finish(taken, PARKED, str(error))
        else:
            await self._finish(taken, SENT, None)

    async def _later(self, taken: Taken, error: str) -> None:
        if taken.attempts >= taken.patience.attempts:
            await self._finish(taken, PARKED, error)
            return
        async with self.database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            row.leased_until, row.last_error = None, error[:200]
            row.not_before = self._next(taken)
            await follow(self.core, session, row)

    def _next(self, taken: Taken) -> datetime:
        moment = self.core.clock.now() + pause(taken.attempts, taken.patience.longest)
        return not_before(templates.load().quiet, moment) if taken.is_notice and not taken.at_once else moment

    async def _finish(self, taken: Taken, state: str, error: str | None) -> None:
        now = self.core.clock.now()
        async with self.database.transaction() as session:
            row = await session.get_one(Outbox, taken.id)
            row.state, row.leased_until, row.last_error = state, None, error[:200] if error else None
            row.sent_at = now if state == SENT else None
            await follow(self.core, session, row)
        log.info("outbox", channel=self.channel, row=taken.id, state=state, attempts=taken.attempts, error=error)


def pause(attempts: int, longest: timedelta = TALK.longest) -> timedelta:
    """The pause after this many tries: doubling up to `longest`, with jitter so that a crowd spreads out."""
    chosen: timedelta = min(longest, FIRST_PAUSE * 2 ** (attempts - 1))
    return chosen * random.uniform(0.75, 1.25)
