"""Readiness and metrics against a real database; the other processes are played by sockets that answer, refuse or hang."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert, select, text

from hotline import health, metrics
from hotline.assembly import Services
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.processes import scheduler, sweeps
from hotline.processes.heartbeat import beat
from hotline.processes.scheduler import Tick
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.conversation.models import InboundMessage
from ticketing.people.models import LoginSession, User

Part = Callable[[int], Awaitable[int]]
"""Starts a neighbour; see the fixture `part`."""


@pytest.fixture
async def part() -> AsyncIterator[Part]:
    """Starts a neighbour whose /healthz answers with a status, or never (0); gives its port."""
    runners: list[web.AppRunner] = []

    async def start(status: int) -> int:
        async def healthz(_request: web.Request) -> web.Response:
            if status == 0:
                await asyncio.Event().wait()
            return web.json_response({"why": "loading"}, status=status)

        app = web.Application()
        app.router.add_get("/healthz", healthz)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ask(services: Services, path: str = "/readyz") -> tuple[int, str]:
    app = web.Application(middlewares=[metrics.count_requests])
    app.add_routes(health.routes(services))
    async with TestClient(TestServer(app)) as client:
        response = await client.get(path)
        return response.status, await response.text()


@pytest.fixture
async def migrated(database: Database) -> Database:
    """The template is made from the models; here it also says which migration that is."""
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE alembic_version (version_num text)"))
        await session.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    return database


def services_with(settings: Settings, core: Core, database: Database, **changes: Any) -> Services:
    return Services(settings.model_copy(update=changes), core, database)


async def test_ready_when_every_part_is(settings: Settings, core: Core, migrated: Database, part: Part) -> None:
    services = services_with(settings, core, migrated, control_port=await part(200), action_port=await part(200))
    status, body = await ask(services)
    assert status == 200
    assert json.loads(body) == {"ready": True, "missing": [], "degraded": []}


async def test_each_missing_part_is_named(settings: Settings, core: Core, migrated: Database, part: Part) -> None:
    services = services_with(settings, core, migrated, control_port=unused_port(), action_port=await part(503))
    status, body = await ask(services)
    missing = {each["part"]: each["why"] for each in json.loads(body)["missing"]}
    assert status == 503
    assert missing.keys() == {"telephony", "bot"}
    assert "loading" in missing["bot"]


async def test_parts_that_hang_do_not_hang_the_answer(settings: Settings, core: Core, migrated: Database, part: Part) -> None:
    services = services_with(settings, core, migrated, control_port=await part(0), action_port=await part(0))
    began = time.monotonic()
    status, body = await ask(services)
    assert time.monotonic() - began < 2 * health.PART_TIMEOUT_S, "one after the other"
    assert status == 503
    assert {each["part"] for each in json.loads(body)["missing"]} == {"telephony", "bot"}


class FrozenDatabase:
    """Takes every question, answers none, and cannot be left either: as when the server process was stopped (kill -STOP)."""

    def __init__(self) -> None:
        self.thawed = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        try:
            await self.thawed.wait()
            yield
        finally:
            await self.thawed.wait()


async def test_a_frozen_database_is_not_waited_for_when_it_is_left(settings: Settings, core: Core, part: Part) -> None:
    database = FrozenDatabase()
    services = services_with(settings, core, database, control_port=await part(200), action_port=await part(200))  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        status, body = await ask(services)
    assert (status, [each["part"] for each in json.loads(body)["missing"]]) == (503, ["database"])
    database.thawed.set()


async def test_a_bot_that_is_switched_off_is_degraded_but_ready(settings: Settings, core: Core, migrated: Database, part: Part) -> None:
    services = services_with(settings, core, migrated, control_port=await part(200), bot_enabled=False)
    status, body = await ask(services)
    assert status == 200
    assert [each["part"] for each in json.loads(body)["degraded"]] == ["bot"]


async def test_an_old_schema_is_not_ready(settings: Settings, core: Core, database: Database, part: Part) -> None:
    services = services_with(settings, core, database, control_port=await part(200), action_port=await part(200))
    status, body = await ask(services)
    assert status == 503
    assert "hotline db upgrade" in json.loads(body)["missing"][0]["why"]


async def test_a_full_disk_is_not_ready(settings: Settings, core: Core, migrated: Database, part: Part) -> None:
    ports = {"control_port": await part(200), "action_port": await part(200)}
    status, body = await ask(services_with(settings, core, migrated, min_free_disk_mb=10**9, **ports))
    assert status == 503
    assert json.loads(body)["missing"][0]["part"] == "disk"


async def test_lesson_09_received_but_not_answered_raises_an_alarm(
    settings: Settings, core: Core, migrated: Database, part: Part, clock: ManualClock
) -> None:
    ports = {"control_port": await part(200), "action_port": await part(200)}
    services = services_with(settings, core, migrated, **ports)
    async with migrated.transaction() as session:
        for state in ("received", "failed", "answered"):
            common = {"channel": "wechat", "body_sealed": b"x", "body_hash": "h", "received_at": clock.now()}
            session.add(InboundMessage(external_id=state, state=state, **common))
    clock.advance(minutes=1)
    assert json.loads((await ask(services))[1])["degraded"] == []
    clock.advance(minutes=2)
    status, body = await ask(services)
    [inbox] = json.loads(body)["degraded"]
    assert (status, inbox["part"]) == (200, "inbox")
    assert "1 wechat received" in inbox["why"]
    _status, metrics = await ask(services, "/metrics")
    assert 'hotline_inbox_unanswered{channel="wechat",state="failed"} 1.0' in metrics
    assert 'answered"}' not in metrics.split("hotline_inbox_unanswered{", 1)[1].split("# HELP", 1)[0]


async def test_metrics_name_routes_and_never_addresses(settings: Settings, core: Core, migrated: Database) -> None:
    services = services_with(settings, core, migrated)
    await beat(services, "scheduler:deadlines", "scheduler")
    await beat(services, "telephony-5060", "telephony", pending_calls=3, pending_calls_refused=1)
    await ask(services, "/healthz")
    status, body = await ask(services, "/metrics")
    assert status == 200
    assert 'hotline_http_requests_total{method="GET",route="/healthz",status="200"}' in body
    assert "hotline_database_up 1.0" in body
    assert "hotline_sweep_lag_seconds 0.0" in body
    assert 'hotline_heartbeat_age_seconds{role="scheduler",worker="scheduler:deadlines"} 0.0' in body
    assert 'hotline_pending_calls{state="all",worker="telephony-5060"} 3.0' in body
    assert 'hotline_pending_calls{state="refused",worker="telephony-5060"} 1.0' in body


async def test_the_gauge_of_tickets_reads_the_open_ones_from_their_partial_index(migrated: Database) -> None:
    async with migrated.transaction() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        statement = str(metrics.open_by_state().compile(compile_kwargs={"literal_binds": True}))
        plan = "\n".join(await session.scalars(text(f"EXPLAIN {statement}")))
    assert "ix_ticket_open" in plan
    assert {"closed", "archived", "merged", "withdrawn"}.isdisjoint(metrics.OPEN_STATES)


async def test_metrics_without_a_database(settings: Settings, core: Core) -> None:
    nowhere = Database("postgresql://hotline@127.0.0.1:1/hotline")
    status, body = await ask(services_with(settings, core, nowhere), "/metrics")
    await nowhere.close()
    assert status == 200
    assert "hotline_database_up 0.0" in body


async def test_every_sweep_runs_on_an_empty_database(settings: Settings, core: Core, migrated: Database) -> None:
    services = services_with(settings, core, migrated, wechat_token=type(settings.wechat_token)(""))
    for tick in scheduler.TICKS:
        assert await scheduler.guarded(tick, services), tick.name


async def test_a_failing_sweep_is_survived_and_one_without_a_database_too(settings: Settings, core: Core, migrated: Database) -> None:
    async def broken(_services: Services) -> None:
        raise ValueError("a bad row")

    assert not await scheduler.guarded(Tick("broken", broken, 1), services_with(settings, core, migrated))
    nowhere = Database("postgresql://hotline@127.0.0.1:1/hotline")
    assert not await scheduler.guarded(Tick("log-in sessions", sweeps.login_sessions, 1), services_with(settings, core, nowhere))
    await nowhere.close()


async def test_log_ins_that_are_over_are_forgotten(settings: Settings, core: Core, migrated: Database, clock: ManualClock) -> None:
    async with migrated.transaction() as session:
        await session.execute(insert(User).values(login="a", name="甲", staff_number="1", role="agent", password_hash="x"))
        user_id = await session.scalar(select(User.id))
        for token, hours in (("old", -1), ("new", 1)):
            end = clock.now() + timedelta(hours=hours)
            session.add(
                LoginSession(token_hash=token, user_id=user_id, csrf_token="c", created_at=clock.now(), seen_at=clock.now(), expires_at=end)
            )
    assert await sweeps.login_sessions(services_with(settings, core, migrated)) == 1
    async with migrated.transaction() as session:
        assert list(await session.scalars(select(LoginSession.token_hash))) == ["new"]
