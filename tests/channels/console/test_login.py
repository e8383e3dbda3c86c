from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from hotline.events import Event
from tests.channels.staff import PASSWORD, City, Opener
from ticketing.people.models import LoginSession, User

GENERIC = "密码不对，或账号已锁定"


async def test_a_page_without_a_session_leads_to_the_login_and_back(browser: Opener, city: City) -> None:
    visitor = await browser()
    response = await visitor.get("/console/tickets?queue=all")
    assert response.status == 303
    assert parse_qs(urlsplit(response.headers["Location"]).query) == {"next": ["/console/tickets?queue=all"]}
    hidden = await visitor.form(response.headers["Location"], "/console/login")
    response = await visitor.post("/console/login", {**hidden, "login": "dispatcher", "password": PASSWORD})
    assert (response.status, response.headers["Location"]) == (303, "/console/tickets?queue=all")
    cookie = response.cookies["hotline_staff"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/console"


async def test_the_cookie_is_not_what_the_table_holds(browser: Opener, city: City) -> None:
    await browser("agent")
    async with city.database.transaction() as session:
        stored = (await session.scalars(select(LoginSession))).one()
    assert len(stored.token_hash) == 64


@pytest.mark.parametrize(
    "target", ["//evil.example/console", "https://evil.example", "/console\\..\\x", "/console/logout", "/wechat", "/console\nX: y"]
)
async def test_login_never_leads_elsewhere(browser: Opener, target: str) -> None:
    visitor = await browser()
    hidden = await visitor.form("/console/login", "/console/login")
    response = await visitor.post("/console/login", {**hidden, "next": target, "login": "agent", "password": PASSWORD})
    assert response.headers["Location"] == "/console"


async def test_the_answer_is_the_same_for_an_unknown_account_a_wrong_password_and_a_locked_one(browser: Opener, city: City) -> None:
    visitor = await browser()
    answers = []
    for login, password in [("nobody", "x"), ("quality", "wrong"), ("leader", "wrong")]:
        response = await visitor.login(login, password)
        body = await response.text()
        assert response.status == 422
        assert GENERIC in body
        answers.append(body.replace(login, ""))
    assert len({len(answer) for answer in answers}) == 1


async def test_five_wrong_tries_lock_for_fifteen_minutes(browser: Opener, city: City) -> None:
    visitor = await browser()
    for _ in range(5):
        assert (await visitor.login("agent", "wrong")).status == 422
    assert (await visitor.login("agent")).status == 422  # the right password does not help while it is locked
    city.clock.advance(minutes=14, seconds=59)
    assert (await visitor.login("agent")).status == 422
    city.clock.advance(seconds=2)
    assert (await visitor.login("agent")).status == 303
    async with city.database.transaction() as session:
        names = list(await session.scalars(select(Event.name).where(Event.subject == "user").order_by(Event.id)))
    assert names == ["login.refused"] * 7 + ["login.accepted"]


async def test_four_wrong_tries_do_not_lock(browser: Opener) -> None:
    visitor = await browser()
    for _ in range(4):
        await visitor.login("agent", "wrong")
    assert (await visitor.login("agent")).status == 303


async def test_log_out_ends_the_session_for_a_copied_cookie_too(browser: Opener) -> None:
    staff, copy = await browser("agent"), await browser()
    copy.client.session.cookie_jar.update_cookies(staff.client.session.cookie_jar.filter_cookies(staff.client.make_url("/console")))
    assert (await copy.get("/console/desk")).status == 200
    hidden = await staff.form("/console/desk", "/console/logout")
    response = await staff.post("/console/logout", hidden)
    assert response.headers["Location"] == "/console/login"
    for one in (staff, copy):
        assert (await one.get("/console/desk")).headers["Location"].startswith("/console/login")


async def test_a_session_ends_by_time_and_by_switching_the_account_off(browser: Opener, city: City) -> None:
    first, second = await browser("agent"), await browser("agent2")
    async with city.database.transaction() as session:
        (await session.scalars(select(User).where(User.login == "agent"))).one().active = False
    assert (await first.get("/console/desk")).status == 303
    assert (await second.get("/console/desk")).status == 200
    city.clock.advance(hours=city.settings.session_hours, seconds=1)
    assert (await second.get("/console/desk")).status == 303


async def test_htmx_without_a_session_is_told_to_load_the_login_page(browser: Opener) -> None:
    visitor = await browser()
    response = await visitor.get("/console/tickets?part=1", headers={"HX-Request": "true"})
    assert response.status == 401
    assert response.headers["HX-Redirect"].startswith("/console/login")


async def test_wrong_passwords_from_one_address_are_slowed_down_and_other_pages_and_right_ones_are_not(browser: Opener, city: City) -> None:
    visitor = await browser()
    for _ in range(25):  # right ones do not count: a whole office may come through one address
        assert (await visitor.login("quality")).status == 303
        visitor.client.session.cookie_jar.clear()
    for number in range(20):
        assert (await visitor.login(f"nobody{number}", "wrong")).status == 422
    response = await visitor.login("agent")
    assert response.status == 429
    assert int(response.headers["Retry-After"]) == 15
    assert (await visitor.get("/console/login")).status == 200
    assert (await visitor.get("/")).status == 200
    city.clock.advance(seconds=15)
    assert (await visitor.login("agent")).status == 303
