"""Fixtures of the citizens' side: the whole web application on a fresh database with a small city."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select, update

from channels.web.app import create_app
from chatbot.dialogue import Dialogue
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from knowledge.article import service as knowledge
from knowledge.article.models import Article
from knowledge.article.service import Content
from tests.databases import TEMPLATE, Databases
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, Deadline
from ticketing.people.actor import SYSTEM, citizen_actor
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
    dialogue: Dialogue


@pytest.fixture
def template(request: pytest.FixtureRequest, databases: Databases) -> str:
    """With the city for tests of the city, else with no row."""
    return databases.template("public_city", _fill) if "city" in request.fixturenames else TEMPLATE


@pytest.fixture
async def city(database: Database) -> Database:
    """The database with three units and four categories."""
    return database


async def _fill(database: Database) -> None:
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


@pytest.fixture
async def client(city: Database, core: Core, settings: Settings) -> AsyncIterator[Client]:
    """A client of the whole web application, as `hotline serve --role web` builds it."""
    async with TestClient(TestServer(create_app(Parts(settings, core, city, Dialogue(core, city, None))))) as client:
        yield client


@pytest.fixture
async def articles(city: Database, core: Core) -> list[Article]:
    """Two published guide articles."""
    made = []
    for slug, title, question, spoken, body in (
        ("id-card-renewal", "居民身份证到期换领", "身份证到期了怎么换", "带上旧身份证到就近派出所办理，二十个工作日内领取。",
         {"materials": ["旧身份证", "本人照片"], "procedure": ["到派出所申请", "按指纹和照相", "领证"], "fee": "20元",
          "phone": "0000-1234567", "basis": "《中华人民共和国居民身份证法》第十一条", "note": "地点为样例"}),
        ("heating-repair", "家里暖气不热怎么办", "暖气不热找谁", "先看阀门有没有打开，再打供热公司电话报修。", {"phone": "0000-7654321"}),
    ):  # fmt: skip
        content = Content(title=title, scene="户籍与证件" if "身份证" in title else "公用事业", spoken=spoken, questions=(question, title),
                          valid_from=date(2026, 1, 1), checked_on=date(2026, 11, 1), body=body, sample_data=True)  # fmt: skip
        async with city.transaction() as session:
            article = await knowledge.create(core, session, SYSTEM, slug, content, unit_id=2)
            made.append(await knowledge.publish(core, session, SYSTEM, article.id, version=1))
    return made


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


async def send_raw(client: Client, method: str, path: str, headers: dict[str, bytes], body: bytes = b"") -> int:
    """One request with these very bytes, which a client library would not send; returns the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    sent = {"Host": b"localhost", "Connection": b"close", "Content-Length": str(len(body)).encode(), **headers}
    lines = [f"{method} {path} HTTP/1.1".encode(), *(name.encode() + b": " + value for name, value in sent.items()), b"", body]
    writer.write(b"\r\n".join(lines))
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status
