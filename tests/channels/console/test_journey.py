from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from hotline.database import Database
from tests.channels.staff import Browser, City, Opener
from ticketing.assignment.models import Reply
from ticketing.people.models import User
from ticketing.request.models import Request
from ticketing.ticket.models import Ticket

GOOD = {
    "facts": "true",
    "measures": "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排连续三晚巡查。",
    "basis": "《噪声污染防治法》第四十三条",
    "contact_note": "已电话告知市民",
}
GATES = [("gates", "law"), ("gates", "wording"), ("gates", "signoff"), ("gates", "letter")]


async def _state(database: Database, number: str) -> str:
    async with database.transaction() as session:
        return str(await session.scalar(select(Ticket.state).where(Ticket.number == number)))


async def _dispatch(person: Browser, city: City, number: str, **fields: object) -> None:
    values = {
        "category_code": "0501",
        "urgency": "normal",
        "mode": "phone",
        "unit_id": str(city.units["city"]),
        "instruction": "今晚到现场检查",
        **fields,
    }
    response = await person.act(number, "dispatch", **values)
    assert response.status == 303, await response.text()


async def _to_review(city: City, browser: Opener, number: str) -> None:
    await _dispatch(await browser("dispatcher"), city, number)
    clerk, chief = await browser("clerk"), await browser("chief")
    for action, fields in (("sign", {}), ("contact", {"way": "phone", "note": "已与市民通话，说明今晚检查"}), ("reply", GOOD)):
        response = await clerk.act(number, action, **fields)
        assert response.status == 303, (action, await response.text())
    response = await chief.act(number, "sign_off")
    assert response.status == 303, await response.text()


async def _review(person: Browser, number: str, accept: str = "yes", note: str = "", gates: list[tuple[str, str]] | None = None) -> int:
    page = f"/console/tickets/{number}"
    hidden = await person.form(page, f"{page}/review")
    fields = [*hidden.items(), ("accept", accept), ("note", note), *(GATES if gates is None else gates)]
    return (await person.post(f"{page}/review", fields)).status


async def test_from_dispatch_to_closed_by_the_pages(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _to_review(city, browser, number)
    assert await _state(city.database, number) == "reply_review"
    dispatcher = await browser("dispatcher")
    assert GOOD["measures"] in await dispatcher.text(f"/console/tickets/{number}")
    assert await _review(dispatcher, number, gates=GATES[:3]) == 422  # one gate is missing
    assert await _state(city.database, number) == "reply_review"
    assert await _review(dispatcher, number) == 303
    caller = await browser("callback")
    assert number[-5:] in await caller.text("/console/callbacks")
    response = await caller.act(number, "visit", contacted="yes", solved="yes", satisfaction="very_satisfied", attitude="good", note="很好")
    assert response.status == 303, await response.text()
    assert await _state(city.database, number) == "closed"
    story = await dispatcher.text(f"/console/tickets/{number}")
    steps = ["登记", "派单", "签收", "联系市民", "起草答复", "审签答复", "审核通过", "回访", "办结"]
    places = [story.index(f"<b>{step}</b>", story.index("t-line")) for step in steps]
    assert places == sorted(places)
    assert "今晚到现场检查" in story


async def test_dissatisfied_opens_a_second_round_at_the_same_unit(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _to_review(city, browser, number)
    await _review(await browser("dispatcher"), number)
    caller = await browser("callback")
    answers = {"contacted": "yes", "solved": "no", "satisfaction": "dissatisfied", "attitude": "fair", "cause": "not_solved"}
    refused = await caller.act(number, "visit", **answers, note="")
    body = await refused.text()
    assert refused.status == 422
    assert "不满意要写明原因" in body
    assert "data-opened" in body
    assert 'value="dissatisfied" checked' in body  # what was filled in is still there
    assert (await caller.act(number, "visit", **answers, note="晚上还在响，没有人来")).status == 303
    clerk = await browser("clerk")
    body = await clerk.text(f"/console/tickets/{number}")
    assert "第2轮办理" in body
    assert "晚上还在响，没有人来" in body
    assert "重新办理，并提交新的答复" in body


async def test_review_sends_back_with_a_reason(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _to_review(city, browser, number)
    dispatcher = await browser("dispatcher")
    assert await _review(dispatcher, number, accept="no", note="", gates=[]) == 422
    assert await _review(dispatcher, number, accept="no", note="没有写检测结果，请补充", gates=[]) == 303
    assert "没有写检测结果，请补充" in await (await browser("clerk")).text(f"/console/tickets/{number}")


async def test_a_review_without_a_choice_changes_nothing(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _to_review(city, browser, number)
    assert await _review(await browser("dispatcher"), number, "", "写得很好，同意") == 422
    assert await _state(city.database, number) == "reply_review"


async def test_the_back_button_after_a_refused_form_leads_to_the_ticket(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    response = await (await browser("dispatcher")).get(f"/console/tickets/{number}/dispatch")
    assert (response.status, response.headers["Location"]) == (303, f"/console/tickets/{number}")


async def test_a_return_request_is_decided_and_the_unit_loses_sight(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    dispatcher, clerk = await browser("dispatcher"), await browser("clerk")
    await _dispatch(dispatcher, city, number)
    assert (await clerk.act(number, "request_return", reason="太短")).status == 422
    assert (await clerk.act(number, "request_return", reason="依据三定方案，属于市住建局职责，请改派")).status == 303
    assert number[-5:] in await dispatcher.text("/console/tickets?queue=returns")
    async with city.database.transaction() as session:
        request = str(await session.scalar(select(Request.id)))
    response = await dispatcher.act(number, "decide_return", request=request, approve="yes", note="同意")
    assert response.status == 303
    assert (await clerk.get(f"/console/tickets/{number}")).status == 404
    assert await _state(city.database, number) == "to_dispatch"


async def test_a_short_reply_comes_back_with_what_was_written(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    clerk = await browser("clerk")
    await clerk.act(number, "sign")
    response = await clerk.act(number, "reply", **{**GOOD, "measures": "正在处理中<b>", "basis": ""})
    body = await response.text()
    assert response.status == 422
    assert "至少写30个字" in body
    assert "请写明依据" in body
    assert "正在处理中&lt;b&gt;" in body
    assert 'href="#reply-measures"' in body


async def test_two_people_at_once_the_second_is_told_what_changed(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    first, second = await browser("dispatcher"), await browser("dispatcher2")
    page = f"/console/tickets/{number}"
    stale = await second.form(page, f"{page}/dispatch")
    await _dispatch(first, city, number)
    fields = {
        "category_code": "0301",
        "urgency": "normal",
        "mode": "written",
        "unit_id": str(city.units["water"]),
        "instruction": "我写的话不能丢",
    }
    response = await second.post(f"{page}/dispatch", {**stale, **fields})
    body = await response.text()
    assert response.status == 409
    assert "请看过新的内容再操作" in body
    assert "派单，市城市管理局" in body  # what the first one did meanwhile
    assert await _state(city.database, number) == "in_progress"


async def test_two_clerks_of_one_unit_do_not_overwrite_each_others_reply(city: City, browser: Opener) -> None:
    """The ticket's row does not change with a draft: the event chain tells (lesson 15)."""
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    async with city.database.transaction() as session:
        first = (await session.scalars(select(User).where(User.login == "clerk"))).one()
        second = User(
            login="clerk2", name="第二位", staff_number="2001", role="clerk", unit_id=first.unit_id, password_hash=first.password_hash
        )
        session.add(second)
    clerk, colleague = await browser("clerk"), await browser("clerk2")
    await clerk.act(number, "sign")
    page = f"/console/tickets/{number}"
    stale = await colleague.form(page, f"{page}/reply")
    assert (await clerk.act(number, "reply", **GOOD)).status == 303
    response = await colleague.post(f"{page}/reply", {**stale, **GOOD, "measures": "另一个人同时写的答复，" * 5})
    body = await response.text()
    assert response.status == 409
    assert "另一个人同时写的答复" in body  # nothing typed is lost
    assert GOOD["measures"] in body


async def test_two_reply_forms_of_one_clerk_at_once_make_one_reply(city: City, browser: Opener) -> None:
    """A button pressed twice is one reply; two tabs with other words: one wins, the other form comes back with both side by side."""
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    clerk = await browser("clerk")
    await clerk.act(number, "sign")
    page = f"/console/tickets/{number}"
    hidden = await clerk.form(page, f"{page}/reply")
    other = {**GOOD, "measures": "另一个窗口里写的答复，" * 5}
    twice = await asyncio.gather(*(clerk.post(f"{page}/reply", {**hidden, **GOOD}) for _ in range(2)))
    assert [answer.status for answer in twice] == [303, 303]
    refused = await clerk.post(f"{page}/reply", {**hidden, **other})
    body = await refused.text()
    assert refused.status == 409
    assert "没有保存" in body
    assert other["measures"] in body
    assert GOOD["measures"] in body
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Reply.measures))) == [GOOD["measures"]]
    assert (await clerk.act(number, "reply", **other)).status == 303  # having seen what waits


async def test_the_same_button_twice_at_once_makes_one_assignment(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    dispatcher = await browser("dispatcher")
    page = f"/console/tickets/{number}"
    hidden = await dispatcher.form(page, f"{page}/dispatch")
    fields = {**hidden, "category_code": "0501", "urgency": "normal", "mode": "phone", "unit_id": str(city.units["city"])}
    answers = await asyncio.gather(*(dispatcher.post(f"{page}/dispatch", fields) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [303, 409, 409]


async def test_registering_twice_with_one_form_gives_one_ticket_and_shows_the_code_once(city: City, browser: Opener) -> None:
    agent = await browser("agent")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    fields = {**hidden, "kind": "complaint", "urgency": "urgent", "confidentiality": "masked", "contact_by": "phone",
              "content": "丰和里3栋停水两天", "district": "青石区", "phone": "139 0000 2716", "name": "李先生"}  # fmt: skip
    answers = await asyncio.gather(*(agent.post("/console/tickets/new", fields) for _ in range(3)))
    assert {answer.status for answer in answers} == {303}
    targets = {answer.headers["Location"] for answer in answers}
    assert len(targets) == 1
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 1
    body = await agent.text(targets.pop())
    assert "查询码只显示这一次" in body
    assert "丰和里3栋停水两天" in body


@pytest.mark.parametrize(("field", "value", "words"), [
    ("content", "", "请说一说是什么事"),
    ("phone", "123", "手机号应为11位数字"),
    ("phone", "", "请填写回复电话"),
    ("kind", "bribe", "请选择诉求类型"),
    ("category_code", "9999", "没有这个类别"),
    ("reported_unit_id", "99999", "请选择被反映单位"),
    ("reported_unit_id", "x", "请选择被反映单位"),
])  # fmt: skip
async def test_a_wrong_field_is_named_and_the_rest_is_kept(city: City, browser: Opener, field: str, value: str, words: str) -> None:
    agent = await browser("agent")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    fields = {**hidden, "kind": "complaint", "urgency": "normal", "confidentiality": "masked", "contact_by": "phone",
              "content": "停水两天了", "phone": "13900002716", "address": "丰和里<3>栋", field: value}  # fmt: skip
    response = await agent.post("/console/tickets/new", fields)
    body = await response.text()
    assert response.status == 422
    assert words in body
    assert "丰和里&lt;3&gt;栋" in body
    assert f'href="#f-{field}"' in body
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 0


async def test_callback_that_was_not_reached_three_times_on_two_days_closes_apart(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _to_review(city, browser, number)
    await _review(await browser("dispatcher"), number)
    caller = await browser("callback")
    for _ in range(3):
        assert (await caller.act(number, "attempt", outcome="no_answer")).status == 303
    assert await _state(city.database, number) == "callback"  # three tries on one day are not enough
    city.clock.advance(days=1)
    caller = await browser("callback")
    assert (await caller.act(number, "attempt", outcome="busy")).status == 303
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
    assert (ticket.state, ticket.no_callback_reason, ticket.satisfaction) == ("closed", "unreached", None)
