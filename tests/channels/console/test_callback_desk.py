"""The callback desk's day: right counts page by page, the next citizen by itself, a button that says why it rests."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from channels.console import callbacks
from tests.channels.console.test_callbacks import to_callback
from tests.channels.console.test_queue import at_desk
from tests.channels.staff import City, Opener
from ticketing.callback.desk import Group, count_groups, list_group
from ticketing.callback.tasks import pull_next

ANSWERS = {"satisfaction": "satisfied", "solved": "yes", "contacted": "yes", "attitude": "good", "speed": "satisfied"}


async def put(city: City, number: str, change: str, **values: object) -> None:
    """Change the task of a ticket."""
    statement = f"UPDATE callback_task SET {change} FROM ticket WHERE ticket.id = ticket_id AND number = :number"
    async with city.database.transaction() as session:
        await session.execute(text(statement), {"number": number, **values})


async def test_each_group_is_counted_whole_and_read_page_by_page(browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [await to_callback(city, content=f"江畔花园北门工地夜间施工，第{n}次") for n in range(5)]
    await put(city, numbers[3], "next_attempt_at = :at", at=city.clock.now().replace(year=2030))
    await put(city, numbers[4], "plan = 'robot'")
    clerk = city.people["callback"]
    async with city.database.transaction() as session:
        counts = await count_groups(city.core, session, clerk)
        assert counts == {Group.MINE: 0, Group.READY: 3, Group.TAKEN: 0, Group.LATER: 1, Group.MACHINE: 1}
        first = await pull_next(city.core, session, clerk)
    assert first is not None
    async with city.database.transaction() as session:
        mine, other = [await count_groups(city.core, session, city.people[login]) for login in ("callback", "supervisor")]
        assert (mine[Group.MINE], mine[Group.READY], other[Group.TAKEN], other[Group.MINE]) == (1, 2, 1, 0)
        rows, after = [], None
        while part := await list_group(city.core, session, clerk, Group.READY, limit=1, after=after):
            rows += [row.ticket.number for row in part]
            after = part[-1].place
        assert sorted([*rows, first.number]) == sorted(numbers[:3])
    monkeypatch.setattr(callbacks, "SHOWN", 1)
    page = await browser("supervisor")
    body = await page.text("/console/callbacks")
    assert "现在可以打 2 件" in body  # not only the one that is shown
    more = re.search(r'href="(/console/callbacks\?group=ready&amp;after=[^"]+)"', body)
    assert more is not None
    second = await page.text(more[1].replace("&amp;", "&"))
    assert "回到第一页" in second
    assert "下一页" not in second
    assert numbers[3][-5:] in await page.text("/console/callbacks?group=later")


async def test_after_a_result_the_next_citizen_comes_by_itself(browser: Opener, city: City) -> None:
    first, second = await to_callback(city), await to_callback(city, content="滨河路工地凌晨还在打桩")
    clerk = await browser("callback")
    assert 'name="onward" value="1" checked' in await clerk.text(f"/console/tickets/{first}")
    done = await clerk.act(first, "visit", onward="1", **ANSWERS)
    assert (done.status, done.headers["Location"]) == (303, f"/console/tickets/{second}")
    tried = await clerk.act(second, "attempt", outcome="no_answer", onward="1")
    assert (tried.status, tried.headers["Location"]) == (303, "/console/callbacks")  # nobody else is due
    third = await to_callback(city)
    stays = await clerk.act(third, "visit", **ANSWERS)
    assert stays.headers["Location"] == f"/console/tickets/{third}"


async def test_the_button_that_calls_says_why_it_rests(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    clerk, panel = await browser("callback"), f"/console/tickets/{number}/dial"
    body = await clerk.text(panel)
    assert "disabled" in body
    assert "还没有话机" in body
    await at_desk(city, "callback", ready=False)
    body = await clerk.text(panel)
    assert "disabled" not in body
    assert "先响你的话机" in body
    city.clock.advance(hours=14)
    await clerk.login("callback")  # the first one has ended meanwhile
    assert "现在不是可以给市民打电话的时间" in await clerk.text(panel)
