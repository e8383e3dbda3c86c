"""`/healthz`, `/readyz`, `/metrics`: for load balancers, the demo's start and Prometheus. No personal data, no log-in."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hotline import __version__, migrations
from hotline.errors import HotlineError
from hotline.metrics import exposition, unanswered

if TYPE_CHECKING:
    from hotline.assembly import Services

T = TypeVar("T")
PART_TIMEOUT_S = 1.5
"""A part that has not answered by then is not ready. All parts are asked at once, so `/readyz` answers within two seconds."""
_cut_off: set[asyncio.Future[Any]] = set()
"""Questions that got no answer in time and are still tidying up."""


@dataclass(frozen=True)
class Part:
    """What one part of the service answered."""

    name: str
    ready: bool
    why: str = ""
    required: bool = True
    """Whether `/readyz` waits for it."""


async def check_parts(services: Services) -> list[Part]:
    """Ask every part at once. Never raises."""
    settings = services.settings
    async with ClientSession(timeout=ClientTimeout(total=PART_TIMEOUT_S)) as session:
        checks = [
            _within("database", _database(services)),
            _within("telephony", _any(session, [f"http://127.0.0.1:{port}/healthz" for port in settings.control_ports])),
        ]
        if settings.bot_enabled:
            checks.append(_within("bot", _bot(session, services)))
        inbox, parts = await asyncio.gather(_inbox(services), asyncio.gather(*checks))
    if not settings.bot_enabled:
        parts.append(Part("bot", False, "switched off (HOTLINE_BOT_ENABLED=false): knowledge search answers alone", required=False))
    parts = [*parts, *inbox]
    free_mb = shutil.disk_usage(settings.data_dir).free // 1_000_000
    if free_mb < settings.min_free_disk_mb:
        parts.append(Part("disk", False, f"{free_mb} MB free, less than HOTLINE_MIN_FREE_DISK_MB={settings.min_free_disk_mb}"))
    return parts


async def _inbox(services: Services) -> list[Part]:
    """Received but not answered (lesson 9): degraded, since everything else works."""
    try:
        waiting = await _in_time(_unanswered(services))
    except (HotlineError, TimeoutError, SQLAlchemyError):
        return []  # said by the part «database»
    told = ", ".join(f"{count} {channel} {state}" for channel, state, count in waiting)
    return [Part("inbox", False, f"received and not answered: {told}", required=False)] if told else []


async def _unanswered(services: Services) -> list[tuple[str, str, int]]:
    async with services.database.transaction() as session:
        return await unanswered(session, services.core.clock.now())


async def _within(name: str, check: Awaitable[None]) -> Part:
    try:
        await _in_time(check)
    except TimeoutError:
        return Part(name, False, f"no answer within {PART_TIMEOUT_S} s")
    except (HotlineError, ClientError, OSError) as error:
        return Part(name, False, str(error) or type(error).__name__)
    return Part(name, True)


async def _in_time(asked: Awaitable[T]) -> T:
    """The answer; raises TimeoutError at once. What was cut off ends by itself: to leave a frozen database took as long again."""
    task = asyncio.ensure_future(asked)
    try:
        await asyncio.wait({task}, timeout=PART_TIMEOUT_S)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            _cut_off.add(task)
            task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    _cut_off.discard(task)
    if not task.cancelled():
        task.exception()  # it was too late to matter


class _NotReady(HotlineError):
    """The part answered that it is not ready."""


async def _database(services: Services) -> None:
    async with services.database.transaction() as session:
        there = await session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        version = await session.scalar(text("SELECT version_num FROM alembic_version")) if there else None
    if version != migrations.head():
        raise _NotReady(f"the schema is at {version or 'nothing'}, this program needs {migrations.head()}: run hotline db upgrade")


async def _http(session: ClientSession, url: str) -> None:
    async with session.get(url) as response:
        if response.status != 200:
            raise _NotReady(f"{url.partition('?')[0]} answered {response.status}: {(await response.text())[:200]}")


async def _any(session: ClientSession, urls: list[str]) -> None:
    """One of several processes is enough: the edge gives the calls to those that live. Raises what the first one's was."""
    answers = await asyncio.gather(*(_http(session, url) for url in urls), return_exceptions=True)
    if all(answers):
        raise next(answer for answer in answers if answer is not None)


async def _bot(session: ClientSession, services: Services) -> None:
    """The bot process answers 200 only when the action endpoint runs and Rasa has loaded its model."""
    await _http(session, f"http://127.0.0.1:{services.settings.action_port}/healthz")


def routes(services: Services) -> list[web.RouteDef]:
    """The three addresses, for the web application."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True, "version": __version__})

    async def readyz(_request: web.Request) -> web.Response:
        parts = await check_parts(services)
        missing = [part for part in parts if not part.ready and part.required]
        body: dict[str, object] = {
            "ready": not missing,
            "missing": [{"part": part.name, "why": part.why} for part in missing],
            "degraded": [{"part": part.name, "why": part.why} for part in parts if not part.ready and not part.required],
        }
        document = json.dumps(body, ensure_ascii=False)
        return web.json_response(text=document, status=503 if missing else 200, headers={"Cache-Control": "no-store"})

    async def metrics(_request: web.Request) -> web.Response:
        content, content_type = await exposition(services)
        return web.Response(body=content, headers={"Content-Type": content_type})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]
