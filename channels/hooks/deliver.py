"""The scheduler's tick: turns events into deliveries and sends what waits, at least once, with growing pauses over hours.

Rows of the outbox are taken with SKIP LOCKED and a lease. Whoever dies while sending leaves the row to the next after the
lease: the receiver may get the same event id twice and is told so (lesson 12). After the last try the row is parked and
stands on the page of failed deliveries (lesson 11).
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Protocol

from sqlalchemy import or_, select

from channels.hooks import partners
from channels.hooks.post import Delivered, NotDelivered, Poster, as_bytes
from hotline import logs
from hotline.database import Database
from hotline.events import Outbox
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.exchange import service as exchange
from ticketing.webhook import reader, service
from ticketing.webhook.models import WebhookSubscription

log = logs.get(__name__)
CHANNELS = (service.CHANNEL, exchange.CHANNEL)
LEASE = timedelta(seconds=60)
PAUSES_S = (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
"""Before each further try; with up to a quarter more or less. In all about sixteen hours."""
MAX_ATTEMPTS = len(PAUSES_S) + 1
AT_ONCE = 8
ROUND = 200


class Services(Protocol):
    """What the tick needs of `hotline.assembly.Services`."""

    @property
    def settings(self) -> Settings:
        """Settings of this process."""
        ...

    @property
    def database(self) -> Database:
        """The pool."""
        ...

    @property
    def core(self) -> Core:
        """First argument of every service function."""
        ...


async def run(services: Services) -> int:
    """Read new events, send what is due. Returns how many deliveries were tried."""
    await read_events(services)
    tried = 0
    async with Poster(services.settings.webhook_private_hosts) as poster:
        while tried < ROUND:
            rows = await _take(services)
            if not rows:
                break
            await asyncio.gather(*(_send(services, poster, row) for row in rows))
            tried += len(rows)
    return tried


async def read_events(services: Services) -> int:
    """Write deliveries for events that nobody was told of yet; returns how many."""
    core, count = services.core, 0
    while True:
        async with services.database.transaction() as session:
            events = await reader.next_events(session, "webhooks")
            if not events:
                return count
            count += await service.fan_out(core, session, events)
            count += await exchange.push_new(core, session, events)
            if len(events) < reader.BATCH:
                return count


async def _take(services: Services) -> list[Outbox]:
    now = services.core.clock.now()
    due = (
        select(Outbox)
        .where(
            Outbox.state == "waiting",
            Outbox.channel.in_(CHANNELS),
            Outbox.not_before <= now,
            or_(Outbox.leased_until.is_(None), Outbox.leased_until <= now),
        )
        .order_by(Outbox.not_before, Outbox.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    async with services.database.transaction() as session:
        rows = list(await session.scalars(due))
        for row in rows:
            row.leased_until, row.attempts = now + LEASE, row.attempts + 1
        return rows


async def _send(services: Services, poster: Poster, row: Outbox) -> None:
    try:
        if row.attempts > MAX_ATTEMPTS:  # whoever sent it last died each time
            raise NotDelivered("the service ended while sending", for_good=True)
        answer = await (_webhook if row.channel == service.CHANNEL else partners.push)(services, poster, row)
    except NotDelivered as error:
        await _later(services, row, error)
    else:
        await _done(services, row, answer)


async def _webhook(services: Services, poster: Poster, row: Outbox) -> Delivered:
    async with services.database.transaction() as session:
        subscription = await session.get(WebhookSubscription, int(row.recipient))
        told = await service.may_be_told(session, row.payload)
    if not told:
        raise NotDelivered("the ticket is secret by now, or was deleted", for_good=True)
    if subscription is None or not subscription.active:
        raise NotDelivered("the subscription was switched off", for_good=True)
    secret = services.core.vault.open(subscription.secret_sealed)
    extra = {"Webhook-Attempt": str(row.attempts)}
    now = services.core.clock.now()
    return await poster.post(subscription.url, as_bytes(row.payload), secret=secret, event_id=row.payload["id"], now=now, extra=extra)


async def _later(services: Services, row: Outbox, error: NotDelivered) -> None:
    over = error.for_good or row.attempts >= MAX_ATTEMPTS
    now = services.core.clock.now()
    async with services.database.transaction() as session:
        kept = await session.get_one(Outbox, row.id)
        kept.leased_until, kept.last_error = None, str(error)[:200]
        if over:
            kept.state = "parked"
        else:
            pause = PAUSES_S[min(row.attempts, len(PAUSES_S)) - 1]
            kept.not_before = now + timedelta(seconds=pause * random.uniform(0.75, 1.25))
        if row.channel == exchange.CHANNEL:
            await exchange.not_delivered(services.core, session, int(row.payload["message"]), str(error), over=over)
    if over:
        log.warning("delivery given up", channel=row.channel, delivery=row.id, attempts=row.attempts)


async def _done(services: Services, row: Outbox, answer: Delivered) -> None:
    now = services.core.clock.now()
    async with services.database.transaction() as session:
        kept = await session.get_one(Outbox, row.id)
        kept.state, kept.sent_at, kept.leased_until, kept.last_error = "sent", now, None, None
        if row.channel == exchange.CHANNEL:
            await exchange.delivered(services.core, session, int(row.payload["message"]), answer.text)
