"""Fixtures of the citizens' side: the whole web application on a fresh database with a small city."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select, update

from channels.web.app import create_app
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, Deadline
from ticketing.people.actor import citizen_actor
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, Registered, register
from ticketing.ticket.states import Channel

Client = TestClient[Any, Any]
MakeTicket = Callable[..., Awaitable[Registered]]


@dataclass
class Parts:
    """What `hotline.assembly` hands to the web front."""

    settings: Settings
    core: Core
    database: Database
    dialogue: Any = None


@pytest.fixture
async def city(database: Database) -> Database:
    """The database with three units and four categories."""
    async with database.transaction() as session:
        for number, (code, name) in enumerate((("centre", "热线中心"), ("cg", "市城市管理局"), ("hb", "市生态环境局")), 1):
            session.add(Unit(id=number, code=code, name=name, level=1 if number == 1 else 2))
        await session.flush()
        for code, group, name, unit in (
            ("0104", "01 城市管理", "路灯与户外广告", 2),
            ("0105", "01 城市管理", "市政道路与井盖", 2),
            ("0501", "05 生态环境", "施工噪声", 3),
            ("0999", "09 其他", "停用的类别", 2),
        ):
            session.add(Category(code=code, group_name=group, name=name, unit_id=unit, keywords="路灯 不亮", active=code != "0999"))
    return database


@pytest.fixture
async def client(city: Database, core: Core, settings: Settings) -> AsyncIterator[Client]:
    """A client of the whole web application, as `hotline serve --role web` builds it."""
    async with TestClient(TestServer(create_app(Parts(settings, core, city)))) as client:
        yield client


@pytest.fixture
def make_ticket(city: Database, core: Core) -> MakeTicket:
    """Registers a ticket through the one service function; `state`, `satisfaction` … are then set on the row."""

    async def make(
        content: str = "滨河路十八号门前的路灯三天没有亮", *, columns: dict[str, Any] | None = None, **fields: Any
    ) -> Registered:
        async with city.transaction() as session:
            made = await register(
                core, session, citizen_actor(), Appeal(**{"channel": Channel.WEB, "category_code": "0104", "content": content, **fields})
            )
            if columns:
                await session.execute(update(Ticket).where(Ticket.id == made.ticket.id).values(**columns))
        return made

    return make


async def assign(city: Database, core: Core, ticket_id: int, clock: ManualClock) -> None:
    """An assignment of 市城市管理局 with a running handling clock of three days."""
    now = clock.now()
    async with city.transaction() as session:
        assignment = Assignment(ticket_id=ticket_id, unit_id=2, state="assigned", assigned_at=now)
        session.add(assignment)
        await session.flush()
        from datetime import timedelta

        due = now + timedelta(days=3)
        session.add(
            Deadline(
                ticket_id=ticket_id,
                assignment_id=assignment.id,
                kind=ClockKind.HANDLE.value,
                limit_value=3,
                limit_unit="wd",
                started_at=now,
                due_at=due,
                white_at=now + timedelta(days=1),
                amber_at=now + timedelta(days=2),
                red_at=due + timedelta(days=1),
            )
        )


async def tickets(city: Database) -> list[Ticket]:
    """Every ticket, oldest first."""
    async with city.transaction() as session:
        return list(await session.scalars(select(Ticket).order_by(Ticket.id)))
