"""The callback desk, the second visit and the notices by their pages."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from channels.sms.sender import SmsSender
from tests.channels.staff import Browser, City, Opener
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Facts
from ticketing.assignment.service import ReplyDraft
from ticketing.callback import robot
from ticketing.callback import service as callbacks
from ticketing.callback.links import create_link
from ticketing.callback.models import CallbackAnswer, CallbackTask, Plan, SecondVisit
from ticketing.callback.service import GATES, CallbackResult
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import by_caller
from ticketing.notice.models import NoticeDelivery
from ticketing.notice.service import notify
from ticketing.people.actor import citizen_actor
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, DispatchMode, Satisfaction

REPLY = ReplyDraft(
    Facts.TRUE,
    measures="执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排连续三晚巡查。",
    basis="《噪声污染防治法》第四十三条",
    contact_note="已电话告知市民",
)


async def to_callback(city: City, **fields: object) -> str:
    number = (await city.register(**fields)).ticket.number
    people = city.people
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, people["dispatcher"], number, lock=True)
        part = await dispatching.dispatch(
            city.core, session, people["dispatcher"], ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE
        )
        await assignments.sign(city.core, session, people["clerk"], part.id)
        await assignments.contact(city.core, session, people["clerk"], part.id, way="phone", note="已与市民通话")
        await assignments.draft_reply(city.core, session, people["clerk"], part.id, REPLY)
        await assignments.sign_off(city.core, session, people["chief"], part.id)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, people["dispatcher"], number, lock=True)
        await callbacks.review(city.core, session, people["dispatcher"], ticket, accept=True, gates=GATES)
    return number


async def state_of(city: City, number: str) -> str:
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket.state).where(Ticket.number == number))).one()


async def test_the_next_citizen_is_taken_called_and_put_back(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    clerk = await browser("callback")
    page = await clerk.text("/console/callbacks")
    assert "现在可以打 1 件" in page
    taken = await clerk.post("/console/callbacks/next", await clerk.form("/console/callbacks", "/console/callbacks/next"))
    assert (taken.status, taken.headers["Location"]) == (303, f"/console/tickets/{number}")
    assert "在你手上" in await clerk.text("/console/callbacks")
    ticket = await clerk.text(f"/console/tickets/{number}")
    assert "您对办理的快慢满意吗" in ticket
    assert REPLY.measures in ticket
    assert (await clerk.act(number, "put_back")).status == 303
    assert "现在可以打 1 件" in await clerk.text("/console/callbacks")


async def test_what_the_robot_was_told_is_chosen_already_and_replaced_by_what_the_clerk_records(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    async with city.database.transaction() as session:
        (await session.scalars(select(CallbackTask))).one().plan = Plan.ROBOT.value
    async with city.database.transaction() as session:
        task = await robot.next_task(city.core, session, Plan.ROBOT)
        assert task is not None
        await robot.start_attempt(city.core, session, task.lease)
        await robot.hand_to_clerk(city.core, session, task.lease, {"contacted": "no", "attitude": "fair"})
    clerk = await browser("callback")
    page = await clerk.text(f"/console/tickets/{number}")
    assert "请和市民核对" in page
    assert "还没有登记" in page
    checked = [box for box in re.findall(r'<input[^>]*type="radio"[^>]*>', page) if " checked" in box]
    names = {re.search(r'name="([^"]*)"', box)[1] + "=" + re.search(r'value="([^"]*)"', box)[1] for box in checked}  # type: ignore[index]
    assert {"contacted=no", "attitude=fair"} <= names
    assert not any(name.startswith(("solved=", "satisfaction=")) for name in names)
    result = "<h3>回访</h3>"
    assert result not in await clerk.text(f"/console/tickets/{number}/print")  # on paper nobody could tell a draft from a result
    await clerk.act(number, "visit", satisfaction="satisfied", solved="yes", contacted="yes", attitude="fair")
    assert await state_of(city, number) == "closed"
    async with city.database.transaction() as session:
        kept = {answer.question: answer.value for answer in await session.scalars(select(CallbackAnswer))}
    assert kept == {"contacted": "yes", "solved": "yes", "attitude": "fair", "satisfaction": "satisfied"}
    assert "请和市民核对" not in await clerk.text(f"/console/tickets/{number}")
    assert result in await clerk.text(f"/console/tickets/{number}/print")


async def test_the_answers_are_asked_as_the_questionnaire_says_and_shown_with_the_attempts(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    clerk = await browser("callback")
    assert (await clerk.act(number, "attempt", outcome="no_answer", note="响了很久")).status == 303
    missing = await clerk.act(number, "visit", satisfaction="satisfied")
    assert missing.status == 422
    body = await missing.text()
    assert "请回答：事情解决了吗" in body
    assert "请回答：承办单位联系过您吗" in body
    done = await clerk.act(number, "visit", satisfaction="satisfied", solved="yes", contacted="yes", attitude="good", speed="dissatisfied")
    assert done.status == 303
    page = await clerk.text(f"/console/tickets/{number}")
    for words in ("响了很久", "已接通", "您对办理的快慢满意吗", "给市民的通知", "受理告知"):
        assert words in page, words
    assert await state_of(city, number) == "closed"


async def by_web(city: City, number: str) -> None:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        result = CallbackResult(Satisfaction.DISSATISFIED, solved=False, contacted=None, attitude=None, note="今晚又在施工")
        await callbacks.finish_callback(city.core, session, citizen_actor(ticket.citizen_id), ticket, result, by="web")


async def test_a_second_visit_is_shown_at_once_and_decided_with_cause_and_rectification(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    await by_web(city, number)
    clerk = await browser("callback")
    assert "不满意，等二次回访" in await clerk.text("/console/callbacks")
    page = await clerk.text(f"/console/tickets/{number}")
    assert "马上二次回访" in page
    assert "今晚又在施工" in page
    refused = await clerk.act(number, "decide_redo", cause="", rectification="再查")
    assert refused.status == 422
    assert "请选择不满意的原因" in await refused.text()
    assert (await clerk.act(number, "decide_redo", cause="not_solved", rectification="连续三晚到场检查")).status == 303
    assert await state_of(city, number) == "in_progress"


async def test_a_supervisor_closes_as_disputed_with_evidence_and_what_was_explained(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    await by_web(city, number)
    supervisor = await browser("supervisor")
    evidence = "现场照片和噪声检测报告证明施工已停止，市民反映的是另一处合法抢修"
    refused = await supervisor.act(number, "close_disputed", evidence=evidence, explanation="", cause="beyond_law")
    assert refused.status == 422
    done = await supervisor.act(number, "close_disputed", evidence=evidence, explanation="已当面解释并告知法定途径", cause="beyond_law")
    assert done.status == 303
    async with city.database.transaction() as session:
        visit = (await session.scalars(select(SecondVisit))).one()
    assert (visit.state, visit.explanation) == ("disputed", "已当面解释并告知法定途径")


async def link(city: City, number: str) -> str:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        return await create_link(city.core, session, ticket)


async def rate(person: Browser, path: str, **fields: str) -> tuple[int, str]:
    import re

    from tests.channels.staff import hidden_fields

    body = await person.text(path)
    token = re.search(r'<form[^>]*method="post"[^>]*novalidate>\s*<input type="hidden" name="csrf" value="([^"]*)"', body)
    assert token is not None, hidden_fields
    response = await person.post(path, {"csrf": token[1], **fields})
    return response.status, await response.text()


async def test_the_link_needs_no_code_and_works_once(browser: Opener, city: City) -> None:
    number = await to_callback(city)
    path = await link(city, number)
    citizen = await browser()
    assert REPLY.measures not in await citizen.text(path)  # the number was typed into a form: it may be somebody else's
    async with city.database.transaction() as session:
        person = (await session.scalars(select(Citizen))).one()
        person.phone_verified = True
    assert REPLY.measures in await citizen.text(path)
    response = await citizen.get(path)
    assert (response.headers["Referrer-Policy"], response.headers["Cache-Control"]) == ("no-referrer", "no-store")
    status, body = await rate(citizen, path, satisfaction="dissatisfied", solved="no")
    assert (status, "至少5个字" in body) == (422, True)
    assert 'value="dissatisfied" checked' in body  # nothing typed is lost
    status, body = await rate(citizen, path, satisfaction="satisfied", solved="yes")
    assert (status, "谢谢您的评价" in body) == (200, True)
    assert await state_of(city, number) == "closed"
    assert "已经评价过" in await citizen.text(path)
    async with city.database.transaction() as session:
        assert (await session.scalars(select(CallbackTask.by))).one() == "link"


@pytest.mark.parametrize("token", ["x" * 43, "y" * 20])
async def test_an_unknown_link_says_what_to_do(browser: Opener, city: City, token: str) -> None:
    citizen = await browser()
    response = await citizen.get(f"/r/{token}")
    assert response.status == 404
    assert "已经失效" in await response.text()


async def test_stuck_notices_are_listed_resent_or_left_and_the_administrator_sees_no_content(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:  # by telephone, so that the number is known to be the caller's
        caller = await by_caller(city.core, session, "13900002716")
        appeal = Appeal(channel=Channel.PHONE, content="江畔花园北门的路灯坏了", citizen_id=caller.id)
        made = await register(city.core, session, city.people["agent"], appeal)
    number = made.ticket.number
    await SmsSender(city.core, city.database, None, "https://hotline.example").send_waiting()
    supervisor, admin, clerk = await browser("supervisor"), await browser("admin"), await browser("clerk")
    page = await supervisor.text("/console/notices-sent")
    assert "演示环境的短信不发到手机" in page
    assert "没有短信网关，未发送" in page
    assert number in page
    assert made.query_code not in page  # who has it acts as the citizen
    assert "********" in page
    hidden = await admin.text("/console/notices-sent?state=no_gateway")
    assert "受理告知" in hidden
    assert number not in hidden
    assert (await clerk.get("/console/notices-sent")).status == 403
    async with city.database.transaction() as session:
        key = (await session.scalars(select(NoticeDelivery.id))).one()
    leave = f"/console/notices-sent/{key}/leave"
    form = await supervisor.form("/console/notices-sent", leave)
    assert (await clerk.post(leave, {**form, "note": "x"})).status == 403
    assert (await supervisor.post(leave, {**form, "note": "已电话告知"})).status == 303
    resend = f"/console/notices-sent/{key}/resend"
    assert (await supervisor.post(resend, {"csrf": form["csrf"]})).status == 303
    async with city.database.transaction() as session:
        assert (await session.scalars(select(NoticeDelivery.state))).one() == "queued"


async def test_nobody_of_the_staff_reads_the_link_by_which_the_citizen_rates(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        caller = await by_caller(city.core, session, "13900002716")
        appeal = Appeal(channel=Channel.PHONE, content="江畔花园北门的路灯坏了", citizen_id=caller.id)
        made = await register(city.core, session, city.people["agent"], appeal)
        link = await create_link(city.core, session, made.ticket)
        await notify(city.core, session, made.ticket, "callback_link", link=link, days="7")
    await SmsSender(city.core, city.database, None, "https://hotline.example").send_waiting()
    page = await (await browser("supervisor")).text("/console/notices-sent")
    assert "/r/********" in page
    assert link not in page
    ticket = await (await browser("supervisor")).text(f"/console/tickets/{made.ticket.number}")
    assert "/r/********" in ticket
    assert link not in ticket


async def test_a_template_is_previewed_and_saved_as_a_new_version(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    assert "撤回告知" in await admin.text("/console/notices-templates")
    path = "/console/notices-templates/withdrawn"
    body = await admin.text(path)
    import re

    found = re.search(r'name="csrf" value="([^"]*)"><input type="hidden" name="seen" value="1"', body)
    assert found is not None
    typed = {
        "csrf": found[1],
        "seen": "1",
        "text": "“{title}”（编号{number}）已撤回。",
        "sms": "编号{number}已撤回。",
        "reason": "统一用语",
    }
    shown = await admin.post(path, {**typed, "do": "preview"})
    assert "编号12345-20261118-00871已撤回。" in await shown.text()
    wrong = await admin.post(path, {**typed, "sms": "编号{phone}已撤回", "do": "save"})
    assert wrong.status == 422
    assert "没有这些占位符：phone" in await wrong.text()
    assert (await admin.post(path, {**typed, "do": "save"})).status == 303
    assert "第2版" in await admin.text(path)
    supervisor = await browser("supervisor")
    assert (await supervisor.get(path)).status == 403
