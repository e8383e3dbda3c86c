"""The pages around the queue: one's own state, the board, roster and telephones, the nuisance list, the call flow."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from tests.channels.staff import Browser, City, Opener
from ticketing.call_flow.document import seed_text
from ticketing.call_flow.models import CallFlowVersion
from ticketing.call_flow.versions import current, package_document
from ticketing.conversation.calls import answered_by_person, queue_call, start_call
from ticketing.conversation.service import get_conversation, request_person
from ticketing.duty.models import Duty, DutyState, Shift, Skill
from ticketing.duty.service import set_phone, set_state
from ticketing.people.models import Line
from ticketing.queue.commands import settle
from ticketing.queue.models import CallCommand
from ticketing.queue.service import Wish, ask_for_tongue, distribute, enter, served


async def caller(city: City, *, called: str = "12345") -> UUID:
    async with city.database.transaction() as session:
        conversation, call = await start_call(
            city.core, session, sip_call_id=uuid4().hex, caller="13900002716", called=called, codec="PCMA", worker="w", transcriber="t"
        )
        await request_person(city.core, session, await get_conversation(session, conversation.id, lock=True), "asked")
        await queue_call(city.core, session, call.id)
        options = package_document().queues["hotline"]
        await enter(city.core, session, call.id, Wish("hotline", called, "w"), options)
    return call.id


async def at_desk(city: City, login: str, *, ready: bool = True) -> int:
    user = city.people[login].user_id or 0
    async with city.database.transaction() as session:
        await set_phone(city.core, session, city.people["supervisor"], user, f"sip:{login}@127.0.0.1:5070")
        if ready:
            await set_state(city.core, session, city.people[login], DutyState.READY)
    return user


async def talking(city: City, login: str = "agent") -> UUID:
    user = await at_desk(city, login)
    call = await caller(city)
    async with city.database.transaction() as session:
        await distribute(city.core, session, package_document())
    async with city.database.transaction() as session:
        assert await served(city.core, session, call, user)
        await answered_by_person(city.core, session, call, user)
    return call


async def state_of(city: City, login: str) -> str:
    async with city.database.transaction() as session:
        return (await session.get_one(Duty, city.people[login].user_id)).state


async def post(browser: Browser, page: str, target: str, **fields: object) -> int:
    hidden = await browser.form(page, target)
    return (await browser.post(target, {**hidden, **fields})).status


async def test_an_agent_goes_on_duty_has_a_break_and_leaves(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    assert "还没有话机" in await agent.text("/console/desk")
    await at_desk(city, "agent", ready=False)
    assert await post(agent, "/console/desk", "/console/duty", state="ready") == 303
    assert await state_of(city, "agent") == "ready"
    assert await post(agent, "/console/desk", "/console/duty", state="break", reason="meal") == 303
    assert "用餐" in await agent.text("/console/desk")
    assert await post(agent, "/console/desk", "/console/duty", state="off") == 303
    assert await state_of(city, "agent") == "off"
    hidden = await agent.form("/console/desk", "/console/duty")
    for state, reason in (("busy", ""), ("nothing", ""), ("break", "sleep")):
        assert (await agent.post("/console/duty", {**hidden, "state": state, "reason": reason})).status == 422
    other = {**hidden, "state": "off", "user": str(city.people["agent2"].user_id)}
    assert (await agent.post("/console/duty", other)).status == 403


async def test_a_call_is_controlled_from_the_desk_by_its_agent_only(browser: Opener, city: City) -> None:
    call = await talking(city)
    agent, other = await browser("agent"), await browser("agent2")
    body = await agent.text("/console/desk")
    assert "三方通话" in body
    assert "agent员" in await other.text("/console/desk"), "everybody sees who has the call"
    action = f"/console/calls/{call}/control"
    assert await post(agent, "/console/desk", action, action="hold") == 303
    hidden = await other.form("/console/desk", "/console/duty")
    assert (await other.post(action, {**hidden, "action": "hold"})).status == 403
    assert (await other.post(action, {**hidden, "action": "listen"})).status == 403
    assert (await other.post("/console/calls/nonsense/control", {**hidden, "action": "hold"})).status == 404
    async with city.database.transaction() as session:
        row = (await session.scalars(select(CallCommand))).one()
    assert (row.action, row.call_id, row.user_id) == ("hold", call, city.people["agent"].user_id)


async def test_the_agent_is_told_why_a_transfer_did_not_come_about(browser: Opener, city: City) -> None:
    call = await talking(city)
    agent = await browser("agent")
    assert await post(agent, "/console/desk", f"/console/calls/{call}/control", action="blind", to="13900080001") == 303
    assert "bar-trouble" not in await agent.text("/console/desk")
    async with city.database.transaction() as session:
        row = (await session.scalars(select(CallCommand))).one()
        await settle(city.core, session, row.id, ok=False, result="not_allowed")
    assert "不在允许外呼的范围" in await agent.text("/console/desk"), "the caller is still there, and nobody rings"
    assert await post(agent, "/console/desk", f"/console/calls/{call}/control", action="hold") == 303
    assert "bar-trouble" not in await agent.text("/console/desk"), "the next key is another matter"


async def test_the_board_shows_who_waits_who_talks_and_the_figures(browser: Opener, city: City) -> None:
    call = await talking(city)
    await caller(city)
    await at_desk(city, "supervisor", ready=False)
    head = await browser("supervisor")
    body = await head.text("/console/queue")
    assert all(words in body for words in ("等空闲坐席", "通话中", "监听", "15秒接通率", "100.0%"))
    assert "13900002716" not in body
    action = f"/console/calls/{call}/control"
    assert await post(head, "/console/queue", action, action="listen") == 303
    fragment = await head.client.get("/console/queue?part=1", headers={"HX-Request": "true"})
    assert "<html" not in await fragment.text()


async def test_the_board_says_what_who_waits_wishes_to_speak(browser: Opener, city: City) -> None:
    plain, wishing = await caller(city), await caller(city)
    head = await browser("supervisor")
    assert "希望说" not in await head.text("/console/queue")
    async with city.database.transaction() as session:
        await ask_for_tongue(session, wishing, language="zh", dialect="yue")
    assert (await head.text("/console/queue")).count("希望说粤语") == 1
    async with city.database.transaction() as session:
        await ask_for_tongue(session, plain, language="en", dialect="")
    assert "希望说英语" in await head.text("/console/queue")


async def test_the_supervisor_sends_a_stuck_agent_off_duty(browser: Opener, city: City) -> None:
    await talking(city)
    head = await browser("supervisor")
    assert await post(head, "/console/queue", "/console/duty", state="off", user=str(city.people["agent"].user_id)) == 303
    assert await state_of(city, "agent") == "off"


@pytest.mark.parametrize("path", ["/console/queue", "/console/queue/roster", "/console/queue/nuisance", "/console/call-flow"])
async def test_who_may_open_what(browser: Opener, path: str) -> None:
    allowed = {"/console/queue": {"supervisor", "leader"}, "/console/call-flow": {"admin", "supervisor"}}.get(path, {"supervisor"})
    for login in ("agent", "supervisor", "leader", "admin", "clerk"):
        assert (await (await browser(login)).get(path)).status == (200 if login in allowed else 403), (login, path)


async def test_roster_telephones_and_skills(browser: Opener, city: City) -> None:
    head, user = await browser("supervisor"), city.people["agent"].user_id
    page = "/console/queue/roster"
    times = {"starts_at": "2026-11-19T08:00", "ends_at": "2026-11-19T16:00"}
    assert await post(head, page, page, user=str(user), **times) == 303
    assert await post(head, page, page, user=str(user), **times) == 409, "not twice at the same time"
    assert await post(head, page, page, user=str(user), starts_at="", ends_at="x") == 422
    seat = f"/console/queue/seats/{user}"
    assert await post(head, page, seat, phone="sip:1001@127.0.0.1:5060", language="en", dialect="yue，wuu", line="") == 303
    assert await post(head, page, seat, phone="tel:110") == 422
    async with city.database.transaction() as session:
        shift = (await session.scalars(select(Shift))).one()
        assert shift.starts_at.isoformat() == "2026-11-19T00:00:00+00:00", "entered in the city's time"
        assert set(await session.execute(select(Skill.kind, Skill.code))) == {("language", "en"), ("dialect", "yue"), ("dialect", "wuu")}
    assert await post(head, page, f"{page}/{shift.id}/drop") == 303


async def test_the_nuisance_list(browser: Opener, city: City) -> None:
    head, page = await browser("supervisor"), "/console/queue/nuisance"
    assert await post(head, page, page, number="13911110000", days="7", reason="反复拨打不说话") == 303
    body = await head.text(page)
    assert "139****0000" in body
    assert "13911110000" not in body
    assert await post(head, page, page, number="13911110000", days="7", reason="反复拨打不说话") == 409
    assert await post(head, page, page, number="119", days="7", reason="反复拨打不说话") == 422
    lift = body.split(f'action="{page}/')[1].split('"')[0]
    assert await post(head, page, f"{page}/{lift}") == 303
    assert "名单是空的" in await head.text(page)


async def test_a_call_flow_is_proposed_as_text_decided_and_keeps_what_was_typed(browser: Opener, city: City) -> None:
    admin, page = await browser("admin"), "/console/call-flow"
    head = await browser("supervisor")
    assert "系统自带" in await admin.text(page)
    hidden = await admin.form(page, page)
    text = seed_text().replace("version: 1", "version: 2").replace("timeout: 15", "timeout: 20")
    broken = text.replace("queue: hotline", "queue: nowhere")
    refused = await admin.post(page, {**hidden, "document": broken, "reason": "振铃时间改长"})
    body = await refused.text()
    assert refused.status == 422
    assert "没有队列 nowhere" in body
    assert "queue: nowhere" in body, "what was typed is still there"
    assert (await admin.post(page, {**hidden, "document": text, "reason": "振铃时间改长"})).status == 303
    assert await post(admin, page, f"{page}/proposals/1/withdraw") == 303
    hidden = await head.form(page, page)
    assert (await head.post(page, {**hidden, "document": text, "reason": "振铃时间改长"})).status == 303
    assert (await head.post(page, {**hidden, "document": text, "reason": "再提出一次"})).status == 409
    assert await post(admin, page, f"{page}/proposals/2/approve") == 303
    async with city.database.transaction() as session:
        assert (await current(session)).queues["hotline"].timeout == 20
        assert (await session.scalars(select(CallFlowVersion.version))).all() == [2]


async def test_a_supervisor_of_a_line_sees_its_callers_only(browser: Opener, city: City) -> None:
    from sqlalchemy import update

    from ticketing.people.models import User

    async with city.database.transaction() as session:
        session.add(Line(number="12319", name="城管热线"))
        await session.flush()
        await session.execute(update(User).where(User.login == "supervisor").values(line="12319"))
    await caller(city)
    assert "没有人在等" in await (await browser("supervisor")).text("/console/queue")
    await caller(city, called="12319")
    assert "等空闲坐席" in await (await browser("supervisor")).text("/console/queue")


async def test_who_logs_out_is_off_duty_but_a_call_goes_on(browser: Opener, city: City) -> None:
    await at_desk(city, "agent2")
    agent = await browser("agent2")
    assert await post(agent, "/console/desk", "/console/logout") == 303
    assert await state_of(city, "agent2") == "off"
    await talking(city)
    busy = await browser("agent")
    assert await post(busy, "/console/desk", "/console/logout") == 303
    assert await state_of(city, "agent") == "busy"
