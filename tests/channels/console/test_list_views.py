"""Named filters, columns and the lanes of the department desk."""

from __future__ import annotations

import asyncio
import re

import pytest

from channels.console.list_choices import USUAL
from hotline.errors import InvalidInput, NotFound
from tests.channels.staff import Browser, City, Opener
from ticketing.assignment import service as assignments
from ticketing.list_view import service as lists
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.queues import Queue
from ticketing.ticket.states import DispatchMode

NOISE = "/console/tickets?queue=to_dispatch&category=0501"


def headings(body: str) -> list[str]:
    """The columns that are shown."""
    return re.findall(r'<th scope="col">([^<]+)</th>', body)


async def send(page: Browser, address: str, action: str, **fields: object) -> tuple[int, str]:
    """Fill in one of the small forms below the filter row."""
    response = await page.post(action, {**await page.form(address, action), **fields})
    return response.status, response.headers.get("Location", "") or await response.text()


async def test_a_filter_is_named_renamed_opens_first_and_is_deleted(city: City, browser: Opener) -> None:
    noise = (await city.register()).ticket.number
    water = (await city.register(content="滨河路一早就停水", category_code="0301")).ticket.number
    page = await browser("dispatcher")
    save = "/console/tickets/views?queue=to_dispatch&category=0501"
    assert await send(page, NOISE, save, name=" 夜间  施工 ") == (303, NOISE)
    body = await page.text("/console/tickets?queue=all")
    assert re.search(r'href="/console/tickets\?queue=to_dispatch&amp;category=0501" data-key="1">夜间 施工', body)
    other = await page.text("/console/tickets?queue=to_dispatch&category=0301")
    again = save.replace("0501", "0301")
    assert 'aria-current="true" data-key="1"' not in other
    status, told = await send(page, again.replace("/views", ""), again, name="夜间 施工")
    assert (status, "已经有叫“夜间 施工”的常用筛选" in told, 'value="0301" selected' in told) == (422, True, True)
    step = "/console/tickets/views/1/{}?queue=to_dispatch&category=0501"
    assert (await send(page, NOISE, step.format("rename"), name="工地"))[0] == 303
    assert (await send(page, NOISE, step.format("default")))[0] == 303
    opened = await page.get("/console/tickets")
    assert (opened.status, opened.headers["Location"]) == (303, NOISE)
    shown = await page.text(NOISE)
    assert (noise in shown, water in shown, "工地" in shown) == (True, False, True)
    assert (await (await browser("dispatcher2")).get("/console/tickets")).status == 200  # everybody has their own
    assert (await send(page, NOISE, step.format("delete")))[0] == 303
    assert 'aria-label="我的筛选"' not in await page.text("/console/tickets")


async def test_columns_are_chosen_for_one_queue_and_the_usual_ones_come_back(city: City, browser: Opener) -> None:
    await city.register(address="滨河路188号")
    page = await browser("dispatcher")
    plain = headings(await page.text("/console/tickets?queue=to_dispatch"))
    assert plain[-6:] == ["状态", "承办单位", "区域", "来源", "登记时间", "编号"]
    action, address = "/console/tickets/columns?queue=to_dispatch", "/console/tickets?queue=to_dispatch&filter=1"
    hidden = await page.form(address, action)
    chosen = [*hidden.items(), ("columns", "number"), ("columns", "address"), ("columns", "no_such")]
    assert (await page.post(action, chosen)).status == 303
    body = await page.text("/console/tickets?queue=to_dispatch")
    assert headings(body)[-3:] == ["标题", "地址", "编号"]
    assert "滨河路188号" in body
    assert headings(await page.text("/console/tickets?queue=all")) == plain
    assert (await page.post(action, [*hidden.items(), *(("columns", name) for name in USUAL)])).status == 303
    assert headings(await page.text("/console/tickets?queue=to_dispatch")) == plain


async def test_what_is_kept_has_bounds_and_two_browsers_lose_nothing(city: City) -> None:
    core, actor = city.core, city.people["dispatcher"]

    async def save(name: str, fields: dict[str, str]) -> None:
        async with city.database.transaction() as session:
            await lists.save_view(core, session, actor, name, Queue.ALL, fields)

    await asyncio.gather(*(save(f"筛选{n}", {"category": "0501"}) for n in range(lists.MOST)))
    async with city.database.transaction() as session:
        assert sorted(view.id for view in (await lists.choices_of(session, actor)).views) == list(range(1, lists.MOST + 1))
    for name, fields in (("多一个", {"kind": "complaint"}), ("空的", {}), ("", {"kind": "complaint"}), ("长" * 21, {"kind": "complaint"})):
        with pytest.raises(InvalidInput):
            await save(name, fields)
    async with city.database.transaction() as session:
        with pytest.raises(NotFound):
            await lists.set_default(core, session, city.people["agent"], 1)  # somebody else's


async def test_the_lanes_of_a_unit_have_what_waits_in_each(city: City, browser: Opener) -> None:
    core, people = city.core, city.people
    numbers = [(await city.register(content=f"江畔花园北门工地夜间施工，第{n}次")).ticket.number for n in range(3)]
    parts = []
    async with city.database.transaction() as session:
        for number in numbers:
            ticket = await access_ticket(core, session, people["dispatcher"], number, lock=True)
            part = await dispatching.dispatch(
                core, session, people["dispatcher"], ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE
            )
            parts.append(part.id)
        await assignments.sign(core, session, people["clerk"], parts[1])
    page = await browser("clerk")

    async def lane(name: str) -> tuple[int, str]:
        body = await page.text("/console/tickets/lanes")
        found = re.search(rf'id="lane-{name}">.*?<span class="n num">(\d+)</span>(.*?)</section>', body, re.DOTALL)
        assert found is not None, name
        return int(found[1]), found[2]

    count, body = await lane("to_sign")
    assert (count, numbers[0] in body, numbers[2] in body, numbers[1] in body) == (2, True, True, False)
    assert (await lane("working"))[0] == 1
    assert (await lane("overdue"))[0] == 0
    city.clock.advance(hours=3)
    await page.login("clerk")
    assert (await lane("overdue"))[0] + (await lane("due_soon"))[0] > 0
    chips = await page.text("/console/tickets?queue=to_sign")
    assert (numbers[0] in chips, numbers[1] in chips) == (True, False)
    assert (await lane("unit_review"))[0] == 0
    assert (await (await browser("dispatcher")).get("/console/tickets/lanes")).status == 403
    assert numbers[0] not in await (await browser("water_clerk")).text("/console/tickets/lanes")
