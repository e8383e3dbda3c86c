"""Contact details with a reason, similar tickets, pushes to citizens, the inbox."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from hotline.clock import CITY_ZONE
from hotline.events import Event, Outbox
from tests.channels.console.test_supervision import dispatched
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.notice.models import DeliveryState, NoticeDelivery
from ticketing.supervision import sweep


async def test_contact_details_are_shown_with_a_reason_that_stays(city: City, program: Programs) -> None:
    number = await dispatched(city)
    dispatcher, clerk, stranger = await program("dispatcher"), await program("clerk"), await program("water_clerk")
    await dispatcher.post(f"/tickets/{number}/reveal", {"reason": "看"}, 422)
    found = await dispatcher.post(f"/tickets/{number}/reveal", {"reason": "核对来电人的地址"})
    assert found == {"name": "周女士", "phone": "13900002716", "id_number": "", "erased": False}
    await clerk.post(f"/tickets/{number}/reveal", {"reason": "核对来电人的地址"}, 403)  # has not signed
    await stranger.post(f"/tickets/{number}/reveal", {"reason": "核对来电人的地址"}, 404)
    async with city.database.transaction() as session:
        seen = (await session.scalars(select(Event).where(Event.name == "view.revealed"))).all()
    assert [event.actor_id for event in seen] == [city.people["dispatcher"].user_id]


async def test_similar_open_tickets_are_found_within_what_one_may_see(city: City, program: Programs) -> None:
    first, second = (await city.register()).ticket.number, (await city.register()).ticket.number
    dispatcher, clerk = await program("dispatcher"), await program("clerk")
    [found] = (await dispatcher.get(f"/tickets/{first}/similar"))["items"]
    assert (found["number"], found["score"] > 0.9) == (second, True)
    await clerk.get(f"/tickets/{first}/similar", 404)


async def test_a_stuck_push_is_sent_again_or_left(city: City, program: Programs) -> None:
    number = await dispatched(city)
    async with city.database.transaction() as session:
        for delivery in await session.scalars(select(NoticeDelivery)):
            delivery.state = DeliveryState.GIVEN_UP.value
    supervisor, admin = await program("supervisor"), await program("admin")
    stuck = (await supervisor.get("/notices?state=given_up"))["items"]
    assert {each["ticket"] for each in stuck} == {number}
    assert {each["ticket"] for each in (await admin.get("/notices"))["items"]} == {""}
    one = stuck[0]["id"]
    assert await supervisor.post(f"/notices/{one}/resend") == {"id": one, "state": "queued"}
    await supervisor.post(f"/notices/{one}/resend", None, 409)
    assert one not in {each["id"] for each in (await supervisor.get("/notices?state=given_up"))["items"]}
    async with city.database.transaction() as session:
        row = (await session.scalars(select(Outbox).where(Outbox.dedupe_key == f"notice:{one}"))).one()
        assert (row.state, row.attempts) == ("waiting", 0)
        (await session.get_one(NoticeDelivery, one)).state = DeliveryState.GIVEN_UP.value
    left = await supervisor.post(f"/notices/{one}/acknowledge", {"note": "已电话告知"})
    assert left["state"] == "acknowledged"


async def test_the_inbox_is_the_callers_own(city: City, program: Programs) -> None:
    number = await dispatched(city)
    city.clock.set(datetime(2026, 11, 18, 17, 30, tzinfo=CITY_ZONE))  # unsigned past the limit
    await sweep.run(city.core, city.database)
    clerk, stranger = await program("clerk"), await program("water_clerk")
    first = await clerk.get("/inbox?limit=1")
    assert first["items"][0]["ticket"] == number
    assert (await stranger.get("/inbox"))["items"] == []
    await stranger.post("/inbox/read", {"id": first["items"][0]["id"]}, 404)
    assert await clerk.post("/inbox/read", {"id": first["items"][0]["id"]}) == {"count": 1}
    assert first["items"][0]["id"] not in {each["id"] for each in (await clerk.get("/inbox"))["items"]}
    await clerk.post("/inbox/read", {})
    assert (await clerk.get("/inbox"))["items"] == []
    assert (await clerk.get("/inbox?all=true"))["items"]


async def test_how_a_person_is_told_is_their_own_choice(city: City, program: Programs) -> None:
    clerk, chief = await program("clerk"), await program("chief")
    usual = await clerk.get("/inbox/wishes")
    assert (usual["digest"], usual["digest_at"], usual["groups"]["urged"]) == (True, "08:30", "now")
    wanted = {"groups": {"urged": "digest"}, "quiet_from": "12:00", "quiet_to": "13:00", "digest": True, "digest_at": "07:45"}
    kept = await (await clerk.ask("PUT", "/inbox/wishes", json=wanted)).json()
    assert kept == {**usual, **wanted, "groups": {**usual["groups"], "urged": "digest"}} == await clerk.get("/inbox/wishes")
    assert (await chief.get("/inbox/wishes"))["groups"]["urged"] == "now"
    for wrong in (
        {"groups": {"urged": "never"}},
        {"groups": {"weather": "now"}},
        {"quiet_from": "12:00", "quiet_to": ""},
        {"digest_at": "8"},
    ):
        assert (await clerk.ask("PUT", "/inbox/wishes", json={"digest": True, **wrong})).status == 422, wrong
