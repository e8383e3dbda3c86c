"""Supervision by programs: cards, rectification, orders, findings, promises, bursts, as a unit and a supervisor work through them."""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.clock import CITY_ZONE
from tests.channels.console.test_supervision import dispatched, replied
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.supervision import bursts, commitments, formal, nightly, sweep
from ticketing.ticket.access import access_ticket

LONG = "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，连续三晚巡查，没有再发现施工。"


async def test_a_card_is_rectified_confirmed_and_revoked(city: City, program: Programs) -> None:
    number = await dispatched(city)
    city.clock.set(datetime(2026, 11, 18, 17, 30, tzinfo=CITY_ZONE))  # unsigned past the limit
    await sweep.run(city.core, city.database)
    clerk, stranger, supervisor = await program("clerk"), await program("water_clerk"), await program("supervisor")
    [card] = (await clerk.get("/cards"))["items"]
    assert (card["ticket"], card["colour"], card["reason"], card["unit_id"]) == (number, "yellow", "sign", city.units["city"])
    assert (await stranger.get("/cards"))["items"] == []
    [task] = (await clerk.get("/rectifications"))["items"]
    assert (task["id"], task["state"]) == (card["rectification"], "open")
    hand_in = {"cause": "当晚值班无人", "measure": "重排值班表，每晚九点复核一次"}
    await stranger.post(f"/rectifications/{task['id']}/finish", hand_in, 404)
    assert (await clerk.post(f"/rectifications/{task['id']}/finish", hand_in))["state"] == "done"
    await clerk.post(f"/rectifications/{task['id']}/finish", hand_in, 409)
    sent_back = await supervisor.post(f"/rectifications/{task['id']}/judge", {"accept": False, "note": "没有写明谁复核"})
    assert sent_back["state"] == "open"
    await clerk.post(f"/rectifications/{task['id']}/finish", hand_in)
    assert (await supervisor.post(f"/rectifications/{task['id']}/judge", {"accept": True}))["state"] == "confirmed"
    assert (await supervisor.get("/rectifications"))["items"] == []
    assert [each["state"] for each in (await supervisor.get("/rectifications?all=true"))["items"]] == ["confirmed"]
    revoked = await supervisor.post(f"/cards/{card['id']}/revoke", {"reason": "系统故障导致单位当时无法签收"})
    assert revoked == {"id": str(card["id"]), "state": "revoked"}
    [card] = (await supervisor.get("/cards?colour=yellow"))["items"]
    assert (card["state"], card["revoke_reason"]) == ("revoked", "系统故障导致单位当时无法签收")


async def test_an_order_is_answered_sent_back_and_concluded(city: City, program: Programs) -> None:
    number = await dispatched(city)
    async with city.database.transaction() as session:
        actor = city.people["supervisor"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        order = formal.Order(city.units["city"], "三日内查清夜间施工并书面答复", 3)
        await formal.issue(city.core, session, actor, ticket, order)
    chief, stranger, supervisor = await program("chief"), await program("water_clerk"), await program("supervisor")
    [order_out] = (await chief.get("/formal-supervisions"))["items"]
    path = f"/formal-supervisions/{order_out['number']}"
    await stranger.post(f"{path}/answer", {"answer": LONG}, 404)
    await supervisor.post(f"{path}/conclude", {"accept": True, "note": "同意"}, 409)
    assert (await chief.post(f"{path}/answer", {"answer": LONG}))["state"] == "answered"
    assert (await supervisor.post(f"{path}/conclude", {"accept": False, "note": "没有附巡查记录"}))["state"] == "issued"
    await chief.post(f"{path}/answer", {"answer": LONG})
    assert (await supervisor.post(f"{path}/conclude", {"accept": True, "note": "同意"}))["state"] == "concluded"
    assert (await supervisor.get("/formal-supervisions"))["items"] == []
    [ended] = (await supervisor.get("/formal-supervisions?all=true"))["items"]
    assert (ended["sent_back"], ended["answer"], ended["ticket"]) == (1, LONG, number)


async def test_a_finding_is_decided_once(city: City, program: Programs) -> None:
    number = await replied(city)
    await nightly.tick(city.core, city.database)
    supervisor = await program("supervisor")
    found = (await supervisor.get("/findings"))["items"]
    assert found
    assert {each["ticket"] for each in found} == {number}
    only = (await supervisor.get("/findings", params={"rule": found[0]["rule"]}))["items"]
    assert {each["rule"] for each in only} == {found[0]["rule"]}
    decision = {"outcome": "dismiss", "note": "单位提前办好，签收当时就能答复"}
    assert (await supervisor.post(f"/findings/{found[0]['id']}/decide", decision))["state"] == "dismissed"
    await supervisor.post(f"/findings/{found[0]['id']}/decide", decision, 409)
    assert found[0]["id"] not in {each["id"] for each in (await supervisor.get("/findings"))["items"]}


async def test_promises_are_paged_by_due_date_and_settled(city: City, program: Programs) -> None:
    number = await dispatched(city)
    async with city.database.transaction() as session:
        actor = city.people["clerk"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        for days in (9, 3, 6):
            due = city.clock.now() + timedelta(days=days)
            await commitments.promise(city.core, session, actor, ticket, what=f"{days}天内修好北门路灯", due_at=due)
    clerk, supervisor = await program("clerk"), await program("supervisor")
    seen, cursor = [], ""
    while cursor is not None:
        page = await clerk.get("/commitments", params={"limit": "1", "cursor": cursor})
        seen += page["items"]
        cursor = page["next"]
    assert [each["what"][:2] for each in seen] == ["3天", "6天", "9天"]
    proof = {"kept": False, "proof": "现场复核，灯还没有亮"}
    await clerk.post(f"/commitments/{seen[0]['id']}/decide", proof, 403)
    assert (await supervisor.post(f"/commitments/{seen[0]['id']}/decide", proof))["state"] == "broken"
    page = await supervisor.get("/commitments", params={"all": "true", "limit": "2"})
    rest = await supervisor.get("/commitments", params={"all": "true", "limit": "2", "cursor": page["next"]})
    assert [each["what"][:2] for each in [*page["items"], *rest["items"]]] == ["6天", "3天", "9天"]
    await supervisor.get("/rectifications", 422, params={"all": "true", "limit": "2", "cursor": page["next"]})


async def test_a_group_warning_is_decided(city: City, program: Programs) -> None:
    numbers = {(await city.register()).ticket.number for _turn in range(3)}
    await bursts.run(city.core, city.database)
    supervisor = await program("supervisor")
    [burst] = (await supervisor.get("/bursts"))["items"]
    assert (burst["count"], {each["number"] for each in burst["tickets"]}) == (3, numbers)
    decision = {"handled": True, "note": "合并派给城管局，统一处置"}
    assert (await supervisor.post(f"/bursts/{burst['id']}/decide", decision))["state"] == "handled"
    await supervisor.post(f"/bursts/{burst['id']}/decide", decision, 409)
    assert (await supervisor.get("/bursts"))["items"] == []


async def test_urgings_hand_overs_and_cards_by_unit(city: City, program: Programs) -> None:
    number = await dispatched(city)
    city.clock.set(datetime(2026, 11, 18, 17, 30, tzinfo=CITY_ZONE))  # unsigned past the limit: a yellow card
    await sweep.run(city.core, city.database)
    leader, supervisor, agent = await program("leader"), await program("supervisor"), await program("agent")
    await supervisor.post(f"/tickets/{number}/actions/urge", {"note": "今晚请先到现场"})
    city.clock.advance(hours=2)
    await supervisor.post(f"/tickets/{number}/actions/urge", {"note": "市民又来电话了"})
    page = await leader.get("/urgings?limit=1")
    [last] = page["items"]
    assert (last["ticket"], last["by"], last["note"], last["times"]) == (number, "supervisor", "市民又来电话了", 2)
    [first] = (await leader.get(f"/urgings?limit=1&cursor={page['next']}"))["items"]
    assert first["note"] == "今晚请先到现场"
    [score] = (await supervisor.get("/card-scores"))["items"]
    assert (score["unit_id"], score["yellow"], score["red"], score["points"]) == (city.units["city"], 1, 0, 1)
    until = {"given_until": "2026-11-01T00:00:00+08:00"}
    assert (await (await supervisor.ask("GET", "/card-scores", params=until)).json())["items"] == []
    assert (await supervisor.ask("GET", "/card-scores", params={**until, "given_from": "2026-11-02T00:00:00+08:00"})).status == 422
    assert (await agent.ask("GET", "/urgings")).status == 403


async def test_a_false_reply_is_handed_over_and_answered(city: City, program: Programs) -> None:
    number = await replied(city)
    supervisor = await program("supervisor")
    told = {"unit_id": city.units["city"], "facts": LONG, "hand_over": True}
    await supervisor.post(f"/tickets/{number}/actions/false_reply", told)
    [record] = (await supervisor.get("/hand-overs"))["items"]
    assert (record["ticket"], record["unit_id"], record["state"]) == (number, city.units["city"], "sent")
    await supervisor.post(f"/hand-overs/{record['number']}/answer", {"answer": "已立案核查"})
    [record] = (await supervisor.get("/hand-overs"))["items"]
    assert (record["state"], record["answer"]) == ("answered", "已立案核查")
    await supervisor.post("/hand-overs/YJ-2026-99999/answer", {"answer": "已立案核查"}, 404)


async def test_a_supervisor_moves_a_ticket_to_another_policy(city: City, program: Programs) -> None:
    number = await dispatched(city)
    supervisor, dispatcher = await program("supervisor"), await program("dispatcher")
    why = {"key": "P-WRITE", "reason": "涉及两个部门，改按书面转办"}
    await dispatcher.post(f"/tickets/{number}/policy", why, 403)
    moved = await supervisor.post(f"/tickets/{number}/policy", why)
    assert (moved["key"], moved["number"]) == ("P-WRITE", number)
    assert "handle" in {clock["kind"] for clock in moved["clocks"]}
    await supervisor.post(f"/tickets/{number}/policy", why, 422)  # it follows these rules already
