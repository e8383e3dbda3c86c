"""Calendar, policies and call flow by the API: previewed, decided by two people, published for real."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.calendar.models import CalendarDay
from ticketing.call_flow.document import seed_text
from ticketing.deadline import book

HOLIDAY = {"years": [2027], "days": [{"date": "2027-01-01", "is_work": False, "name": "元旦"}], "note": "国办通知"}


async def test_a_list_is_previewed_and_then_written(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin")
    seen = await admin.post("/calendar/import", HOLIDAY)
    assert (seen["written"], seen["added"], seen["errors"]) == (False, 365, [])
    assert seen["special"] == [{"date": "2027-01-01", "is_work": False, "name": "元旦"}]
    async with city.database.transaction() as session:
        first = select(CalendarDay).where(CalendarDay.day >= date(2027, 1, 1))
        assert (await session.scalars(first)).first() is None
    await admin.post("/calendar/import?preview=false", HOLIDAY, 422)
    done = await admin.post("/calendar/import?preview=false", {**HOLIDAY, "version": seen["version"]})
    assert (done["written"], done["added"], done["version"] > seen["version"]) == (True, 365, True)
    days = (await admin.get("/calendar?first=2027-01-01&last=2027-01-04"))["items"]
    assert [(day["is_work"], day["official"]) for day in days] == [(False, True), (False, True), (False, True), (True, True)]
    assert (await admin.get("/calendar/changes?limit=1"))["items"][0]["days_added"] == 365
    late = {**HOLIDAY, "days": [], "version": seen["version"]}
    await admin.post("/calendar/import?preview=false", late, 409)  # the calendar is not the one that was previewed
    await admin.post("/calendar/import?preview=true", {"days": [{"date": "1999-01-01", "is_work": True}]})
    await (await program("dispatcher")).post("/calendar/import", HOLIDAY, 403)


async def test_office_hours_are_set(site: TestServer, program: Programs) -> None:
    admin = await program("admin")
    put = await admin.ask("PUT", "/calendar/hours", json={"periods": [[540, 720], [840, 1080]]})
    assert put.status == 200, await put.text()
    assert (await admin.get("/calendar"))["office_hours"] == [[540, 720], [840, 1080]]
    assert (await admin.ask("PUT", "/calendar/hours", json={"periods": [[720, 540]]})).status == 422


async def _proposal(admin: Any, key: str = "P-PHONE") -> dict[str, Any]:
    now = await admin.get(f"/policies/{key}")
    return {"key": key, "document": {**now["document"], "handle": {"value": 2, "unit": "wd"}}, "reason": "市政府要求两个工作日办结"}


@pytest.fixture
async def rules(city: City) -> None:
    """The program's own policies in the database."""
    async with city.database.transaction() as session:
        await book.load_policies(city.core, session)


@pytest.mark.usefixtures("rules")
async def test_a_policy_takes_two_people(site: TestServer, city: City, program: Programs) -> None:
    admin, supervisor = await program("admin"), await program("supervisor")
    wanted = await _proposal(supervisor)
    made = await supervisor.post("/policy-proposals", wanted, 201)
    [waiting] = (await admin.get("/policy-proposals"))["items"]
    assert (waiting["proposal"]["id"], [each["field"] for each in waiting["changes"]]) == (made["id"], ["handle"])
    await supervisor.post("/policy-proposals", wanted, 409)
    await supervisor.post(f"/policy-proposals/{made['id']}/decide", {"approve": True}, 403)
    await admin.post(f"/policy-proposals/{made['id']}/withdraw", status=403)
    await admin.post(f"/policy-proposals/{made['id']}/decide", {"approve": True})
    city.clock.advance(seconds=1)
    assert (await admin.get("/policies/P-PHONE"))["version"] == made["version"]
    versions = await admin.get("/policy-versions?key=P-PHONE&limit=1")
    older = await admin.get(f"/policy-versions?key=P-PHONE&limit=1&cursor={versions['next']}")
    assert [page["items"][0]["version"] for page in (versions, older)] == [made["version"], made["version"] - 1]
    assert [page["items"][0]["state"] for page in (versions, older)] == ["in_force", "superseded"]


@pytest.mark.usefixtures("rules")
async def test_of_the_versions_of_a_policy_one_is_in_force(site: TestServer, city: City, program: Programs) -> None:
    """Every version that was ever approved was told as `in_force`."""
    admin, supervisor = await program("admin"), await program("supervisor")
    tomorrow = (city.clock.now() + timedelta(days=1)).isoformat()
    made = await supervisor.post("/policy-proposals", {**await _proposal(supervisor), "valid_from": tomorrow}, 201)
    assert made["state"] == "proposed"

    async def states() -> list[str]:
        return [row["state"] for row in (await admin.get("/policy-versions?key=P-PHONE"))["items"]]

    decided = await admin.post(f"/policy-proposals/{made['id']}/decide", {"approve": True})
    assert (decided["state"], await states()) == ("to_come", ["to_come", "in_force"])
    city.clock.advance(days=1, seconds=1)
    assert await states() == ["in_force", "superseded"]
    assert {row["state"] for row in (await admin.get("/policy-versions?key=P-CENTRE"))["items"]} == {"in_force"}


@pytest.mark.usefixtures("rules")
async def test_nobody_decides_the_own_proposal(site: TestServer, program: Programs) -> None:
    admin = await program("admin")
    made = await admin.post("/policy-proposals", await _proposal(admin), 201)
    await admin.post(f"/policy-proposals/{made['id']}/decide", {"approve": True}, 403)
    assert (await admin.post(f"/policy-proposals/{made['id']}/withdraw"))["state"] == "withdrawn"
    await admin.post(f"/policy-proposals/{made['id']}/withdraw", status=409)
    await admin.get("/policies/P-NONE", 404)


WRONG: list[dict[str, Any]] = [
    {}, {"key": "P-PHONE"}, {"key": "P-PHONE", "when": []}, {"key": "P-PHONE", "when": {"mode": 1}, "handle": "x"},
    {"key": "P-PHONE", "title": "a\0b", "when": {"mode": "phone"}}, {"key": "P-PHONE", "when": None, "sign": []},
    {"key": "P-PHONE", "when": {"mode": "phone"}, "handle": {"value": 10**30, "unit": "wd"}},
    {"key": "P-PHONE", "when": {"mode": ["phone"]}, "handle": {"value": [], "unit": {}}}, {"key": ["P-PHONE"]},
]  # fmt: skip


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("key", ["P-PHONE", "P-CENTRE", "P-CALLBACK", "P-NEW"])
async def test_wrong_documents_are_refused_in_words(site: TestServer, program: Programs, key: str) -> None:
    admin = await program("admin")
    for document in WRONG:
        refused = await admin.post("/policy-proposals", {"key": key, "document": document, "reason": "试一试错误"}, 422)
        assert refused["errors"], document


async def test_the_call_flow_takes_two_people(site: TestServer, program: Programs) -> None:
    admin, supervisor = await program("admin"), await program("supervisor")
    now = await admin.get("/call-flow")
    text = now["document"].replace(f"version: {now['version']}", f"version: {now['version'] + 1}", 1)
    made = await supervisor.post("/call-flow/proposals", {"document": text, "reason": "节日期间的问候"}, 201)
    assert (made["version"], made["state"], now["document"]) == (now["version"] + 1, "proposed", seed_text())
    assert (await admin.get("/call-flow"))["document"] == now["document"], "nothing is in force yet"
    await supervisor.post("/call-flow/proposals", {"document": text, "reason": "再提一次试试"}, 409)
    decide = f"/call-flow/proposals/{made['id']}/decide"
    await supervisor.post(decide, {"approve": True}, 403)
    assert (await admin.post(decide, {"approve": True}))["state"] == "published"
    await admin.post(decide, {"approve": False, "note": "不同意"}, 409)
    assert (await admin.get("/call-flow"))["document"] == text
    assert (await admin.get("/call-flow/versions"))["items"][0]["version"] == made["version"]
    assert (await admin.get(f"/call-flow/versions/{made['version']}"))["note"] == "节日期间的问候"
    assert [row["state"] for row in (await supervisor.get("/call-flow/proposals"))["items"]] == ["published"]
    await admin.get("/call-flow/versions/99999", 404)
    for wrong in (text, "[", "a: b", "\0", "version: x"):
        await admin.post("/call-flow/proposals", {"document": wrong, "reason": "再发一次试试"}, 422)
    await (await program("dispatcher")).get("/call-flow", 403)


async def test_who_proposed_a_call_flow_takes_it_back_and_never_decides_it(site: TestServer, program: Programs) -> None:
    admin, supervisor = await program("admin"), await program("supervisor")
    text = seed_text().replace("version: 1", "version: 2", 1)
    made = await admin.post("/call-flow/proposals", {"document": text, "reason": "节日期间的问候"}, 201)
    for approve in (True, False):
        await admin.post(f"/call-flow/proposals/{made['id']}/decide", {"approve": approve, "note": "自己来"}, 403)
    await supervisor.post(f"/call-flow/proposals/{made['id']}/withdraw", None, 403)
    assert (await admin.post(f"/call-flow/proposals/{made['id']}/withdraw", None))["state"] == "withdrawn"
    assert (await admin.get("/call-flow"))["document"] == seed_text()
