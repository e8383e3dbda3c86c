from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.channels.staff import City, Opener
from ticketing.conversation.models import Heartbeat
from ticketing.people.models import Role


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_every_link_of_rail_and_menu_opens(browser: Opener, city: City, role: str) -> None:
    """An entry that leads to a refusal is never shown, and what a role may open can be found."""
    person = await browser(role)
    home = (await person.get("/console")).headers["Location"]
    body = await person.text(home)
    links = set(re.findall(r'href="(/console/[a-z-]+)"', body[: body.index("</header>")]))
    for path in sorted(links):
        assert (await person.get(path)).status == 200, path
    assert ("/console/audit" in links) == (role in ("supervisor", "admin"))
    assert ("/console/policies" in links) == (role in ("supervisor", "admin"))
    assert ("/console/lines" in links) == (role == "admin")


async def test_a_refused_page_says_so_in_words_and_shows_nothing_else(browser: Opener, city: City) -> None:
    person = await browser("editor")
    made = await city.register()
    response = await person.get(f"/console/tickets/{made.ticket.number}")
    body = await response.text()
    assert response.status == 403
    assert "这个岗位没有权限" in body
    assert made.ticket.title not in body


async def test_a_unit_sees_a_ticket_only_when_it_was_given_to_it(browser: Opener, city: City) -> None:
    made = await city.register()
    number = made.ticket.number
    clerk, other, dispatcher = await browser("clerk"), await browser("water_clerk"), await browser("dispatcher")
    missing = await (await clerk.get("/console/tickets/12345-20260101-99999")).text()
    refused = await clerk.get(f"/console/tickets/{number}")
    assert refused.status == 404
    assert _without_id(await refused.text()) == _without_id(missing)  # the same answer for «not there» and «not yours»
    assert number[-5:] not in await clerk.text("/console/tickets?queue=all")
    response = await dispatcher.act(
        number, "dispatch", category_code="0501", urgency="normal", mode="phone", unit_id=str(city.units["city"])
    )
    assert response.status == 303, await response.text()
    assert (await clerk.get(f"/console/tickets/{number}")).status == 200
    assert (await other.get(f"/console/tickets/{number}")).status == 404
    assert (
        await other.post(f"/console/tickets/{number}/sign", {"csrf": (await other.form("/console/tickets", "/console/logout"))["csrf"]})
    ).status == 404


def _without_id(body: str) -> str:
    return body[: body.index("编号")]


async def test_a_secret_ticket_is_there_only_for_who_is_named(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    named = city.people["dispatcher"].user_id
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    fields = {**hidden, "kind": "report", "urgency": "normal", "confidentiality": "secret", "contact_by": "phone",
              "content": "举报某单位违规收费，请保密", "district": "全市", "phone": "13900002716"}  # fmt: skip
    response = await agent.post("/console/tickets/new", fields)
    assert response.status == 422
    assert "保密件要指定由哪位派单员或督办处理" in await response.text()
    response = await agent.post("/console/tickets/new", {**fields, "named": str(named)})
    assert response.status == 303
    page = response.headers["Location"]
    assert (await agent.get(page)).status == 200
    assert (await (await browser("dispatcher")).get(page)).status == 200
    for other in ("dispatcher2", "supervisor", "leader", "agent2"):
        assert (await (await browser(other)).get(page)).status == 404, other


async def test_phones_are_masked_for_units_and_opened_only_with_a_reason(browser: Opener, city: City) -> None:
    made = await city.register()
    number = made.ticket.number
    dispatcher, clerk = await browser("dispatcher"), await browser("clerk")
    await dispatcher.act(number, "dispatch", category_code="0501", urgency="normal", mode="phone", unit_id=str(city.units["city"]))
    for person in (dispatcher, clerk, await browser("supervisor"), await browser("agent")):
        body = await person.text(f"/console/tickets/{number}")
        assert "139 **** 2716" in body
        assert "13900002716" not in body.replace(" ", "")
        assert "周女士" not in body
    refused = await clerk.act(number, "reveal", reason="看")
    assert refused.status == 422
    assert "2716" not in (await refused.text()).replace("139 **** 2716", "")
    early = await clerk.act(number, "reveal", reason="约定上门检查时间")
    assert early.status == 403  # 4b: the named contact person only, who signs for the unit
    assert "139 0000 2716" not in await early.text()
    assert (await clerk.act(number, "sign")).status == 303
    opened = await clerk.act(number, "reveal", reason="约定上门检查时间")
    body = await opened.text()
    assert opened.status == 200
    assert "139 0000 2716" in body
    assert "周女士" in body
    story = await dispatcher.text(f"/console/tickets/{number}")
    assert "约定上门检查时间" in story
    assert "约定上门检查时间" not in await clerk.text(f"/console/tickets/{number}")


async def test_the_leader_cannot_reveal(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    leader = await browser("leader")
    body = await leader.text(f"/console/tickets/{number}")
    assert "a-reveal" not in body
    csrf = (await leader.form("/console/figures", "/console/logout"))["csrf"]
    response = await leader.post(f"/console/tickets/{number}/reveal", {"csrf": csrf, "reason": "想看一看号码"})
    assert response.status == 403


async def test_the_administrator_sees_no_case_content(browser: Opener, city: City) -> None:
    made = await city.register()
    admin = await browser("admin")
    for path in ("/console/system", "/console/people"):
        body = await admin.text(path)
        assert made.ticket.title not in body
        assert made.ticket.number not in body
    assert (await admin.get(f"/console/tickets/{made.ticket.number}")).status == 403


async def test_a_job_that_runs_once_an_hour_is_not_called_dead_after_a_minute(browser: Opener, city: City) -> None:
    beat = city.core.clock.now() - timedelta(minutes=50)
    async with city.database.transaction() as session:
        session.add(Heartbeat(worker="hourly", role="scheduler", at=beat, data={"every_s": 3600}))
        session.add(Heartbeat(worker="every 15 s", role="scheduler", at=beat, data={"every_s": 15}))
    body = await (await browser("admin")).text("/console/system")
    processes = body.split("<tbody>", 1)[1]
    rows = {name: processes.split(f">{name}<", 1)[1].split("</tr>", 1)[0] for name in ("hourly", "every 15 s")}
    assert "没有心跳" not in rows["hourly"]
    assert "没有心跳" in rows["every 15 s"]


async def test_a_role_cannot_take_a_step_that_is_not_its_own(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    for role, action in (
        ("agent", "dispatch"),
        ("leader", "supplement"),
        ("callback", "review"),
        ("clerk", "sign_off"),
        ("dispatcher", "visit"),
    ):
        person = await browser(role)
        csrf = (await person.form((await person.get("/console")).headers["Location"], "/console/logout"))["csrf"]
        response = await person.post(f"/console/tickets/{number}/{action}", {"csrf": csrf, "version": "1", "seen": "1"})
        assert response.status == 403, (role, action)
