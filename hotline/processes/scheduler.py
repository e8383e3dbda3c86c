"""APScheduler only ticks; the work is sweeps over due rows with SKIP LOCKED, so several schedulers may run (docs/decisions/0008)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from hotline import logs
from hotline.clock import CITY_ZONE
from hotline.errors import Unavailable
from hotline.processes import sweeps
from hotline.processes.heartbeat import beat

if TYPE_CHECKING:
    from hotline.assembly import Services

LOG = logs.get(__name__)


@dataclass(frozen=True)
class Tick:
    """One sweep and how often it is called."""

    name: str
    sweep: Callable[[Services], Awaitable[object]]
    every_s: int


TICKS = (
    Tick("deadlines", sweeps.deadlines, 15),
    Tick("calendar", sweeps.calendar, 20),
    Tick("wechat delivery", sweeps.wechat_delivery, 2),
    Tick("callbacks", sweeps.callbacks, 30),
    Tick("automatic dispatch", sweeps.automatic_dispatch, 15),
    Tick("text messages", sweeps.text_messages, 5),
    Tick("absent agents", sweeps.absent_agents, 30),
    Tick("unattended chats", sweeps.unattended_chats, 30),
    Tick("unfinished forms", sweeps.unfinished_forms, 30),
    Tick("supervision", sweeps.supervision, 60),
    Tick("monitoring", sweeps.monitoring, 1800),
    Tick("digests", sweeps.digests, 60),
    Tick("quality", sweeps.quality, 900),
    Tick("webhooks", sweeps.webhooks, 2),
    Tick("api answers", sweeps.api_answers, 3600),
    Tick("knowledge", sweeps.knowledge, 30),
    Tick("audit seals", sweeps.audit_seals, 60),
    Tick("log-in sessions", sweeps.login_sessions, 3600),
    Tick("figure days", sweeps.figure_days, 15),
    Tick("briefs", sweeps.briefs, 300),
    Tick("import files", sweeps.import_files, 3600),
    Tick("unclaimed files", sweeps.unclaimed_files, 3600),
    Tick("bot training", sweeps.bot_training, 600),
    Tick("retention", sweeps.retention, 3600),
    Tick("file orphans", sweeps.file_orphans, 86400),
    Tick("file removals", sweeps.file_removals, 60),
)


async def run(services: Services) -> None:
    """Tick until cancelled. Each tick first runs at once: after an outage the first sweep catches up."""
    scheduler = AsyncIOScheduler(timezone=CITY_ZONE, job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None})
    for tick in TICKS:
        scheduler.add_job(
            guarded, "interval", args=(tick, services), seconds=tick.every_s, id=tick.name, next_run_time=services.core.clock.now()
        )
    scheduler.start()
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)


async def guarded(tick: Tick, services: Services) -> bool:
    """Run one sweep and note that it ran; a failure is logged and the next tick comes all the same."""
    try:
        await tick.sweep(services)
        await beat(services, f"scheduler:{tick.name}", "scheduler", every_s=tick.every_s)
    except Unavailable:
        LOG.warning("tick.no_database", tick=tick.name)
        return False
    except Exception:
        LOG.exception("tick.failed", tick=tick.name)
        return False
    return True
