"""Shifts and seats by programs: who leads the shift plans it, nobody else sees it."""

from __future__ import annotations

from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs


async def test_a_shift_is_planned_refused_twice_and_dropped(city: City, program: Programs) -> None:
    supervisor, agent = await program("supervisor"), await program("agent")
    user = city.people["agent"].user_id
    shift = {"user_id": user, "starts_at": "2026-11-19T08:00:00+08:00", "ends_at": "2026-11-19T16:00:00+08:00"}
    made = await supervisor.post("/shifts", shift, 201)
    assert (made["user_id"], made["starts_at"]) == (user, (await supervisor.get("/shifts"))["items"][0]["starts_at"])
    await supervisor.post("/shifts", shift, 409)
    await supervisor.post("/shifts", {**shift, "ends_at": "2026-11-20T16:00:00+08:00"}, 422)
    await agent.post("/shifts", shift, 403)
    assert (await supervisor.ask("DELETE", f"/shifts/{made['id']}")).status == 200
    assert (await supervisor.ask("DELETE", f"/shifts/{made['id']}")).status == 404
    assert (await supervisor.get("/shifts"))["items"] == []


async def test_seats_say_who_is_on_duty_and_no_telephone_number(city: City, program: Programs) -> None:
    supervisor, agent = await program("supervisor"), await program("agent")
    await agent.post("/duty", {"state": "off"})
    seats = {seat["user_id"]: seat for seat in (await supervisor.get("/seats"))["items"]}
    mine = seats[city.people["agent"].user_id]
    assert (mine["state"], mine["in_call"], mine["rostered"]) == ("off", False, False)
    assert "phone" not in mine
    assert (await agent.ask("GET", "/seats")).status == 403
