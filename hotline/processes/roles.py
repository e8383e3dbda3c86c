"""Runs one role in this process until it is told to end. The roles' modules are imported only here and only when run."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from hotline import logs
from hotline.assembly import Services
from hotline.children import follow_parent
from hotline.processes import edge
from hotline.processes.names import Role
from hotline.processes.postgres import PrivatePostgres, drop_rights
from hotline.processes.privacy import private_files
from hotline.settings import Settings

LOG = logs.get(__name__)
_GRACE_S = 12.0
"""A role that has not ended this long after SIGTERM is cut off; shorter than the supervisor's patience."""


def run(role: Role, settings: Settings) -> int:
    """Run the role; returns the exit code. `postgres` and `edge` replace this process and do not return."""
    private_files(settings.data_dir)
    logs.configure(role.value, level=settings.log_level)
    if role is Role.POSTGRES:
        become_postgres(PrivatePostgres.of(settings.data_dir))
    if role is Role.EDGE:
        edge.become(edge.of_settings(settings))
    return asyncio.run(_serve(role, settings))


async def _serve(role: Role, settings: Settings) -> int:
    services = Services.of(settings)
    task = asyncio.ensure_future(_WORK[role](services))
    loop = asyncio.get_running_loop()

    def end() -> None:
        task.cancel()
        loop.call_later(_GRACE_S, os._exit, 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    LOG.info("role.started", pid=os.getpid())
    try:
        await task
    except asyncio.CancelledError:
        LOG.info("role.stopped")
        return 0
    except OSError as error:
        LOG.exception("role.failed", hint="is the port taken by another program? The settings are listed in docs/configuration.md")
        sys.stderr.write(f"{role.value}: {error}\n")
        return 1
    finally:
        await services.close()
    LOG.error("role.ended", hint="a role runs until it is told to end")
    return 1


async def _web(services: Services) -> None:
    from aiohttp import web

    from channels.web.app import create_app
    from hotline import health, metrics
    from ticketing.suggestion import store

    store.warm(services.settings.data_dir)
    app = create_app(services, health.routes(services))
    app.middlewares.insert(0, metrics.count_requests)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0, keepalive_timeout=75.0)
    await runner.setup()
    _keep_what_stays()
    try:
        await web.TCPSite(runner, services.settings.http_host, services.settings.http_port, reuse_address=True).start()
        LOG.info("web.listening", url=services.settings.web_url)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _keep_what_stays() -> None:
    """Take what was loaded at the start out of garbage collection: half a million objects that never go.

    A full collection looks at all of them and holds up one request in some for 180 ms of CPU (docs/decisions/0213).
    """
    gc.collect()
    gc.freeze()


async def _telephony(services: Services) -> None:
    from telephony.process import run as run_telephony

    await run_telephony(services)


async def _webrtc(services: Services) -> None:
    from telephony.webrtc.process import run as run_gateway

    await run_gateway(services)


async def _bot(services: Services) -> None:
    from chatbot.process import run as run_bot

    await run_bot(services)


async def _scheduler(services: Services) -> None:
    from hotline.processes.scheduler import run as run_scheduler

    await run_scheduler(services)


_WORK: dict[Role, Callable[[Services], Awaitable[None]]] = {
    Role.WEB: _web,
    Role.TELEPHONY: _telephony,
    Role.WEBRTC: _webrtc,
    Role.BOT: _bot,
    Role.SCHEDULER: _scheduler,
}


def become_postgres(server: PrivatePostgres) -> None:
    """Turn this process into the PostgreSQL server, so that its supervisor watches the postmaster itself."""
    server.prepare()
    server.clear_leftovers()
    environment = drop_rights()
    follow_parent(signal.SIGINT)  # fast shutdown when the supervisor is gone; the change of user had cleared the wish
    arguments = server.arguments()
    os.execve(arguments[0], arguments, environment)  # noqa: S606 - no shell is wanted
