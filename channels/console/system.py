"""The administrator's pages: which processes live, what waits or is parked, and the accounts. Never case content (4b)."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta

from aiohttp import web
from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from channels.console.pages import page
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE, HUB, SETTINGS
from hotline.events import Outbox
from ticketing.calendar.models import CalendarDay
from ticketing.conversation.models import Heartbeat, InboundMessage

STALE = timedelta(seconds=60)


def _patience(worker: Heartbeat) -> timedelta:
    """How long a worker may be silent: a job that runs once an hour is not late after a minute."""
    every_s = worker.data.get("every_s", 0)
    return STALE + 2 * timedelta(seconds=float(every_s) if isinstance(every_s, int | float) else 0)


async def show_system(request: web.Request) -> web.StreamResponse:
    """GET /console/system."""
    require_may(request, "system.see")
    core, settings = request.app[CORE], request.app[SETTINGS]
    now = core.clock.now()
    async with request.app[DATABASE].transaction() as session:
        workers = list(await session.scalars(select(Heartbeat).order_by(Heartbeat.role, Heartbeat.worker)))
        outbox = {(row[0], row[1]): row[2] for row in await session.execute(_grouped(Outbox.channel, Outbox.state))}
        parked = list(await session.scalars(select(Outbox).where(Outbox.state == "parked").order_by(Outbox.id.desc()).limit(20)))
        inbound = {(row[0], row[1]): row[2] for row in await session.execute(_grouped(InboundMessage.channel, InboundMessage.state))}
        facts = await _facts(session)
    disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    return page(
        request,
        "console/system.html",
        nav="system",
        workers=[(worker, now - worker.at < _patience(worker), now - worker.at) for worker in workers],
        outbox=outbox,
        parked=parked,
        inbound=inbound,
        facts=facts,
        free_mb=disk.free // 1048576,
        needed_mb=settings.min_free_disk_mb,
        live=request.app[HUB].connected.is_set(),
        last_day=facts["calendar_until"],
    )


def _grouped(first: InstrumentedAttribute[str], second: InstrumentedAttribute[str]) -> Select[str, str, int]:
    return select(first, second, func.count()).group_by(first, second)


async def _facts(session: AsyncSession) -> dict[str, object]:
    return {
        "database_version": await session.scalar(text("SHOW server_version")),
        "database_mb": int(await session.scalar(text("SELECT pg_database_size(current_database()) / 1048576")) or 0),
        "calendar_until": await session.scalar(select(func.max(CalendarDay.day))),
    }
