"""Prometheus metrics of the web process. Counters live in this process; gauges are asked of the database at each scrape."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import HotlineError
from hotline.events import Outbox
from ticketing.attachment.models import FileRemoval
from ticketing.audit.report import standing
from ticketing.conversation.models import Call, Heartbeat, InboundMessage
from ticketing.deadline.models import ClockState, Deadline
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState

if TYPE_CHECKING:
    from hotline.assembly import Services

SCRAPE_TIMEOUT_S = 3.0
LATE = timedelta(minutes=2)
"""A message that came in and is not answered by then is worth an alarm."""
registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)
REQUESTS = Counter("hotline_http_requests_total", "Requests answered", ["method", "route", "status"], registry=registry)
SECONDS = Histogram("hotline_http_request_seconds", "Time to the answer (streams are left out)", ["route"], registry=registry)


@web.middleware
async def count_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer by its route pattern, never by the address itself: that may hold ticket numbers."""
    started = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as answer:
        status = answer.status
        raise
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "unknown"
        REQUESTS.labels(request.method if request.method in ("GET", "POST", "HEAD") else "other", route, str(status)).inc()
        if not request.headers.get("Accept", "").startswith("text/event-stream"):
            SECONDS.labels(route).observe(time.perf_counter() - started)


async def exposition(services: Services) -> tuple[bytes, str]:
    """The text that Prometheus reads, and its content type. Without a database only the process's own figures."""
    moment = CollectorRegistry()
    up = Gauge("hotline_database_up", "1 when the database answered this scrape", registry=moment)
    try:
        async with asyncio.timeout(SCRAPE_TIMEOUT_S), services.database.transaction() as session:
            await _gauges(services, session, moment)
        up.set(1)
    except (HotlineError, TimeoutError):
        up.set(0)
    return generate_latest(registry) + generate_latest(moment), CONTENT_TYPE_LATEST


async def unanswered(session: AsyncSession, now: datetime) -> list[tuple[str, str, int]]:
    """Channel, state and number of messages that came in and led to nothing for two minutes (lesson 9)."""
    late = (InboundMessage.state != "answered", InboundMessage.received_at < now - LATE)
    found = select(InboundMessage.channel, InboundMessage.state, func.count()).where(*late)
    rows = await session.execute(found.group_by(InboundMessage.channel, InboundMessage.state))
    return [(row[0], row[1], row[2]) for row in rows]


OPEN_STATES = tuple(state.value for state in TicketState if state.is_open)


def open_by_state() -> Select[str, int]:
    """State and number of the open tickets only: what is closed is counted by the statistics, not every fifteen seconds.

    The states stand in the statement, so that the planner sees that they lie in the partial index of what is not closed.
    """
    states = ", ".join(f"'{state}'" for state in OPEN_STATES)
    is_open = text(f"ticket.state IN ({states}) AND ticket.state NOT IN ('closed', 'archived')")
    return select(Ticket.state, func.count()).where(is_open).group_by(Ticket.state)


async def _gauges(services: Services, session: AsyncSession, moment: CollectorRegistry) -> None:
    now = services.core.clock.now()
    tickets = Gauge("hotline_tickets", "Open tickets by state", ["state"], registry=moment)
    counted: dict[str, int] = {row[0]: row[1] for row in await session.execute(open_by_state())}
    for state in OPEN_STATES:
        tickets.labels(state).set(counted.get(state, 0))
    calls = Gauge("hotline_live_calls", "Calls that have not ended, by state", ["state"], registry=moment)
    for state, count in (await session.execute(select(Call.state, func.count()).where(Call.state != "ended").group_by(Call.state))).all():
        calls.labels(state).set(count)
    outbox = Gauge("hotline_outbox", "Messages to the outside, by state", ["channel", "state"], registry=moment)
    unsent = select(Outbox.channel, Outbox.state, func.count()).where(Outbox.state != "sent").group_by(Outbox.channel, Outbox.state)
    for channel, state, count in (await session.execute(unsent)).all():
        outbox.labels(channel, state).set(count)
    running = Deadline.state == ClockState.RUNNING.value
    oldest = await session.scalar(select(func.min(Deadline.next_stage_at)).where(running))
    lag = Gauge("hotline_sweep_lag_seconds", "Age of the oldest reminder or card that is due and not yet given", registry=moment)
    lag.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)
    inbox = Gauge(
        "hotline_inbox_unanswered", "Messages received over two minutes ago and not answered", ["channel", "state"], registry=moment
    )
    for channel, state, count in await unanswered(session, now):
        inbox.labels(channel, state).set(count)
    audit = await standing(session)
    Gauge("hotline_audit_unsealed_events", "Events after the last seal, counted up to 100,000", registry=moment).set(audit.unsealed)
    removals = await session.scalar(select(func.count()).select_from(FileRemoval).where(FileRemoval.attempts > 0))
    Gauge("hotline_file_removals_failed", "Files that could not be removed yet", registry=moment).set(removals or 0)
    beats = Gauge("hotline_heartbeat_age_seconds", "Time since a worker last said that it lives", ["role", "worker"], registry=moment)
    pending = Gauge("hotline_pending_calls", "Calls in files, not yet in the database", ["worker", "state"], registry=moment)
    for role, worker, at, data in (await session.execute(select(Heartbeat.role, Heartbeat.worker, Heartbeat.at, Heartbeat.data))).all():
        beats.labels(role, worker).set((now - at).total_seconds())
        if role == "telephony":
            pending.labels(worker, "all").set(data.get("pending_calls", 0))
            pending.labels(worker, "refused").set(data.get("pending_calls_refused", 0))
