"""What programs bring in, and which programs may: tokens that end, bodies that are torn, lines, hidden characters, ID numbers."""

from __future__ import annotations

import gzip
import json

from sqlalchemy import select, update

from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from tests.channels.staff_api.test_tickets import NEW
from ticketing.citizen.models import Citizen
from ticketing.people import accounts
from ticketing.people.models import Line, Role, User
from ticketing.ticket.models import Ticket

VALID_ID = "11010519491231002X"


async def test_a_token_ends_with_the_password_and_the_rights_it_was_made_with(city: City, program: Programs) -> None:
    agent, editor, clerk = await program("agent"), await program("editor"), await program("clerk")
    admin = city.people["admin"]
    ids = {login: city.people[login].user_id or 0 for login in ("agent", "editor", "clerk")}
    async with city.database.transaction() as session:
        user = await session.get_one(User, ids["agent"])
        await accounts.change_password(city.core, session, city.people["agent"], user, "另一个很长的密码-2026-xyz", session_id=0)
        await session.execute(update(User).where(User.id == user.id).values(must_change_password=False))
        unit_id = (await session.get_one(User, ids["editor"])).unit_id
        wanted = accounts.Account("editor", "editor员", "x", Role.QUALITY, unit_id, None)
        await accounts.change_account(city.core, session, admin, ids["editor"], wanted)
        named = accounts.Account("clerk", "改了名", "x", Role.CLERK, city.units["city"], None)
        await accounts.change_account(city.core, session, admin, ids["clerk"], named)
    await agent.get("/me", 401)
    await editor.get("/me", 401)
    await clerk.get("/me")  # another name is no other right
    async with city.database.transaction() as session:
        await accounts.set_active(city.core, session, admin, ids["clerk"], active=False)
        await accounts.set_active(city.core, session, admin, ids["clerk"], active=True)
    await clerk.get("/me", 401)


async def test_a_compressed_body_torn_or_whole_is_refused_before_it_is_opened(city: City, program: Programs) -> None:
    agent = await program("agent")
    whole = gzip.compress(json.dumps(NEW).encode())
    for body in (whole, whole[:-12], b"no gzip at all"):
        response = await agent.ask("POST", "/tickets", data=body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
        assert response.status == 415, await response.text()


async def test_a_line_manager_gets_only_the_lines_tickets_from_every_list(city: City, program: Programs) -> None:
    own, other = (await city.register()).ticket.number, (await city.register()).ticket.number
    async with city.database.transaction() as session:
        session.add(Line(number="12319", name="城建热线", greeting="", active=True))
        await session.flush()
        await session.execute(update(Ticket).where(Ticket.number == own).values(line="12319"))
        await session.execute(update(User).where(User.login == "dispatcher2").values(line="12319"))
    manager = await program("dispatcher2")
    for query in ("", "?state=registered", "?kind=complaint", "?line=12345", "?line=12319"):
        numbers = [item["number"] for item in (await manager.get(f"/tickets{query}"))["items"]]
        assert numbers == ([] if query == "?line=12345" else [own]), query
    for path in ("", "/events", "/attachments"):
        response = await manager.ask("GET", f"/tickets/{other}{path}")
        assert response.status in (404, 405), path
    assert (await manager.ask("POST", f"/tickets/{other}/actions/urge", json={})).status == 404
    done = await manager.post("/bulk/urge", {"numbers": [own, other], "body": {"note": "请尽快办理"}})
    assert [item["status"] for item in done["items"]] == [200, 404]


async def test_an_id_number_is_taken_sealed_and_told_masked(city: City, program: Programs) -> None:
    agent = await program("agent")
    await agent.post("/tickets", {**NEW, "id_number": "11010119900307781"}, 422)
    await agent.post("/tickets", {**NEW, "id_number": VALID_ID}, 201)
    async with city.database.transaction() as session:
        sealed = (await session.scalars(select(Citizen.id_number_sealed).where(Citizen.id_number_sealed.is_not(None)))).one()
    assert sealed is not None
    assert VALID_ID.encode() not in sealed


async def test_characters_that_hide_or_turn_words_are_taken_out_at_intake(city: City, program: Programs) -> None:
    agent = await program("agent")
    hidden = "江畔花园\u202e工地\u2066夜间\u200e施工\x07影响\ufeff休息\r\n第二行"
    made = await agent.post("/tickets", {**NEW, "content": hidden, "title": "夜间\u202e施工", "address": "滨河\u2069路"}, 201)
    ticket = made["ticket"]
    assert (ticket["title"], ticket["content"], ticket["address"]) == ("夜间施工", "江畔花园工地夜间施工影响休息\n第二行", "滨河路")
    await agent.post("/tickets", {**NEW, "content": "\u202e\u202e\u200f\u200e"}, 422)  # nothing is left of it
    number = made["number"]
    await agent.act(number, "supplement", text="补充\u202e说明")
    events = (await agent.get(f"/tickets/{number}/events"))["items"]
    assert "补充说明" in json.dumps(events, ensure_ascii=False)
