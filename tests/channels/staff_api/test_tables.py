"""Tables by programs: tickets out by the list's filters, units in after a check of every row; audit and keeping."""

from __future__ import annotations

import csv
import io
from typing import Any

from aiohttp import FormData
from openpyxl import load_workbook
from sqlalchemy import select

from hotline.events import Event
from tests.channels.console.test_supervision import dispatched
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Program, Programs
from ticketing.audit import seal
from ticketing.people.models import Unit, User
from ticketing.ticket.states import Confidentiality, Kind

UNITS = "单位代码,单位名称,级别\nparks,市公园局,2\n"


async def table(program: Program, query: str) -> tuple[list[dict[str, str]], str]:
    response = await program.ask("GET", f"/exports/tickets?{query}")
    assert response.status == 200, await response.text()
    assert response.headers["Content-Disposition"].startswith("attachment")
    text = (await response.read()).decode("utf-8-sig")
    *lines, stamp = text.splitlines()
    return list(csv.DictReader(lines)), stamp


async def send(program: Program, kind: str, text: str, status: int = 200) -> Any:
    form = FormData()
    form.add_field("files", text.encode(), filename="t.csv", content_type="text/csv")
    response = await program.ask("POST", f"/imports/{kind}", data=form)
    body = await response.json()
    assert response.status == status, body
    return body


async def test_tickets_are_exported_masked_by_the_filters_of_the_list(city: City, program: Programs) -> None:
    number = await dispatched(city)
    water = (await city.register(category_code="0301", district="江北区")).ticket.number
    secret = (await city.register(kind=Kind.REPORT, confidentiality=Confidentiality.SECRET)).ticket.number
    supervisor, agent = await program("supervisor"), await program("agent")
    everything, stamp = await table(supervisor, "")
    assert {row["工单编号"] for row in everything} == {number, water}
    assert secret not in str(everything)
    assert "13900002716" not in str(everything)
    assert "导出" in stamp
    for query, expected in (
        ("category=0301", water),
        ("state=in_progress", number),
        ("district=江北区", water),
        (f"q={water[-5:]}", water),
    ):
        assert [row["工单编号"] for row in (await table(supervisor, query))[0]] == [expected], query
    assert [row["工单编号"] for row in (await table(supervisor, f"unit={city.units['city']}&kind=complaint"))[0]] == [number]
    book = load_workbook(io.BytesIO(await (await supervisor.ask("GET", "/exports/tickets?format=xlsx&category=0301")).read()))
    assert water in {cell.value for row in book.active.iter_rows() for cell in row}
    assert (await agent.ask("GET", "/exports/tickets")).status == 403
    assert (await supervisor.ask("GET", "/exports/salaries")).status == 404
    async with city.database.transaction() as session:
        made = list(await session.scalars(select(Event).where(Event.name == "export.made").order_by(Event.id)))
    assert made[1].data["filters"] == {"category_code": "0301"}


async def test_an_import_is_checked_then_confirmed_or_dropped(city: City, program: Programs) -> None:
    admin, other = await program("admin"), await program("dispatcher")
    faulty = await send(admin, "units", "单位代码,单位名称,级别\nparks,市公园局,2\nbad,,9\n")
    assert (faulty["ok"], faulty["job"], faulty["faulty"], faulty["rows"][0]["line"]) == (False, None, 1, 3)
    assert faulty["rows"][0]["errors"]
    good = await send(admin, "units", UNITS)
    assert (good["ok"], good["counts"]) == (True, {"new": 1, "changed": 0, "same": 0})
    async with city.database.transaction() as session:
        assert await session.scalar(select(Unit.id).where(Unit.code == "parks")) is None, "the check wrote something"
    await other.post(f"/imports/{good['job']}/apply", None, 404)
    assert (await admin.post(f"/imports/{good['job']}/apply"))["counts"]["new"] == 1
    await admin.post(f"/imports/{good['job']}/apply", None, 409)
    async with city.database.transaction() as session:
        assert await session.scalar(select(Unit.name).where(Unit.code == "parks")) == "市公园局"
    again = await send(admin, "units", UNITS)
    assert again["counts"]["same"] == 1
    await admin.post(f"/imports/{again['job']}/drop")
    await admin.post(f"/imports/{again['job']}/apply", None, 409)
    await send(other, "units", UNITS, 403)
    await send(admin, "salaries", UNITS, 404)
    await send(admin, "units", "", 422)


async def test_people_come_with_a_password_that_is_told_once(city: City, program: Programs) -> None:
    admin = await program("admin")
    sheet = "账号,姓名,工号,岗位,单位代码\nzhaoliu,赵六,2001,clerk,city\n"
    checked = await send(admin, "people", sheet)
    assert checked["ok"], checked
    [made] = (await admin.post(f"/imports/{checked['job']}/apply"))["passwords"]
    assert (made["login"], len(made["password"]) >= 8) == ("zhaoliu", True)
    async with city.database.transaction() as session:
        assert await session.scalar(select(User.must_change_password).where(User.login == "zhaoliu")) is True


async def test_the_log_is_told_verified_and_who_looked(city: City, program: Programs) -> None:
    number = await dispatched(city)
    dispatcher, supervisor, admin = await program("dispatcher"), await program("supervisor"), await program("admin")
    await dispatcher.post(f"/tickets/{number}/reveal", {"reason": "约定上门时间"})
    await seal.run(city.core, city.database)
    city.clock.advance(days=1)
    await seal.run(city.core, city.database)
    assert (await admin.get("/audit"))["seals"] >= 1
    [root] = (await admin.get("/audit/days"))["items"]
    assert len(root["root"]) == 64
    assert (await admin.get(f"/audit/days?before={root['day']}"))["items"] == []
    [look] = (await supervisor.get(f"/tickets/{number}/looks"))["items"]
    assert (look["what"], look["reason"]) == ("view.revealed", "约定上门时间")
    await admin.get(f"/tickets/{number}/looks", 403)
    verdict = await supervisor.get(f"/tickets/{number}/verification")
    assert (verdict["whole"], verdict["events"] >= 3, verdict["where"]) == (True, True, None)
    await supervisor.get("/tickets/12345-20200101-00001/verification", 404)


async def test_a_dry_run_counts_and_ends_nothing(city: City, program: Programs) -> None:
    await city.register()
    city.clock.advance(days=365 * 40)
    admin = await program("admin")
    found = {each["kind"]: each for each in (await admin.get("/retention/dry-run"))["items"]}
    assert sum(each["count"] for each in found.values()) > 0
    assert not any(each["failed"] for each in found.values())
    again = {each["kind"]: each for each in (await admin.get("/retention/dry-run"))["items"]}
    assert again == found
