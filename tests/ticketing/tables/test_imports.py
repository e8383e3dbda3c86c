# ruff: noqa: E501 - files as people make them
"""Imports: the errors of every row before anything is written, then all rows or none, and twice is the same as once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.events import Event
from tests.ticketing.conftest import City
from ticketing.calendar.models import CalendarDay
from ticketing.deadline.book import load_policies
from ticketing.deadline.models import Deadline, PolicyVersion
from ticketing.people.models import Unit, User
from ticketing.retention import run as retention
from ticketing.tables import imports
from ticketing.tables.exports import EXPORTERS, TicketFilter, export
from ticketing.tables.imports import Preview
from ticketing.tables.kinds import IMPORTERS
from ticketing.tables.models import ImportJob
from ticketing.tables.setting_exports import TABLES
from ticketing.tables.writer import write_csv, write_xlsx
from ticketing.taxonomy.models import Category
from ticketing.taxonomy.service import RuleDraft, save_rule
from ticketing.ticket import workflow_versions
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

UNITS = """单位代码,单位名称,级别,上级代码,启用
parks,市园林绿化局,2,,是
parks-east,东部公园管理所,3,parks,是
"""

KINDS = tuple(kind for kind in IMPORTERS if kind != "articles")
"""Without what the knowledge base adds when the web application is made: tests/knowledge/test_tables.py."""


async def check(city: City, kind: str, text: str, who: str = "admin") -> Preview:
    return await imports.check(city.core, city.database, city.people[who], kind, text.encode())


async def apply(city: City, kind: str, text: str, who: str = "admin") -> Preview:
    async with city.database.transaction() as session:
        return await imports.apply(city.core, session, city.people[who], kind, text.encode())


async def count(city: City, model: type) -> int:
    async with city.database.transaction() as session:
        return int(await session.scalar(select(func.count()).select_from(model)) or 0)


async def test_a_check_writes_nothing(city: City) -> None:
    before = await count(city, Unit), await count(city, Event)
    preview = await check(city, "units", UNITS)
    assert preview.ok
    assert preview.counts == {"new": 2, "changed": 0, "same": 0}
    assert (await count(city, Unit), await count(city, Event)) == before


async def test_units_come_with_their_parents_from_the_same_file_and_twice_is_once(city: City) -> None:
    assert (await apply(city, "units", UNITS)).counts["new"] == 2
    assert (await apply(city, "units", UNITS)).counts == {"new": 0, "changed": 0, "same": 2}
    assert (await apply(city, "units", UNITS.replace("东部公园", "城东公园"))).counts["changed"] == 1
    async with city.database.transaction() as session:
        unit = (await session.scalars(select(Unit).where(Unit.code == "parks-east"))).one()
        parent = await session.get_one(Unit, unit.parent_id)
    assert (unit.name, parent.code) == ("城东公园管理所", "parks")


async def test_every_faulty_row_is_named_with_its_column_and_nothing_is_written(city: City) -> None:
    text = UNITS + "Bad Code!,某单位,2,,是\nok-unit,某局,9,,是\nother,另一局,3,nowhere,是\nmaybe,又一局,2,,也许\n"
    preview = await check(city, "units", text)
    assert [(outcome.line.number, sorted(outcome.errors)) for outcome in preview.faulty] == [
        (4, ["code"]),
        (5, ["level"]),
        (6, ["parent"]),
        (7, ["active"]),
    ]
    before = await count(city, Unit)
    with pytest.raises(InvalidInput, match="有4行不能导入"):
        await apply(city, "units", text)
    assert await count(city, Unit) == before


async def test_all_faults_of_a_row_of_people_are_named_at_once(city: City) -> None:
    preview = await check(
        city, "people", "账号,姓名,工号,岗位,单位代码,启用\nzhang3,张三,2001,局长,nowhere,也许\nZhang 4,李,1,督办,centre,是\n"
    )
    assert [sorted(outcome.errors) for outcome in preview.faulty] == [["active", "role", "unit"], ["login", "name", "staff_number"]]


async def test_people_get_a_password_once(city: City) -> None:
    text = "账号,姓名,工号,岗位,单位代码,启用\nzhang3,张三,2001,经办人,city,是\nli4,李四,2002,督办,centre,是\n"
    preview = await apply(city, "people", text)
    secrets = [outcome.secret for outcome in preview.outcomes]
    assert len(set(secrets)) == 2
    assert all(len(secret) >= 12 for secret in secrets)
    again = await apply(city, "people", text.replace("张三", "张三丰"))
    assert [outcome.secret for outcome in again.outcomes] == ["", ""]
    assert again.counts == {"new": 0, "changed": 1, "same": 1}
    async with city.database.transaction() as session:
        stored = (await session.scalars(select(User).where(User.login == "zhang3"))).one()
        told = " ".join(str(row.data) for row in await session.scalars(select(Event)))
    assert (stored.name, stored.unit_id, stored.must_change_password) == ("张三丰", city.units["city"], True)
    assert not any(secret in told for secret in secrets)


async def test_categories(city: City) -> None:
    text = "类别代码,大类,类别名称,单位代码,关键词\n502,05 生态环境,餐饮油烟,city,油烟、烧烤\n0501,05 生态环境,施工噪声,city,施工 噪音\n"
    assert (await apply(city, "categories", text)).counts == {"new": 1, "changed": 0, "same": 1}
    async with city.database.transaction() as session:
        made = await session.get_one(Category, "0502")  # a spreadsheet had made 502 of it
    assert made.keywords == "油烟 烧烤"
    faulty = await check(city, "categories", "类别代码,大类,类别名称,单位代码\n0701,05 生态环境,,nobody\n")
    assert sorted(faulty.faulty[0].errors) == ["name"]


async def test_the_calendar_goes_through_its_own_service(city: City) -> None:
    text = "日期,是否上班,名称\n2031-01-01,否,元旦\n2031/1/2,是,\n"
    assert (await apply(city, "calendar", text)).counts["new"] == 2
    async with city.database.transaction() as session:
        assert (await session.get_one(CalendarDay, date(2031, 1, 1))).name == "元旦"
        assert await session.scalar(select(func.count()).select_from(Event).where(Event.name == "calendar.changed")) == 1
    assert (await apply(city, "calendar", text)).counts == {"new": 0, "changed": 0, "same": 2}
    assert "day" in (await check(city, "calendar", "日期,是否上班\n2031-02-30,否\n")).faulty[0].errors


async def test_policies_become_proposals_that_another_person_decides(city: City, tmp_path: Path) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    async with city.database.transaction() as session:
        await write_csv(await export(city.core, session, city.supervisor, "policies"), tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text(encoding="utf-8-sig")
    same = await check(city, "policies", text, "supervisor")
    assert same.ok
    assert same.counts["same"] == len(same.outcomes) > 5
    lines = text.replace('""title"": ""电话交办""', '""title"": ""电话交办（新）""').splitlines(keepends=True)
    changed = await apply(city, "policies", "".join(lines), "supervisor")
    assert changed.counts["changed"] == 1, changed.counts
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(PolicyVersion).where(PolicyVersion.state == "proposed")) == 1


TICKETS = """原编号,登记时间,类型,渠道,类别代码,内容,姓名,电话,办结时间,答复,满意度
A-1,2026-03-02 09:30,投诉,电话,501,江畔花园夜间施工噪声,王女士,13900001234,2026-03-05 10:00,已责令停工整改,满意
A-2,2026-11-17 08:00,求助,网页,,路灯不亮已经三天,,,,,
"""


async def test_tickets_of_another_hotline_keep_their_time_and_come_once(city: City) -> None:
    assert (await apply(city, "tickets", TICKETS, "supervisor")).counts["new"] == 2
    assert (await apply(city, "tickets", TICKETS, "supervisor")).counts == {"new": 0, "changed": 0, "same": 2}
    async with city.database.transaction() as session:
        closed, still_open = await session.scalars(select(Ticket).order_by(Ticket.received_at))
        clocks = list(await session.scalars(select(Deadline)))
        waiting = await session.scalar(select(func.count()).select_from(Event).where(Event.name == "ticket.migrated"))
    assert (closed.state, closed.satisfaction, closed.category_code, closed.source) == ("closed", "satisfied", "0501", "other_hotline")
    assert closed.received_at.isoformat() == "2026-03-02T01:30:00+00:00"
    assert still_open.state == "registered"
    assert [(clock.ticket_id, clock.kind) for clock in clocks] == [(still_open.id, "dispatch")]
    assert waiting == 2


async def test_faulty_tickets_name_every_cell(city: City) -> None:
    text = "原编号,登记时间,类型,内容,电话,办结时间\n,昨天,骂人,x,123,2020-01-01\nB-1,2026-11-01 08:00,投诉,路灯不亮,,\nB-1,2026-11-01 08:00,投诉,路灯不亮,,\n"
    preview = await check(city, "tickets", text, "supervisor")
    assert [sorted(outcome.errors) for outcome in preview.faulty] == [
        ["content", "kind", "migrated_key", "phone", "received_at"],
        ["migrated_key"],  # twice in the file
    ]


async def test_only_the_right_roles_import(city: City) -> None:
    for who, kind in (("agent", "units"), ("supervisor", "people"), ("clerk", "tickets"), ("admin", "tickets"), ("leader", "policies")):
        with pytest.raises(NotAllowed):
            await check(city, kind, UNITS, who)


async def test_a_kept_file_is_applied_once_and_only_by_whoever_brought_it(city: City) -> None:
    async with city.database.transaction() as session:
        job = await imports.keep(city.core, session, city.admin, "units", UNITS.encode(), "单位.csv")
    with pytest.raises(NotFound):
        async with city.database.transaction() as session:
            await imports.apply_kept(city.core, session, city.supervisor, job.id)
    async with city.database.transaction() as session:
        await imports.apply_kept(city.core, session, city.admin, job.id)
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await imports.apply_kept(city.core, session, city.admin, job.id)
    async with city.database.transaction() as session:
        stored = await session.get_one(ImportJob, job.id)
    assert (stored.state, stored.content_sealed, stored.counts["new"]) == ("applied", None, 2)


async def test_a_kept_file_is_sealed_and_forgotten_after_a_day(city: City) -> None:
    async with city.database.transaction() as session:
        job = await imports.keep(city.core, session, city.supervisor, "tickets", TICKETS.encode(), "工单.csv")
    assert "王女士".encode() not in (job.content_sealed or b"")
    city.clock.advance(hours=25)
    async with city.database.transaction() as session:
        assert await imports.forget_old(city.core, session) == 1
        await session.refresh(await session.get_one(ImportJob, job.id))
        assert (await session.get_one(ImportJob, job.id)).content_sealed is None


async def test_lesson_22_every_export_reads_back(city: City, tmp_path: Path) -> None:
    """Units, people, categories and the calendar go out and come in again without a change; each export leaves its event."""
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    await city.register(content="=cmd|' /C calc'!A0 请回电13912345678", address="滨河路")
    for kind in KINDS:
        who = city.people["admin" if "admin" in {role.value for role in EXPORTERS[kind]} else "supervisor"]
        for path, write in ((tmp_path / "t.csv", write_csv), (tmp_path / "t.xlsx", None)):
            async with city.database.transaction() as session:
                table = await export(city.core, session, who, kind)
                rows = await (write(table, path) if write else write_xlsx([table], path))
            assert rows > 0, kind
            if kind != "tickets":
                preview = await imports.check(city.core, city.database, who, kind, path.read_bytes())
                assert preview.ok, (kind, preview.problem, [outcome.errors for outcome in preview.faulty][:3])
                assert preview.counts["same"] == rows, (kind, preview.counts)
    async with city.database.transaction() as session:
        made = await session.scalar(select(func.count()).select_from(Event).where(Event.name == "export.made"))
    assert made == 2 * len(KINDS)


async def test_tickets_go_out_masked_without_secret_ones_and_with_a_stamp(city: City, tmp_path: Path) -> None:
    await city.register(content="路灯不亮，请打13912345678，身份证110101199003070011", name="周女士", phone="13900002716")
    secret = await city.register(content="这是保密的举报", confidentiality=Confidentiality.SECRET)
    path = tmp_path / "t.csv"
    async with city.database.transaction() as session:
        table = await export(city.core, session, city.supervisor, "tickets", only=TicketFilter(words="路"))
        assert await write_csv(table, path) >= 1
    text = path.read_text(encoding="utf-8-sig")
    assert secret.ticket.number not in text
    for private in ("13912345678", "13900002716", "周女士", "199003070011"):
        assert private not in text
    assert "139****5678" in text
    assert "由supervisor" in text.splitlines()[-1]
    assert "不得外传" in text.splitlines()[-1]


async def test_what_the_city_set_goes_out_as_it_is_set(city: City, tmp_path: Path) -> None:
    """The tables that nobody reads back: catalogue, workflow, words of notices, inspected calls, how long data is kept."""
    async with city.database.transaction() as session:
        await workflow_versions.seed(city.core, session)
        await retention.load_policies(city.core, session)
        draft = RuleDraft("0501", city.units["city"], (city.units["water"],), words="施工 夜间")
        await save_rule(city.core, session, city.admin, draft, "夜间施工归城管")
    wanted = {"catalogue": "夜间", "workflow": "version:", "templates": "{number}", "quality": "评分表版本", "retention": "recordings"}
    assert set(wanted) == set(TABLES)
    for kind, words in wanted.items():
        path = tmp_path / f"{kind}.csv"
        async with city.database.transaction() as session:
            await write_csv(await export(city.core, session, city.supervisor if kind == "quality" else city.admin, kind), path)
        assert words in path.read_text(encoding="utf-8-sig"), kind


async def test_who_may_not_export_is_refused(city: City) -> None:
    for who in ("agent", "clerk", "callback", "quality", "editor"):
        for kind in {*EXPORTERS} - {"articles"}:
            with pytest.raises(NotAllowed):
                async with city.database.transaction() as session:
                    await export(city.core, session, city.people[who], kind)
