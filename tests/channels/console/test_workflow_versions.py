"""The workflow's page: checked, proposed by one, compared and decided by another, and the history kept."""

from __future__ import annotations

from tests.channels.staff import Browser, City, Opener, hidden_fields
from ticketing.people.models import Role, User
from ticketing.ticket import workflow, workflow_versions

PAGE = "/console/workflow"


def _document(*changes: tuple[str, str]) -> str:
    """The package's workflow one version on, with words replaced."""
    number = workflow.load().version
    text = workflow.seed_text().replace(f"version: {number}", f"version: {number + 1}", 1)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text


WITHOUT_SYSTEM = ("to: in_progress, who: [dispatcher, system]", "to: in_progress, who: [dispatcher]")
"""Nothing is dispatched by itself any more."""


async def _send(person: Browser, **fields: object) -> tuple[int, str]:
    token = (await person.form(PAGE, "/console/logout"))["csrf"]
    response = await person.post(PAGE, {"csrf": token, **fields})
    return response.status, await response.text()


async def _decide(person: Browser, what: str, **fields: object) -> tuple[int, str]:
    body = await person.text(PAGE)
    proposal = body.split("/console/workflow/proposals/")[1].split("/")[0]
    response = await person.post(f"{PAGE}/proposals/{proposal}/{what}", {**hidden_fields(body, "/console/logout"), **fields})
    return response.status, await response.text()


async def _second_admin(city: City) -> None:
    async with city.database.transaction() as session:
        first = await session.get_one(User, city.people["admin"].user_id)
        session.add(
            User(login="admin2", name="吴处长", staff_number="A002", role=Role.ADMIN.value, password_hash=first.password_hash, active=True)
        )


async def test_the_steps_in_force_are_told_in_chinese(browser: Opener) -> None:
    body = await (await browser("supervisor")).text(PAGE)
    for words in ("派单员、督办", "任何在办状态", "四项审核都通过", "退单", "现在用的是随系统提供的流程"):
        assert words in body
    for raw in ("four gates ticked", "reply_review", "dispatcher"):
        assert raw not in body.split('id="new"')[0], raw


async def test_a_document_is_checked_without_being_proposed(browser: Opener) -> None:
    person = await browser("supervisor")
    status, body = await _send(person, do="check", document=_document(WITHOUT_SYSTEM))
    found = body.split('id="t-checked"')[1].split("</section>")[0]
    assert status == 200
    assert "派单" in found
    assert "系统" in found
    assert "待确认" not in body
    assert "没有区别" in (await _send(person, do="check", document=_document()))[1]
    incomplete = await _send(person, do="check", document=_document().replace("acts:", "other:"))
    assert "acts.urge" in incomplete[1], "a step that the program takes has to be there"
    for wrong in ("ticket: [", "version: 99\nticket: [1]", _document(("action: sign,", "action: wink,"))):
        assert (await _send(person, do="check", document=wrong))[0] == 422


async def test_who_may_not_do_it_by_the_permissions_either_is_named(browser: Opener) -> None:
    """The matrix comes with the program: a workflow alone lets nobody do more."""
    person = await browser("supervisor")
    line = next(line for line in workflow.seed_text().splitlines() if "action: invalidate" in line)
    wider = line.replace("who: [supervisor]", "who: [supervisor, dispatcher]")
    found = (await _send(person, do="check", document=_document((line, wider))))[1].split('id="t-checked"')[1].split("</section>")[0]
    assert "岗位权限没有给派单员" in found
    allowed = (await _send(person, do="check", document=_document(WITHOUT_SYSTEM)))[1].split('id="t-checked"')[1].split("</section>")[0]
    assert "岗位权限没有给" not in allowed


async def test_one_proposes_another_sees_the_difference_and_puts_it_in_force(browser: Opener, city: City) -> None:
    await _second_admin(city)
    proposer, other, supervisor = await browser("admin"), await browser("admin2"), await browser("supervisor")
    document = _document(WITHOUT_SYSTEM)
    assert (await _send(proposer, do="propose", document=document, reason="短"))[0] == 422
    assert (await _send(proposer, do="propose", document=document, reason="不再自动派单"))[0] == 303
    assert (await _send(supervisor, do="propose", document=document, reason="再来一份同样的"))[0] == 409
    mine = await proposer.text(PAGE)
    assert "撤回修改" in mine
    assert "/approve" not in mine
    assert "/approve" not in await supervisor.text(PAGE), "a supervisor proposes and does not decide"
    waiting = (await other.text(PAGE)).split('id="t-waiting"')[1].split("</section>")[0]
    for words in ("不再自动派单", "谁可以做", "派单员、督办、系统", "<b>派单员、督办</b>"):
        assert words in waiting
    assert (await _decide(proposer, "approve"))[0] == 403
    assert (await _decide(other, "refuse", note=""))[0] == 422
    assert (await _decide(other, "approve"))[0] == 303
    async with city.database.transaction() as session:
        now = await workflow_versions.current(session)
    assert (now.version, "system" in now.transitions["dispatch"].who) == (workflow.load().version + 1, False)
    body = await supervisor.text(PAGE)
    assert "吴处长" in body.split('id="t-past"')[1]
    base = await supervisor.text(f"{PAGE}?base={now.version}")
    assert f"version: {now.version + 1}" in base.split('id="f-document"')[1]


async def test_refused_and_withdrawn_ones_stay_in_the_history(browser: Opener, city: City) -> None:
    await _second_admin(city)
    proposer, other = await browser("admin"), await browser("admin2")
    await _send(proposer, do="propose", document=_document(), reason="先提出来看看")
    assert (await _decide(proposer, "withdraw"))[0] == 303
    await _send(proposer, do="propose", document=_document(), reason="再提出来看看")
    assert (await _decide(other, "refuse", note="还没有和派单组商量"))[0] == 303
    past = (await proposer.text(PAGE)).split('id="t-past"')[1]
    for words in ("先提出来看看", "已撤回", "再提出来看看", "未同意", "还没有和派单组商量"):
        assert words in past
