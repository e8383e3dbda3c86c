"""The pages of supervision in a real browser, full of content: accessible, and not wider than the smallest phone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from tests.channels.console.screen import Desk, in_browser
from tests.channels.console.test_supervision import MEASURES, replied
from tests.channels.staff import City
from ticketing.supervision import cards, commitments, false_reply, formal, nightly, rectification
from ticketing.supervision.formal import Order
from ticketing.supervision.models import Rectification
from ticketing.supervision.urging import urge
from ticketing.ticket.access import access_ticket

pytestmark = in_browser

TABS = ("cards", "rectification", "formal", "urging", "findings", "bursts", "commitments")
LONG = "滨河路188号江畔花园北门外侧人行道" * 3


async def full(city: City) -> None:
    """One of everything."""
    number = await replied(city)
    for _ in range(3):
        await city.register(address="江畔花园", title="夜间施工影响休息" * 6)
    await nightly.tick(city.core, city.database)
    supervisor, unit = city.people["supervisor"], city.units["city"]
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, supervisor, number, lock=True)
        await cards.give_by_hand(
            city.core, session, supervisor, ticket, unit_id=unit, colour="yellow", note=f"值班无人，未按时签收：{LONG}"
        )
        await formal.issue(
            city.core, session, supervisor, ticket, Order(unit, f"查清审批情况并书面报告。{LONG}", 3, "王市长", "请三日内办结报我。")
        )
        await urge(city.core, session, supervisor, ticket, LONG)
        due = city.clock.now() + timedelta(days=2)
        await commitments.promise(city.core, session, city.people["clerk"], ticket, what=f"修好路灯：{LONG}", due_at=due)
        await false_reply.establish(city.core, session, supervisor, ticket, unit_id=unit, facts=f"答复称已巡查，实际无人到场。{LONG}")
    async with city.database.transaction() as session:
        task = (await session.scalars(select(Rectification.id))).one()
        await rectification.finish(city.core, session, city.people["clerk"], task, cause="当晚值班无人", measure=MEASURES)
        await formal.answer(city.core, session, city.people["clerk"], "DB-2026-00001", MEASURES)


@pytest.mark.parametrize("login", ["supervisor", "chief", "leader"])
async def test_every_tab_is_accessible_and_fits(chromium: Any, site: TestServer, city: City, login: str) -> None:
    await full(city)
    desk = await Desk.of(chromium, site, login)
    problems: list[str] = []
    paths = [f"/console/supervision?tab={tab}" for tab in TABS]
    paths += ["/console/supervision?tab=rectification&all=1", "/console/supervision/formal/DB-2026-00001", "/console/notices"]
    if login != "chief":
        paths.append("/console/supervision/hand-over/YJ-2026-00001")
    for path in paths:
        await desk.open(path)
        for details in await desk.page.query_selector_all("main details"):
            await details.evaluate("node => { node.open = true }")
        await desk.check(path, problems)
    assert problems == []
