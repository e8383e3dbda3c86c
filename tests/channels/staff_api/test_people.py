"""Units, lines, accounts and deputies by the API: done for real, with what must be refused."""

from __future__ import annotations

from aiohttp.test_utils import TestServer

from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.access_token.models import TokenScope


async def test_a_unit_is_made_renamed_and_switched_off(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin")
    made = await admin.post("/units", {"code": "city-lamps", "name": "路灯所", "level": 3, "parent_id": city.units["city"]}, 201)
    assert (await admin.ask("PATCH", f"/units/{made['id']}", json={"name": "市路灯所"})).status == 200
    await admin.post(f"/units/{made['id']}/switch", {"active": False})
    tree = {each["id"]: each for each in (await admin.get("/units"))["items"]}
    assert tree[made["id"]] == {**made, "name": "市路灯所", "active": False}
    await admin.post("/units", {"code": "city-lamps", "name": "另一个", "level": 2}, 409)
    await admin.post("/units", {"code": "street", "name": "某街道", "level": 3}, 422)
    await admin.post(f"/units/{city.units['city']}/switch", {"active": False}, 422)  # people still work there
    await admin.post("/units/99999999/switch", {"active": False}, 404)


async def test_a_line_is_made_changed_and_switched_off(site: TestServer, program: Programs) -> None:
    admin = await program("admin")
    await admin.post("/lines", {"number": "12319", "name": "城管热线", "aliases": ["96310"]}, 201)
    assert (await admin.ask("PUT", "/lines/12319", json={"name": "城市管理热线", "aliases": ["96310", "96311"]})).status == 200
    await admin.post("/lines/12319/switch", {"active": False})
    [line] = [each for each in (await admin.get("/lines"))["items"] if each["number"] == "12319"]
    assert line == {"number": "12319", "name": "城市管理热线", "greeting": "", "aliases": ["96310", "96311"], "active": False}
    await admin.post("/lines", {"number": "12319", "name": "第二条"}, 409)
    await admin.post("/lines/1%002/switch", {"active": False}, 404)


async def test_an_account_lives_by_the_api(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin")
    wanted = {"login": "lamp-clerk", "staff_number": "7001", "name": "王路灯", "role": "clerk", "unit_id": city.units["city"]}
    made = await admin.post("/accounts", wanted, 201, headers={"Idempotency-Key": "a1"})
    again = await admin.post("/accounts", wanted, 201, headers={"Idempotency-Key": "a1"})
    assert made == again
    path = f"/accounts/{made['account']['id']}"
    assert (made["account"]["must_change_password"], len(made["password"]) >= 10) == (True, True)
    assert "password" not in await admin.get(path)
    changed = await admin.ask("PUT", path, json={"name": "王路灯", "role": "chief", "unit_id": city.units["city"]})
    assert (await changed.json())["role"] == "chief"
    assert (await admin.post(f"{path}/reset-password"))["password"] != made["password"]
    for step in ("unlock", "end-sessions", "reset-second-factor"):
        await admin.post(f"{path}/{step}")
    assert (await admin.post(f"{path}/switch", {"active": False}))["active"] is False
    await admin.post("/accounts", {**wanted, "staff_number": "7002"}, 409)
    await admin.post("/accounts", {**wanted, "login": "x-y", "staff_number": "7003", "role": "agent"}, 422)


async def test_what_takes_rights_away_ends_the_token(site: TestServer, city: City, program: Programs) -> None:
    admin, clerk = await program("admin"), await program("clerk")
    await clerk.get("/me")
    await admin.post(f"/accounts/{city.people['clerk'].user_id}/switch", {"active": False})
    await clerk.get("/me", 401)


async def test_a_clerk_keeps_only_the_clerks_of_the_own_unit(site: TestServer, city: City, program: Programs) -> None:
    clerk = await program("clerk")
    assert [each["login"] for each in (await clerk.get("/accounts"))["items"]] == ["clerk"]
    for other in ("chief", "water_clerk", "admin"):
        there = await clerk.ask("GET", f"/accounts/{city.people[other].user_id}")
        nobody = await clerk.ask("GET", "/accounts/99999999")
        assert (there.status, (await there.json())["detail"]) == (404, (await nobody.json())["detail"])
        await clerk.post(f"/accounts/{city.people[other].user_id}/reset-password", status=404)
    wanted = {"login": "new-chief", "staff_number": "7009", "name": "某首席", "role": "chief", "unit_id": city.units["city"]}
    assert (await clerk.post("/accounts", wanted, 422))["errors"][0]["field"] == "role"


async def test_the_accounts_are_paged(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin", TokenScope.READ)
    seen, cursor = [], ""
    while cursor is not None:
        page = await admin.get(f"/accounts?limit=4&cursor={cursor}")
        seen += [each["login"] for each in page["items"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(city.people)
    assert [each["login"] for each in (await admin.get("/accounts?q=water"))["items"]] == ["water_clerk"]
    await admin.post(f"/accounts/{city.people['clerk'].user_id}/unlock", status=403)


async def test_a_deputy_is_named_and_ended(site: TestServer, city: City, program: Programs) -> None:
    clerk, agent = await program("clerk"), await program("agent")
    chief = city.people["chief"].user_id
    assert [each["id"] for each in (await clerk.get("/deputies"))["candidates"]] == [chief]
    made = await clerk.post("/deputies", {"deputy_id": chief, "ends_at": "2026-12-20T00:00:00+08:00"}, 201)
    assert [each["id"] for each in (await clerk.get("/deputies"))["items"]] == [made["id"]]
    await clerk.post("/deputies", {"deputy_id": chief, "ends_at": "2026-12-10T00:00:00+08:00"}, 422)
    assert (await (await program("chief")).ask("DELETE", f"/deputies/{made['id']}")).status == 404
    assert (await clerk.ask("DELETE", f"/deputies/{made['id']}")).status == 200
    await agent.post("/deputies", {"deputy_id": chief, "ends_at": "2026-12-10T00:00:00+08:00"}, 403)
