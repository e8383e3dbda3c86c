"""Supervision that runs by the clock: monitoring over the last days, overdue tasks, promises, bursts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Select, cast, select

from hotline import logs
from hotline.clock import to_city
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.events import SYSTEM, Event, record
from ticketing.assignment.models import Assignment, Reply
from ticketing.context import Core
from ticketing.supervision import bursts, commitments, formal, rectification
from ticketing.supervision.monitoring import inspect_closing, inspect_reply
from ticketing.ticket.models import Ticket

BATCH = 200
NIGHT = range(1, 5)
"""Hours of the city's day in which the nightly run may begin."""
_log = logs.get(__name__)


@dataclass(frozen=True)
class Looked:
    """What a run of the monitoring did."""

    replies: int
    closed: int
    found: int


async def monitor(core: Core, database: Database, *, days: int = 2) -> Looked:
    """Look once more at every reply signed off and every ticket closed in the last `days`; what is known is not found again."""
    since = core.clock.now() - timedelta(days=days)
    replies, found = await _replies(core, database, since)
    closed, more = await _closed(core, database, since)
    async with database.transaction() as session:
        data = {"days": days, "replies": replies, "closed": closed, "found": found + more}
        await record(session, at=core.clock.now(), name="monitor.run", subject="monitor", subject_id="all", who=SYSTEM, data=data)
    return Looked(replies, closed, found + more)


def _tickets(name: str, since: datetime, *more: str) -> Select[int]:
    """Tickets to which something of this name happened; found by the index of the log, however many tickets there are."""
    happened = (Event.name.in_([name, *more]), Event.at >= since, Event.subject == "ticket")
    return select(cast(Event.subject_id, BigInteger)).where(*happened)


async def _replies(core: Core, database: Database, since: datetime) -> tuple[int, int]:
    looked, found, last = 0, 0, 0
    while True:
        async with database.transaction() as session:
            statement = (
                select(Reply, Assignment, Ticket)
                .join(Assignment, Assignment.id == Reply.assignment_id)
                .join(Ticket, Ticket.id == Assignment.ticket_id)
                .where(Ticket.id.in_(_tickets("assignment.replied", since)), Reply.signed_off_at >= since, Reply.id > last)
                .order_by(Reply.id)
                .limit(BATCH)
            )
            rows = (await session.execute(statement)).all()
            for reply, assignment, ticket in rows:
                found += await inspect_reply(core, session, ticket, assignment, reply)
        looked += len(rows)
        if len(rows) < BATCH:
            return looked, found
        last = rows[-1].Reply.id


async def _closed(core: Core, database: Database, since: datetime) -> tuple[int, int]:
    looked, found, last = 0, 0, 0
    while True:
        async with database.transaction() as session:
            statement = select(Ticket).where(
                Ticket.id.in_(_tickets("ticket.closed", since, "ticket.closed_disputed")), Ticket.state == "closed", Ticket.id > last
            )
            tickets = list(await session.scalars(statement.order_by(Ticket.id).limit(BATCH)))
            for ticket in tickets:
                found += await inspect_closing(core, session, ticket)
        looked += len(tickets)
        if len(tickets) < BATCH:
            return looked, found
        last = tickets[-1].id


async def tick(core: Core, database: Database) -> int:
    """Each minute: bursts, overdue rectification and orders, promises. A part that fails is logged and does not stop the others."""
    done = await bursts.run(core, database)
    for part in (rectification.tell_overdue, formal.tell_overdue, commitments.remind):
        try:
            async with database.transaction() as session:
                done += await part(core, session)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - one broken list must not hide the others
            _log.exception("supervision.failed", part=part.__module__)
    return done


async def hourly(core: Core, database: Database) -> int:
    """Each half hour: rises of categories; once in a night the monitoring."""
    async with database.transaction() as session:
        done = await bursts.look_for_rises(core, session)
    now = to_city(core.clock.now())
    if now.hour not in NIGHT:
        return done
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    async with database.transaction() as session:
        ran = select(Event.id).where(Event.name == "monitor.run", Event.at >= midnight).limit(1)
        if await session.scalar(ran) is not None:
            return done
    return done + (await monitor(core, database)).found
