# ruff: noqa: E501
"""Figures, briefs, exports and imports as people use them."""

from __future__ import annotations

import io
import re
from datetime import datetime
from pathlib import Path

import pytest
from aiohttp import FormData
from openpyxl import load_workbook
from sqlalchemy import func, select

from channels.console import figures
from hotline.clock import CITY_ZONE
from hotline.events import Event
from tests.channels.staff import City, Opener
from tests.ticketing.statistics.month import NOW, staff_ids, write_month
from ticketing.people.actor import SYSTEM
from ticketing.people.models import Unit
from ticketing.statistics.brief import issue
from ticketing.statistics.period import parse
from ticketing.tables.pdf import FONT_PLACES

NOVEMBER = "/console/{page}?period=2026-11"


@pytest.fixture
async def month(city: City) -> None:
    city.clock.set(datetime(2026, 12, 1, 10, tzinfo=CITY_ZONE))
    assert city.clock.now() == NOW
    async with city.database.transaction() as session:
        await write_month(session, city.units, await staff_ids(session))


async def test_each_role_sees_its_figures(city: City, month: None, browser: Opener) -> None:
    for who, sees, hidden in (
        ("leader", "接通率", None), ("supervisor", "按时办结率", None), ("dispatcher", "派单准确率", None), ("clerk", "按时办结率", "接通率"),
        ("agent", "受理量", "按时办结率"), ("callback", "满意率", "受理量"), ("quality", "接通率", "满意率"), ("editor", "自助解决率", "接通率"),
        ("admin", "接通率", "满意率"),
    ):  # fmt: skip
        person = await browser(who)
        texts = ""
        for group in ("demand", "dispatch", "handling", "callback", "calls", "bot"):
            texts += await person.text(f"/console/statistics?period=2026-11&group={group}")
        assert sees in texts, who
        assert hidden is None or f'<th scope="row">{hidden}</th>' not in texts, who


async def test_the_board_and_the_table_show_the_same_number(city: City, month: None, browser: Opener) -> None:
    person = await browser("leader")
    board = await person.text("/console/figures?period=2026-11")
    table = await person.text("/console/statistics?period=2026-11&group=handling")
    assert "77.8%" in board  # 7 of 9 handled in time
    assert "77.8%" in table
    assert "<svg" in board
    assert 'class="tick"' in board  # a scale with numbers
    assert "较上期" in board


async def test_a_number_leads_to_its_list(city: City, month: None, browser: Opener) -> None:
    person = await browser("supervisor")
    table = await person.text("/console/statistics?period=2026-11&group=handling&by=unit")
    assert "市供水集团" in table
    found = await person.text("/console/statistics/list?period=2026-11&indicator=on_time&part=denominator")
    assert "共9条" in found
    assert "其中1条计数但不列出" in found  # the secret one
    assert "T10" not in found
    assert len(re.findall(r'href="/console/tickets/12345-', found)) == 8


async def test_each_mark_of_a_chart_leads_to_as_many_as_it_shows(city: City, month: None, browser: Opener) -> None:
    person = await browser("leader")
    board = await person.text("/console/figures?period=2026-11")
    marks = re.findall(
        r'<a href="(/console/statistics/list\?[^"]*indicator=(received|red|yellow)[^"]*)" tabindex="-1" aria-label="\S+?[^"]* (\d+)[件张]"',
        board,
    )
    assert {indicator for _href, indicator, _count in marks} >= {"received"}
    ways = {"day": r"period=2026-11-\d\d&", "category": "category=", "district": "district="}
    for way, pattern in ways.items():
        href, _indicator, count = next(mark for mark in marks if re.search(pattern, mark[0]) and mark[2] != "0")
        assert f"共{count}条" in await person.text(href.replace("&amp;", "&")), way
    for rate in ("on_time", "responded", "solved", "satisfied"):
        assert re.search(rf'<a href="[^"]*indicator={rate}[^"]*part=denominator" tabindex="-1"', board), rate


async def test_a_years_months_lead_to_their_own_lists(city: City, month: None, browser: Opener) -> None:
    person = await browser("leader")
    board = await person.text("/console/figures?period=2026")
    href, count = next(
        iter(re.findall(r'<a href="([^"]*period=2026-11&amp;indicator=received)" tabindex="-1" aria-label="2026-11 (\d+)件"', board))
    )
    assert f"共{count}条" in await person.text(href.replace("&amp;", "&"))


async def test_a_unit_sees_only_itself(city: City, month: None, browser: Opener) -> None:
    person = await browser("water_clerk")
    table = await person.text("/console/statistics?period=2026-11&group=handling&unit={}".format(city.units["city"]))
    assert "50.0%" in table  # its own: one of two, whatever the address asks for
    assert "市城市管理局" not in table
    response = await person.get("/console/brief")
    assert response.status == 403


@pytest.mark.parametrize(
    "query", ["period=2026-13", "period=x..y", "category=abc", "indicator=nothing", "first=2026-01-01&last=2020-01-01"]
)
async def test_nonsense_in_an_address_is_refused_with_a_word(city: City, browser: Opener, query: str) -> None:
    person = await browser("leader")
    path = "/console/statistics/list?" if "indicator" in query else "/console/statistics?"
    response = await person.get(path + query)
    assert response.status == 422
    assert "Traceback" not in await response.text()


async def test_a_brief_is_page_spreadsheet_and_print(city: City, month: None, browser: Opener) -> None:
    async with city.database.transaction() as session:
        brief = await issue(city.core, session, SYSTEM, parse("2026-11"))
    person = await browser("leader")
    assert "热线月报 2026年11月" in await person.text("/console/brief")
    shown = await person.text(f"/console/brief/{brief.id}")
    assert "77.8%" in shown
    book = load_workbook(io.BytesIO(await (await person.get(f"/console/brief/{brief.id}.xlsx")).read()))
    values = {row[0].value: row[1].value for row in book.worksheets[0].iter_rows(min_row=2)}
    assert values["按时办结率"] == pytest.approx(77.78)
    if any(Path(place).is_file() for place in FONT_PLACES):
        response = await person.get(f"/console/brief/{brief.id}.pdf")
        body = await response.read()
        assert response.content_type == "application/pdf"
        assert body.startswith(b"%PDF")
        assert b"/FontFile" in body  # embedded, not left to the reader's machine
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Event).where(Event.name == "export.made")) >= 1


async def test_a_further_version_needs_a_reason(city: City, month: None, browser: Opener) -> None:
    async with city.database.transaction() as session:
        await issue(city.core, session, SYSTEM, parse("2026-11"))
    person = await browser("supervisor")
    hidden = await person.form("/console/brief", "/console/brief")
    refused = await person.post("/console/brief", {**hidden, "period": "2026-11", "reason": ""})
    assert refused.status == 422
    made = await person.post("/console/brief", {**hidden, "period": "2026-11", "reason": "补录了上月的回访结果"})
    assert made.status == 303
    assert "第2版" in await person.text(made.headers["Location"])


async def test_lists_are_exported_masked_and_noted(city: City, month: None, browser: Opener) -> None:
    await city.register(phone="13900002716", content="路灯不亮请回电13912345678")
    person = await browser("supervisor")
    response = await person.get("/console/export/tickets.csv?queue=all")
    text = (await response.read()).decode("utf-8-sig")
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert "13912345678" not in text
    assert "139****5678" in text
    assert "T10" not in text  # secret
    book = load_workbook(
        io.BytesIO(await (await person.get("/console/export/statistics.xlsx?period=2026-11&group=handling&by=unit")).read())
    )
    assert "市城市管理局" in {cell.value for cell in book.worksheets[0]["A"]}
    for who, path in (("clerk", "tickets.csv"), ("agent", "tickets.xlsx"), ("supervisor", "people.csv"), ("callback", "statistics.csv")):
        other = await browser(who)
        assert (await other.get(f"/console/export/{path}")).status == 403, who


async def _upload(browser_page: object, path_kind: str, text: str) -> tuple[int, str]:
    person = browser_page
    hidden = await person.form("/console/import", "/console/import")  # type: ignore[attr-defined]
    form = FormData()
    for name, value in hidden.items():
        form.add_field(name, value)
    form.add_field("kind", path_kind)
    form.add_field("file", text.encode(), filename="表.csv", content_type="text/csv")
    response = await person.client.post("/console/import", data=form, allow_redirects=False)  # type: ignore[attr-defined]
    return response.status, await response.text()


async def test_an_import_is_previewed_then_applied_and_passwords_are_shown_once(city: City, browser: Opener) -> None:
    person = await browser("admin")
    status, body = await _upload(person, "people", "账号,姓名,工号,岗位,单位代码\nzhang3,张三,9001,督办,centre\nx,李,,督办员,\n")
    assert status == 422
    assert "有1行不能导入" in body
    status, body = await _upload(person, "people", "账号,姓名,工号,岗位,单位代码\nzhang3,张三,9001,督办,centre\n")
    assert status == 200
    action = re.search(r'action="(/console/import/[0-9a-f-]+/apply)"', body)
    assert action
    csrf = re.search(r'name="csrf" value="([^"]+)"', body)
    assert csrf
    done = await person.post(action[1], {"csrf": csrf[1]})
    shown = await done.text()
    password = re.search(r'<td class="mono">([^<]+)</td>', shown)
    assert password
    assert done.headers["Cache-Control"] == "no-store"
    again = await person.post(action[1], {"csrf": csrf[1]})
    assert again.status == 409
    assert password[1] not in await again.text()
    newcomer = await browser()
    assert (await newcomer.login("zhang3", password[1])).status == 303


async def test_a_dropped_import_writes_nothing(city: City, browser: Opener) -> None:
    person = await browser("admin")
    _status, body = await _upload(person, "units", "单位代码,单位名称,级别\nparks,市园林局,2\n")
    action = re.search(r'action="(/console/import/[0-9a-f-]+/drop)"', body)
    csrf = re.search(r'name="csrf" value="([^"]+)"', body)
    assert action
    assert csrf
    assert (await person.post(action[1], {"csrf": csrf[1]})).status == 303
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Unit).where(Unit.code == "parks")) == 0


@pytest.mark.parametrize("role", ["chief", "dispatcher", "supervisor", "leader"])
async def test_each_queue_is_exported_by_who_is_offered_it(browser: Opener, city: City, role: str) -> None:
    await city.register()
    person = await browser(role)
    links = re.findall(r'href="(/console/export/tickets\.[^"]+)"', await person.text("/console/tickets"))
    for queue in ("mine", "overdue", "review", "all"):
        response = await person.get(f"/console/export/tickets.xlsx?queue={queue}")
        assert response.status == (200 if links else 403), (queue, links)


async def test_a_board_of_many_appeals_is_kept_for_a_minute_and_says_when_it_was_counted(
    city: City, browser: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, clerk = await browser("leader"), await browser("clerk")
    today = "/console/figures?period=" + city.clock.now().astimezone(CITY_ZONE).strftime("%Y-%m")
    await city.register()
    await city.register()
    few = await leader.text(today)
    await city.register()
    assert _received(few) == 2
    assert _received(await leader.text(today)) == 3  # few are counted each time

    monkeypatch.setattr(figures, "KEPT_FROM", 3)
    assert _received(await leader.text(today)) == 3
    counted_at = city.clock.now().astimezone(CITY_ZONE)
    await city.register()
    city.clock.advance(seconds=59)
    kept = await leader.text(today)
    assert _received(kept) == 3
    assert f"数字统计到 {counted_at:%H:%M}" in kept
    assert _received(await clerk.text(today)) == 0  # what one may see is not what another may
    city.clock.advance(seconds=1)
    assert _received(await leader.text(today)) == 4


def _received(board: str) -> int:
    found = re.search(r"<span>诉求量</span><b class=\"num\"><a [^>]*>(\d+)</a>", board)
    assert found, board
    return int(found[1])
