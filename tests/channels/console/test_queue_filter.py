"""The queue's filter row, several tickets at once, and clocks that go on by themselves."""

from __future__ import annotations

import re

from sqlalchemy import text

from tests.channels.staff import Browser, City, Opener, hidden_fields
from ticketing.suggestion import store
from ticketing.ticket.lists import Place, filter_tickets, place_of
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter
from ticketing.ticket.states import Urgency

NIGHT = "江畔花园北门工地半夜两点还在打桩，施工噪声吵得睡不着"


def lines(body: str) -> list[str]:
    """The numbers of the tickets that a queue shows, as they stand in its boxes: NUMBER~VERSION."""
    return re.findall(r'name="numbers" value="([0-9-]+~[0-9]+)"', body)


async def bulk(page: Browser, step: str, numbers: list[str], **fields: str) -> tuple[int, str]:
    """Tick these and send."""
    hidden = hidden_fields(await page.text("/console/tickets?queue=all"), "/console/tickets/bulk")
    response = await page.post(
        "/console/tickets/bulk", [*hidden.items(), ("step", step), *fields.items(), *(("numbers", n) for n in numbers)]
    )
    return response.status, await response.text()


async def test_the_filter_row_narrows_a_queue_and_its_export(city: City, browser: Opener) -> None:
    noise = (await city.register(content=NIGHT)).ticket.number
    city.clock.advance(days=9)
    water = (await city.register(content="滨河路一早就停水，没有人通知", category_code="0301")).ticket.number
    page = await browser("dispatcher")
    body = await page.text("/console/tickets?queue=to_dispatch&category=0301")
    assert water in body
    assert noise not in body
    assert 'value="0301" selected' in body
    assert "/console/export/tickets.xlsx?queue=to_dispatch&amp;category=0301" in body
    assert "没有符合这些条件的工单" in await page.text("/console/tickets?queue=all&category=0301&urgency=emergency")
    both = await page.text("/console/tickets?queue=to_dispatch&category=&urgency=nonsense&unit=x")
    assert (water in both, noise in both) == (True, True)  # what no field offers is not asked for
    week = await page.text("/console/tickets?queue=to_dispatch&days=7")
    assert (water in week, noise in week) == (True, False)


async def test_a_filtered_queue_goes_by_time_left_unless_the_newest_are_asked_for(city: City, browser: Opener) -> None:
    first, second, third = [(await city.register(content=f"{NIGHT}，第{n}次")).ticket.number for n in (1, 2, 3)]
    other = (await city.register(content="滨河路一早就停水，没有人通知", category_code="0301")).ticket.number
    async with city.database.transaction() as session:
        for number, hours in ((first, 5), (second, 9), (third, 1), (other, 0)):
            change = "UPDATE deadline SET due_at = due_at + make_interval(hours => :n) FROM ticket WHERE ticket.id = ticket_id"
            await session.execute(text(f"{change} AND number = :number"), {"n": hours, "number": number})
    page = await browser("dispatcher")
    for queue in ("to_dispatch", "all", "mine"):
        asked = f"/console/tickets?queue={queue}&category=0501"
        body = await page.text(asked)
        assert [line.partition("~")[0] for line in lines(body)] == [third, first, second]
        assert "按剩余时间从少到多" in body
        body = await page.text(f"{asked}&sort=new")
        assert [line.partition("~")[0] for line in lines(body)] == [third, second, first]
        assert "新的在前" in body
        assert 'value="new" selected' in body
    assert [line.partition("~")[0] for line in lines(await page.text("/console/tickets?queue=all&sort=new"))] == [
        other,
        third,
        second,
        first,
    ]


async def test_pages_of_a_filtered_queue_follow_each_other_without_gap_or_repetition(city: City) -> None:
    made = [(await city.register(content=f"{NIGHT}，第{n}次")).ticket for n in range(7)]
    await city.register(content="滨河路一早就停水，没有人通知", category_code="0301")
    async with city.database.transaction() as session:  # no clock runs on the last three
        stop = "UPDATE deadline SET state = 'cancelled', stopped_at = :now, next_stage_at = NULL WHERE ticket_id >= :first"
        await session.execute(text(f"{stop} AND state = 'running'"), {"now": city.clock.now(), "first": made[4].id})
    usual = [made[n].id for n in (0, 1, 2, 3, 6, 5, 4)]
    wanted = TicketFilter(category_code="0501")
    async with city.database.transaction() as session:
        for login in ("dispatcher", "agent", "leader"):
            actor, paged, after = city.people[login], list[int](), None
            whole = [row.ticket.id for row in await filter_tickets(city.core, session, actor, wanted)]
            while rows := await filter_tickets(city.core, session, actor, wanted, limit=2, after=after):
                paged += [row.ticket.id for row in rows]
                after = Place.read(place_of(Queue.ALL, rows[-1].ticket).written())
            assert paged == whole
            assert whole == usual, login
        assert await filter_tickets(city.core, session, city.people["water_clerk"], wanted) == []


async def test_a_filter_shows_nobody_more_than_he_may_see(city: City, browser: Opener) -> None:
    number = (await city.register(content=NIGHT)).ticket.number
    assert number not in await (await browser("water_clerk")).text("/console/tickets?queue=all&category=0501")


async def test_several_are_dispatched_as_suggested_each_by_itself(city: City, browser: Opener) -> None:
    await store.ready(city.core.data_dir)
    first, second = [(await city.register(content=f"{NIGHT}，第{n}次")).ticket.number for n in (1, 2)]
    danger = (await city.register(content="楼道里煤气味特别大，快来人")).ticket.number
    page, other = await browser("dispatcher"), await browser("dispatcher2")
    ticked = lines(await page.text("/console/tickets?queue=to_dispatch"))
    assert len(ticked) == 3
    assert (await other.act(second, "request_info", missing="请补充工地的名称和具体时间")).status == 303
    status, body = await bulk(page, "dispatch", ticked)
    assert status == 200
    assert "1 件已办，2 件没有办" in body
    assert "已派给市城市管理局" in body
    assert "建议不够有把握" in body  # danger is looked at by a person
    assert "刚刚有人改过" in body  # what another person did is seen first
    left = await page.text("/console/tickets?queue=to_dispatch")
    assert (first in left, danger in left) == (False, True)
    assert "0 件已办，3 件没有办" in (await bulk(page, "dispatch", ticked))[1]  # sent twice


async def test_a_unit_signs_several_and_dispatches_none(city: City, browser: Opener) -> None:
    await store.ready(city.core.data_dir)
    for n in (1, 2):
        await city.register(content=f"{NIGHT}，第{n}次")
    dispatcher, clerk = await browser("dispatcher"), await browser("clerk")
    assert "2 件已办" in (await bulk(dispatcher, "dispatch", lines(await dispatcher.text("/console/tickets?queue=to_dispatch"))))[1]
    ticked = lines(await clerk.text("/console/tickets"))
    assert (await bulk(clerk, "dispatch", ticked))[0] == 403
    status, body = await bulk(clerk, "sign", ticked)
    assert status == 200
    assert "2 件已办，0 件没有办" in body
    stranger = await bulk(await browser("dispatcher"), "urge", [*ticked, "20260101-00001~1"], note="请今天回复")
    assert "没有找到这张工单" in stranger[1]
    assert (await bulk(dispatcher, "urge", []))[0] == 422


async def test_lines_tell_how_a_clock_goes_on(city: City, browser: Opener) -> None:
    await city.register(content=NIGHT, urgency=Urgency.EMERGENCY)
    body = await (await browser("dispatcher")).text("/console/tickets?queue=to_dispatch")
    [(left, words, turns)] = re.findall(r'data-due-left="(-?[0-9]+)" data-words="([^"]*)" data-turns="([0-9]+)"', body)
    assert int(left) > int(turns) > 0
    assert words.endswith("剩 {}")
