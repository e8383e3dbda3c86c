"""The pages of calendar and deadline policies: who may open them, preview before writing, two people for a policy."""

from __future__ import annotations

import json
import re
from datetime import date
from html import unescape

import pytest
from aiohttp import FormData
from sqlalchemy import select

from tests.channels.staff import Browser, City, Opener
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.calendar.models import CalendarDay
from ticketing.deadline import policy
from ticketing.deadline.book import load_policies
from ticketing.deadline.models import Deadline, PolicyVersion
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, HandlingKind

LIST = json.dumps(
    {"year": 2027, "days": [{"name": "元旦", "date": "2027-01-01", "isOffDay": True}, {"date": "2027-01-02", "isOffDay": False}]}
)
HANDLE_FIVE = {"handle": "5", "handle_unit": "wd", "reason": "市政府新规定"}
"""What a person types to change 3 working days into 5."""


async def days(city: City) -> dict[date, bool]:
    async with city.database.transaction() as session:
        rows = await session.execute(select(CalendarDay.day, CalendarDay.is_work).where(CalendarDay.day >= date(2027, 1, 1)))
        return {row.day: row.is_work for row in rows}


async def dispatched(city: City, unit: str = "city") -> Ticket:
    made = await city.register()
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.people["dispatcher"], made.ticket.number, lock=True)
        unit_id = city.units[unit]
        await dispatching.dispatch(city.core, session, city.people["dispatcher"], ticket, unit_id=unit_id, mode=DispatchMode.PHONE)
        return ticket


async def preview(admin: Browser, content: str, **fields: str) -> str:
    hidden = await admin.form("/console/calendar", "/console/calendar/preview")
    form = FormData()
    form.add_field("file", content.encode(), filename="2027.json", content_type="application/json")
    for name, value in {**hidden, **fields}.items():
        form.add_field(name, value)
    response = await admin.client.post("/console/calendar/preview", data=form, allow_redirects=False)
    body = await response.text()
    assert response.status in (200, 422), body[:300]
    return body


@pytest.mark.parametrize(
    "path", ["/console/calendar", "/console/policies", "/console/policies/P-PHONE", "/console/policies/P-CALLBACK", "/console/policies/new"]
)
async def test_who_may_open_the_pages(browser: Opener, city: City, path: str) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    allowed = {"admin"} if path == "/console/calendar" else {"admin", "supervisor"}
    for login in ("admin", "supervisor", "dispatcher", "leader", "clerk", "agent"):
        response = await (await browser(login)).get(path)
        assert (response.status == 200) == (login in allowed), (login, response.status)
        assert response.status in (200, 403)


async def test_how_callbacks_are_done_is_changed_by_two_people(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    supervisor, admin = await browser("supervisor"), await browser("admin")
    body = await supervisor.text("/console/policies/P-CALLBACK")
    document = unescape(re.search(r'name="rest"[^>]*>([^<]*)<', body)[1])  # type: ignore[index]
    assert "20:30" in document
    form = {**await supervisor.form("/console/policies/P-CALLBACK", "/console/policies/P-CALLBACK"), "reason": "晚上不再打扰市民"}
    assert (await supervisor.post("/console/policies/P-CALLBACK", {**form, "rest": "hours: {from: 8, to: 7}"})).status == 422
    changed = document.replace("20:30", "19:30")
    assert (await supervisor.post("/console/policies/P-CALLBACK", {**form, "rest": changed})).status == 303
    page = await admin.text("/console/policies")
    assert "晚上不再打扰市民" in page
    approve = re.search(r"/console/policies/proposals/[0-9]+/approve", page)
    assert approve is not None
    assert (await admin.post(approve[0], {**await admin.form("/console/policies", approve[0])})).status == 303
    assert "19:30" in await admin.text("/console/policies")


async def test_nothing_is_written_before_the_preview_is_confirmed(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    body = await preview(admin, LIST)
    assert "2027-01-01" in body
    assert "元旦" in body
    assert await days(city) == {}
    assert "/console/calendar/apply" in body
    hidden = {name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', body)}
    response = await admin.post("/console/calendar/apply", {**hidden, "note": "国办发明电〔2026〕7号"})
    assert (response.status, response.headers["Location"]) == (303, "/console/calendar")
    found = await days(city)
    assert len(found) == 365
    assert not found[date(2027, 1, 1)]
    assert found[date(2027, 1, 2)]
    body = await admin.text("/console/calendar")
    assert "国办发明电〔2026〕7号" in body
    response = await admin.post("/console/calendar/apply", hidden)
    assert response.status in (409, 422), "sent twice: the calendar has changed since the preview"


async def test_a_list_with_faulty_rows_is_shown_and_cannot_be_confirmed(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    body = await preview(admin, "date,is_work,name\n2027-02-30,1,x\n2027-01-01,0,<script>alert(1)</script>\n")
    assert "第1行" in body
    assert "<script>alert" not in body
    assert "/console/calendar/apply" not in body
    assert await days(city) == {}


@pytest.mark.parametrize("content", ["", "{", "\x00\x01", "a,b\n1,2"])
async def test_what_is_no_list_comes_back_with_a_message(browser: Opener, content: str) -> None:
    assert 'id="problem"' in await preview(await browser("admin"), content)


async def test_the_package_is_offered_and_a_year_it_does_not_know_is_named(browser: Opener) -> None:
    admin = await browser("admin")
    assert "与现在的日历一样" in await preview(admin, "", source="package")
    assert "2099" in await preview(admin, "", source="package", years="2099")
    assert "年份" in await preview(admin, "", source="package", years="²⁰²⁷")


async def test_office_hours(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    hidden = await admin.form("/console/calendar", "/console/calendar/hours")
    assert (await admin.post("/console/calendar/hours", {**hidden, "periods": "17:00-9:00"})).status == 422
    response = await admin.post("/console/calendar/hours", {**hidden, "periods": "8:30-12:00, 14:00-24:00"})
    assert response.status == 303
    assert "8:30-12:00, 14:00-24:00" in await admin.text("/console/calendar")


async def test_supervisor_proposes_administrator_confirms(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    supervisor, admin = await browser("supervisor"), await browser("admin")
    response = await supervisor.post("/console/policies/P-PHONE", {**await filled(supervisor, "P-PHONE"), **HANDLE_FIVE})
    assert (response.status, response.headers.get("Location")) == (303, "/console/policies"), await response.text()
    assert "确认生效" not in await supervisor.text("/console/policies")
    body = await admin.text("/console/policies")
    assert "3个工作日" in body
    assert "5个工作日" in body
    async with city.database.transaction() as session:
        proposal = (await session.scalars(select(PolicyVersion).where(PolicyVersion.state == "proposed"))).one()
    document = next(item for item in policy.seed()["policies"] if item["key"] == "P-PHONE")
    assert proposal.document == {**document, "handle": {"value": 5, "unit": "wd"}}, "nothing else was changed by the form"
    hidden = await admin.form("/console/policies", f"/console/policies/proposals/{proposal.id}/approve")
    assert (await supervisor.post(f"/console/policies/proposals/{proposal.id}/approve", hidden)).status == 403
    assert (await admin.post(f"/console/policies/proposals/{proposal.id}/approve", hidden)).status == 303
    ticket = await dispatched(city)
    async with city.database.transaction() as session:
        clock = (await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket.id, Deadline.kind == "handle"))).one()
    assert (clock.limit_value, ticket.policy_version) == (5, 2)


async def test_an_administrator_does_not_confirm_the_own_proposal(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    admin = await browser("admin")
    await admin.post("/console/policies/P-PHONE", {**await filled(admin, "P-PHONE"), **HANDLE_FIVE})
    async with city.database.transaction() as session:
        proposal = (await session.scalars(select(PolicyVersion).where(PolicyVersion.state == "proposed"))).one()
    hidden = await admin.form("/console/policies", f"/console/policies/proposals/{proposal.id}/withdraw")
    response = await admin.post(f"/console/policies/proposals/{proposal.id}/approve", hidden)
    assert response.status == 403
    assert "另一位管理员" in await response.text()
    assert (await admin.post(f"/console/policies/proposals/{proposal.id}/withdraw", hidden)).status == 303


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"handle": "soon"}, "handle"),
        ({"handle": "1.5"}, "handle"),
        ({"reason": "短"}, "reason"),
        ({"valid_from": "tomorrow"}, "valid_from"),
        ({"rest": "when: {mode: written}"}, "document"),
        ({"rest": "- a"}, "rest"),
        ({"rest": "a: &x [1]\nb: *x"}, "rest"),
        ({"rest": "handle: 3wd"}, "rest"),
        ({"rest": "{" * 5000}, "rest"),
    ],
)
async def test_a_wrong_proposal_keeps_what_was_typed(browser: Opener, city: City, change: dict[str, str], field: str) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    supervisor = await browser("supervisor")
    response = await supervisor.post("/console/policies/P-PHONE", {**await filled(supervisor, "P-PHONE"), **HANDLE_FIVE, **change})
    body = await response.text()
    assert response.status == 422
    assert f'id="e-{field}"' in body
    async with city.database.transaction() as session:
        assert (await session.scalars(select(PolicyVersion).where(PolicyVersion.state == "proposed"))).all() == []


async def test_a_new_policy_for_a_line(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    supervisor = await browser("supervisor")
    values = {**await filled(supervisor, "new"), "key": "P-12319", "sign": "2", "sign_unit": "wh", "handle": "2", "reason": "城管热线要求"}
    assert (await supervisor.post("/console/policies/new", {**values, "key": "P-PHONE"})).status == 422
    assert (await supervisor.post("/console/policies/new", {**values, "key": "<b>"})).status == 422
    assert (await supervisor.post("/console/policies/new", values)).status == 303
    assert "P-12319" in await supervisor.text("/console/policies")


async def test_a_supervisor_moves_a_ticket(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
    ticket = await dispatched(city)
    supervisor = await browser("supervisor")
    hidden = await supervisor.form("/console/policies", "/console/policies/move")
    values = {**hidden, "number": ticket.number, "key": "P-WRITE", "reason": "改为书面转办，经督办同意"}
    assert (await supervisor.post("/console/policies/move", {**values, "reason": ""})).status == 422
    assert (await supervisor.post("/console/policies/move", {**values, "number": "12345-20990101-00001"})).status == 404
    assert (await supervisor.post("/console/policies/move", {**values, "version": "²"})).status == 422
    response = await supervisor.post("/console/policies/move", values)
    assert response.status == 303, await response.text()
    async with city.database.transaction() as session:
        assert (await session.get_one(Ticket, ticket.id)).policy_key == "P-WRITE"
    assert (await (await browser("admin")).post("/console/policies/move", values)).status == 403


async def filled(person: Browser, key: str) -> dict[str, str]:
    """Every field of the form as the page shows it."""
    path = f"/console/policies/{key}"
    body = await person.text(path)
    found = {name: unescape(value) for name, value in re.findall(r'<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"', body)}
    for name, inner in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', body, re.DOTALL):
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', inner)), "")
    found["rest"] = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", body, re.DOTALL)[1])  # type: ignore[index]
    return {**found, **await person.form(path, path)}


async def test_a_unit_reports_its_plan_from_the_ticket_page(browser: Opener, city: City) -> None:
    made = await city.register()
    number, dispatcher, clerk = made.ticket.number, city.people["dispatcher"], city.people["clerk"]
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, dispatcher, number, lock=True)
        await dispatching.dispatch(
            city.core, session, dispatcher, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE, handling=HandlingKind.HARD
        )
        assignment = (await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id))).one()
        await assignments.sign(city.core, session, clerk, assignment.id)
    person = await browser("clerk")
    assert (await person.act(number, "plan", text="会办")).status == 422
    response = await person.act(number, "plan", text="先清运再修复，街道和城管分两步，两周完成。")
    assert response.status == 303, await response.text()
    body = await person.text(f"/console/tickets/{number}")
    assert "提交办理方案" in body
    async with city.database.transaction() as session:
        states = {row.kind: row.state for row in await session.scalars(select(Deadline).where(Deadline.ticket_id == ticket.id))}
    assert (states["plan"], states["handle"]) == ("met", "running")
    assert (await (await browser("water_clerk")).get(f"/console/tickets/{number}")).status == 404
