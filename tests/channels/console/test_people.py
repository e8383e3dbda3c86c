"""The pages of accounts, units and the own account."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select, update

from hotline.events import history
from tests.channels.staff import PASSWORD, Browser, City, Opener
from ticketing.people.models import Line, Role, Unit, User
from ticketing.people.totp import code_at, step_of

NEW_PASSWORD = "竹林里有七只白鹤飞过"


async def user_of(city: City, login: str) -> User:
    async with city.database.transaction() as session:
        return (await session.scalars(select(User).where(User.login == login))).one()


async def save(person: Browser, path: str, action: str, **fields: str) -> tuple[int, str]:
    hidden = await person.form(path, action)
    response = await person.post(action, {**hidden, **fields})
    return response.status, await response.text()


def account(city: City, **changes: str) -> dict[str, str]:
    return {
        "login": "new-clerk",
        "name": "新来的人",
        "staff_number": "2001",
        "role": "clerk",
        "unit": str(city.units["city"]),
        "line": "",
        **changes,
    }


async def test_a_new_account_gets_a_one_time_password_that_must_be_changed(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    status, body = await save(admin, "/console/people/new", "/console/people/new", **account(city))
    assert status == 200
    found = re.search(r'id="initial-password">([^<]+)<', body)
    assert found is not None
    initial = unescape(found[1])
    made = await user_of(city, "new-clerk")
    assert initial not in await admin.text(f"/console/people/{made.id}")  # shown once

    person = await browser()
    assert (await person.login("new-clerk", initial)).status == 303
    for path in ("/console/tickets", "/console", "/console/me"):
        assert (await person.get(path)).headers["Location"] == "/console/me/password"
    assert (await person.get("/console/stream")).status == 403
    form = "/console/me/password"
    assert (await save(person, form, form, old=initial, password="1234567890", again="1234567890"))[0] == 422
    assert (await save(person, form, form, old="falsch-falsch", password=NEW_PASSWORD, again=NEW_PASSWORD))[0] == 422
    assert (await save(person, form, form, old=initial, password=NEW_PASSWORD, again="anders-anders"))[0] == 422
    assert (await save(person, form, form, old=initial, password=NEW_PASSWORD, again=NEW_PASSWORD))[0] == 303
    assert (await person.get("/console/tickets")).status == 200
    assert (await (await browser()).login("new-clerk", initial)).status == 422
    async with city.database.transaction() as session:
        names = [event.name for event in await history(session, "user", made.id)]
    assert names == ["account.added", "login.accepted", "login.refused", "account.password_changed", "login.refused"]


async def test_faulty_accounts_are_refused_by_field_and_taken_ones_by_words(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    status, body = await save(
        admin, "/console/people/new", "/console/people/new",
        **account(city, login="坏", name="一", staff_number="12", unit="999", line="12319"),
    )  # fmt: skip
    assert status == 422
    for words in ("账号用小写字母", "姓名2到20个字", "工号4到8位数字", "请选择单位", "请选择线路"):
        assert words in body
    assert (await save(admin, "/console/people/new", "/console/people/new", **account(city, role="king")))[0] == 422
    assert "承办单位" in (await save(admin, "/console/people/new", "/console/people/new", **account(city, role="agent")))[1]
    status, body = await save(admin, "/console/people/new", "/console/people/new", **account(city, staff_number="1001"))
    assert (status, "已经有人用了" in body) == (409, True)


async def test_a_changed_right_a_reset_and_a_switch_off_end_the_sessions_at_once(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    agent = await user_of(city, "agent")
    page = f"/console/people/{agent.id}"
    for step, fields in (
        ("change", {"name": agent.name, "role": "callback", "unit": str(agent.unit_id), "line": ""}),
        ("sessions", {}),
        ("off", {}),
        ("on", None),
        ("reset", {}),
    ):
        async with city.database.transaction() as session:  # as before, with the known password
            await session.execute(update(User).where(User.id == agent.id).values(password_hash=agent.password_hash))
        person = None if fields is None else await browser("agent")
        assert (await save(admin, page, f"{page}/{step}", **(fields or {})))[0] in (200, 303), step
        if person is not None:
            assert (await person.get("/console/tickets")).headers["Location"].startswith("/console/login"), step
    status, _body = await save(admin, page, f"{page}/change", name="只改姓名", role="callback", unit=str(agent.unit_id), line="")
    assert status == 303


async def test_administrators_cannot_lock_themselves_out(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    me = await user_of(city, "admin")
    page = f"/console/people/{me.id}"
    csrf = (await admin.form(page, f"{page}/change"))["csrf"]
    assert (await admin.post(f"{page}/off", {"csrf": csrf})).status == 422
    assert (await admin.post(f"{page}/reset", {"csrf": csrf})).status == 422
    fields = {"csrf": csrf, "name": me.name, "role": "agent", "unit": str(me.unit_id), "line": ""}
    assert (await admin.post(f"{page}/change", fields)).status == 422


async def test_lesson_20_a_clerk_keeps_the_clerks_of_the_own_unit_and_nobody_else(browser: Opener, city: City) -> None:
    clerk = await browser("clerk")
    for login in ("chief", "water_clerk", "admin", "agent"):
        other = await user_of(city, login)
        assert (await clerk.get(f"/console/people/{other.id}")).status == 404, login
        csrf = (await clerk.form("/console/me", "/console/logout"))["csrf"]
        for step in ("off", "reset", "sessions", "second", "unlock", "change"):
            answer = await clerk.post(f"/console/people/{other.id}/{step}", {"csrf": csrf, "role": "clerk", "unit": "", "line": ""})
            assert answer.status == 404, (login, step)
    listed = await clerk.text("/console/people")
    assert "water_clerk" not in listed
    assert ">chief<" not in listed
    for changes in ({"role": "chief"}, {"role": "admin"}, {"unit": str(city.units["water"])}, {"unit": str(city.units["centre"])}):
        assert (await save(clerk, "/console/people/new", "/console/people/new", **account(city, **changes)))[0] == 422, changes
    assert (await save(clerk, "/console/people/new", "/console/people/new", **account(city)))[0] == 200


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_who_may_open_the_pages_of_accounts_and_units(browser: Opener, city: City, role: str) -> None:
    person, other = await browser(role), await user_of(city, "agent2")
    people, units = role in ("admin", "clerk"), role == "admin"
    assert (await person.get("/console/people")).status == (200 if people else 403)
    assert (await person.get("/console/people/new")).status == (200 if people else 403)
    assert (await person.get(f"/console/people/{other.id}")).status == (200 if units else 404 if people else 403)
    assert (await person.get("/console/units")).status == (200 if units else 403)
    assert (await person.get("/console/me")).status == 200
    csrf = (await person.form("/console/me", "/console/logout"))["csrf"]
    assert (await person.post("/console/units", {"csrf": csrf, "code": "x"})).status == (422 if units else 403)
    assert (await person.post(f"/console/units/{city.units['water']}/off", {"csrf": csrf})).status == (422 if units else 403)


async def test_units_are_added_renamed_and_switched_off_when_nothing_depends_on_them(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    parent = str(city.units["city"])
    assert (await save(admin, "/console/units", "/console/units", code="binhe", name="滨河街道", level="3", parent=""))[0] == 422
    assert (await save(admin, "/console/units", "/console/units", code="binhe", name="滨河街道", level="3", parent=parent))[0] == 303
    assert (await save(admin, "/console/units", "/console/units", code="binhe", name="另一个", level="3", parent=parent))[0] == 409
    async with city.database.transaction() as session:
        street = (await session.scalars(select(Unit).where(Unit.code == "binhe"))).one()
    row = f"/console/units/{street.id}"
    assert (await save(admin, "/console/units", f"{row}/rename", name="滨河街道办事处"))[0] == 303
    status, body = await save(admin, "/console/units", f"/console/units/{parent}/off")
    assert (status, "请先停用它的下级单位" in body) == (422, True)
    assert (await save(admin, "/console/units", f"{row}/off"))[0] == 303
    status, body = await save(admin, "/console/units", f"/console/units/{parent}/off")
    assert (status, "启用的账号" in body) == (422, True)
    async with city.database.transaction() as session:
        names = [event.name for event in await history(session, "unit", street.id)]
    assert names == ["unit.added", "unit.renamed", "unit.switched_off"]


async def test_own_sessions_are_listed_and_ended_and_nobody_elses(browser: Opener, city: City) -> None:
    here, there, stranger = await browser("agent"), await browser("agent"), await browser("agent2")
    body = await here.text("/console/me")
    assert body.count("结束这个登录") == 1
    number = re.search(r'name="session" value="(\d+)"', body)
    assert number is not None
    hidden = await stranger.form("/console/me", "/console/logout")
    assert (await stranger.post("/console/me/end-session", {"csrf": hidden["csrf"], "session": number[1]})).status == 404
    assert (await there.get("/console/me")).status == 200
    assert (await save(here, "/console/me", "/console/me/end-session"))[0] == 303
    assert (await there.get("/console/me")).headers["Location"].startswith("/console/login")
    assert (await here.get("/console/me")).status == 200


async def test_an_unused_session_ends_and_a_used_one_lasts(browser: Opener, city: City) -> None:
    used, unused = await browser("agent"), await browser("agent2")
    for _ in range(4):
        city.clock.advance(minutes=city.settings.session_idle_minutes - 1)
        assert (await used.get("/console/me")).status == 200
    assert (await unused.get("/console/me")).status == 303


async def set_up_codes(person: Browser, city: City) -> tuple[str, list[str]]:
    body = await person.text("/console/me")
    secret = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', body)
    assert secret is not None
    secret_text = secret[1].replace(" ", "")
    hidden = await person.form("/console/me", "/console/me/second-on")
    offer = re.search(r'name="offer" value="([^"]+)"', body)
    assert offer is not None
    code = code_at(secret_text, step_of(city.clock.now()))
    response = await person.post("/console/me/second-on", {**hidden, "offer": unescape(offer[1]), "code": code})
    shown = await response.text()
    assert response.status == 200, shown
    return secret_text, re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", shown)


async def test_one_time_codes_are_asked_for_once_each_and_a_recovery_code_helps_once(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    secret, recovery = await set_up_codes(agent, city)
    assert len(recovery) == 10

    async def try_code(code: str) -> tuple[int, Browser]:
        person = await browser()
        answer = await person.login("agent", PASSWORD)
        assert answer.headers["Location"].startswith("/console/login/code")
        assert (await person.get("/console/tickets")).headers["Location"] == "/console/login/code"
        assert (await person.get("/console/counts")).status == 403
        hidden = await person.form("/console/login/code", "/console/login/code")
        return (await person.post("/console/login/code", {**hidden, "code": code})).status, person

    assert (await try_code(code_at(secret, step_of(city.clock.now()))))[0] == 422  # the step of the set-up is used up
    city.clock.advance(seconds=30)
    code = code_at(secret, step_of(city.clock.now()))
    status, person = await try_code(code)
    assert status == 303
    assert (await person.get("/console/tickets")).status == 200
    assert (await try_code(code))[0] == 422  # read over the shoulder: worth nothing
    assert (await try_code(recovery[0].upper().replace("-", " ")))[0] == 303
    assert (await try_code(recovery[0]))[0] == 422
    async with city.database.transaction() as session:
        user = (await session.scalars(select(User).where(User.login == "agent"))).one()
        assert user.totp_sealed is not None
        assert secret.encode() not in user.totp_sealed


async def test_wrong_codes_lock_although_the_password_is_right_each_time(browser: Opener, city: City) -> None:
    secret, _recovery = await set_up_codes(await browser("agent"), city)
    city.clock.advance(seconds=60)
    for _ in range(5):
        person = await browser()
        await person.login("agent", PASSWORD)
        hidden = await person.form("/console/login/code", "/console/login/code")
        assert (await person.post("/console/login/code", {**hidden, "code": "000000"})).status == 422
    assert (await (await browser()).login("agent", PASSWORD)).status == 422
    hidden = await person.form("/console/login/code", "/console/login/code")
    right = code_at(secret, step_of(city.clock.now()))
    assert (await person.post("/console/login/code", {**hidden, "code": right})).status == 422


async def test_a_started_log_in_without_its_code_is_over_after_five_minutes(browser: Opener, city: City) -> None:
    await set_up_codes(await browser("agent"), city)
    person = await browser()
    await person.login("agent", PASSWORD)
    city.clock.advance(minutes=5, seconds=1)
    assert (await person.get("/console/login/code")).headers["Location"].startswith("/console/login?next=")


async def test_the_second_factor_goes_off_with_the_password_or_by_the_administrator(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    await set_up_codes(agent, city)
    assert (await save(agent, "/console/me", "/console/me/second-off", password="wrong-wrong"))[0] == 422
    assert (await save(agent, "/console/me", "/console/me/second-off", password=PASSWORD))[0] == 303
    await set_up_codes(agent, city)
    admin, user = await browser("admin"), await user_of(city, "agent")
    assert (await save(admin, f"/console/people/{user.id}", f"/console/people/{user.id}/second"))[0] == 303
    assert (await agent.get("/console/me")).status == 303  # logged out
    assert (await (await browser()).login("agent", PASSWORD)).headers["Location"] == "/console"


@pytest.mark.parametrize("offer", ["", "forged", "é"])
async def test_a_forged_offer_of_a_secret_is_refused(browser: Opener, city: City, offer: str) -> None:
    agent = await browser("agent")
    assert (await save(agent, "/console/me", "/console/me/second-on", offer=offer, code="123456"))[0] == 422


async def test_a_deputy_signs_off_for_the_chief_while_it_lasts_and_the_event_says_so(browser: Opener, city: City) -> None:
    made = await city.register()
    number = made.ticket.number
    dispatcher, clerk, chief = await browser("dispatcher"), await browser("clerk"), await browser("chief")
    await dispatcher.act(number, "dispatch", category_code="0501", urgency="normal", mode="phone", unit_id=str(city.units["city"]))
    await clerk.act(number, "sign")
    reply = {"facts": "true", "measures": "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排巡查。",
             "basis": "《噪声污染防治法》第四十三条", "contact_note": "已电话告知市民"}  # fmt: skip
    await clerk.act(number, "contact", way="phone", note="已与市民通话，说明今晚检查")
    drafted = await clerk.act(number, "reply", **reply)
    assert drafted.status == 303, await drafted.text()
    csrf = (await clerk.form("/console/me", "/console/logout"))["csrf"]
    async with city.database.transaction() as session:
        other = User(login="clerk2", name="李代理", staff_number="3001", role="clerk", unit_id=city.units["city"],
                     password_hash=(await session.scalars(select(User.password_hash).limit(1))).one())  # fmt: skip
        session.add(other)
        await session.flush()
        other_id = other.id
    assert (await clerk.post(f"/console/tickets/{number}/sign_off", {"csrf": csrf})).status == 403
    today = city.clock.now().date().isoformat()
    status, body = await save(chief, "/console/me", "/console/me/deputy", deputy=str(other_id), starts=today, ends=today)
    assert status == 303, body
    status, _body = await save(
        chief, "/console/me", "/console/me/deputy", deputy=str(city.people["clerk"].user_id), starts=today, ends=today
    )
    assert status == 422  # one at a time
    deputy = await browser("clerk2")
    assert number in await deputy.text("/console/tickets?queue=mine")
    signed = await deputy.act(number, "sign_off")
    assert signed.status == 303, await signed.text()
    async with city.database.transaction() as session:
        labels = {event.name: event.actor_label for event in await history(session, "ticket", made.ticket.id)}
    assert labels["assignment.replied"] == "李代理 3001（代chief员）"
    assert "李代理 3001（代chief员）" in await dispatcher.text(f"/console/tickets/{number}")


async def test_a_deputy_has_no_right_before_after_or_when_the_chief_is_back(browser: Opener, city: City) -> None:
    chief, clerk = await browser("chief"), await browser("clerk")
    day = city.clock.now().date()
    tomorrow = (day + timedelta(days=1)).isoformat()
    deputy_id = str(city.people["clerk"].user_id)
    csrf = (await clerk.form("/console/me", "/console/logout"))["csrf"]
    step = "/console/tickets/12345-20261118-00009/sign_off"  # not there: 404 for who may, 403 for who may not

    async def may() -> bool:
        return (await clerk.post(step, {"csrf": csrf, "version": "1", "seen": "1"})).status == 404

    assert not await may()
    assert (await save(chief, "/console/me", "/console/me/deputy", deputy=deputy_id, starts=tomorrow, ends=tomorrow))[0] == 303
    assert not await may()
    city.clock.advance(hours=20)
    chief, clerk = await browser("chief"), await browser("clerk")
    csrf = (await clerk.form("/console/me", "/console/logout"))["csrf"]
    assert await may()
    assert (await save(chief, "/console/me", "/console/me/deputy-end"))[0] == 303
    assert not await may()
    for wrong in ({"deputy": str(city.people["water_clerk"].user_id)}, {"ends": "gestern"}, {"ends": "2026-01-01"}, {"ends": "2027-11-01"}):
        fields = {"deputy": deputy_id, "starts": tomorrow, "ends": tomorrow, **wrong}
        assert (await save(chief, "/console/me", "/console/me/deputy", **fields))[0] == 422, wrong


async def test_who_drafted_a_reply_does_not_sign_it_off_as_deputy(browser: Opener, city: City) -> None:
    made = await city.register()
    number = made.ticket.number
    dispatcher, clerk, chief = await browser("dispatcher"), await browser("clerk"), await browser("chief")
    await dispatcher.act(number, "dispatch", category_code="0501", urgency="normal", mode="phone", unit_id=str(city.units["city"]))
    await clerk.act(number, "sign")
    await clerk.act(number, "contact", way="phone", note="已与市民通话，说明今晚检查")
    measures = "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排巡查。"
    basis = "《噪声污染防治法》第四十三条"
    drafted = await clerk.act(number, "reply", facts="true", measures=measures, basis=basis, contact_note="已电话告知市民")
    assert drafted.status == 303, await drafted.text()
    today = city.clock.now().date().isoformat()
    fields = {"deputy": str(city.people["clerk"].user_id), "starts": today, "ends": today}
    assert (await save(chief, "/console/me", "/console/me/deputy", **fields))[0] == 303
    refused = await clerk.act(number, "sign_off")
    assert refused.status == 403
    assert "自己起草的答复不能自己审签" in await refused.text()
    assert (await chief.act(number, "sign_off")).status == 303


async def test_a_line_manager_sees_the_own_line_in_lists_pages_counts_and_search(browser: Opener, city: City) -> None:
    own, other = await city.register(content="路灯不亮了，市政线路来电"), await city.register(content="水管爆了，另一条线路来电")
    async with city.database.transaction() as session:
        session.add(Line(number="12319", name="城建服务热线"))
        await session.flush()
        await session.execute(update(User).where(User.login == "supervisor").values(line="12319"))
        (await session.get_one(type(own.ticket), own.ticket.id)).line = "12319"
    person = await browser("supervisor")
    assert (await person.get(f"/console/tickets/{own.ticket.number}")).status == 200
    assert (await person.get(f"/console/tickets/{other.ticket.number}")).status == 404
    for query in ("queue=all", "queue=to_dispatch", "queue=all&q=线路来电", f"queue=all&q={other.ticket.number}"):
        body = await person.text(f"/console/tickets?{query}")
        assert f"/console/tickets/{other.ticket.number}" not in body
        assert "水管爆了" not in body
    assert own.ticket.number in await person.text("/console/tickets?queue=all&q=线路来电")
    everyone = await (await browser("dispatcher")).text("/console/tickets?queue=all")
    assert own.ticket.number in everyone
    assert other.ticket.number in everyone
