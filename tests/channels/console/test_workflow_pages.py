"""Steps of the whole workflow by the pages: extension, 挂账, dispute, merging, refusal with objection."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tests.channels.staff import Browser, City, Opener
from ticketing.request.models import Request
from ticketing.ticket.models import Ticket

TOLD = "已电话向市民说明原因，市民表示理解"


async def _state(city: City, number: str) -> str:
    async with city.database.transaction() as session:
        return str(await session.scalar(select(Ticket.state).where(Ticket.number == number)))


async def _dispatched(city: City, browser: Opener) -> tuple[str, Browser]:
    number = (await city.register()).ticket.number
    dispatcher, clerk = await browser("dispatcher"), await browser("clerk")
    fields = {"category_code": "0501", "urgency": "normal", "mode": "phone", "unit_id": str(city.units["city"])}
    assert (await dispatcher.act(number, "dispatch", **fields)).status == 303
    assert (await clerk.act(number, "sign", leader="王局长", person="李队长")).status == 303
    return number, clerk


async def _pending(city: City) -> str:
    async with city.database.transaction() as session:
        return str((await session.scalars(select(Request.id).where(Request.state == "pending"))).one())


async def test_an_extension_goes_from_clerk_to_chief_to_supervisor(city: City, browser: Opener) -> None:
    number, clerk = await _dispatched(city, browser)
    assert "王局长" in await clerk.text(f"/console/tickets/{number}")
    fields = {"limit_value": "2", "limit_unit": "wd", "reason": "检测报告要后天才能出具，现场已处置", "told": TOLD}
    assert (await clerk.act(number, "ask_extension", **{**fields, "limit_value": "9"})).status == 422
    assert (await clerk.act(number, "ask_extension", **fields)).status == 303
    supervisor, request = await browser("supervisor"), await _pending(city)
    assert "处理" not in (await supervisor.text(f"/console/tickets/{number}")).split("下一步")[1][:80]  # waits for the chief
    chief = await browser("chief")
    assert "请决定是否同意" in await chief.text(f"/console/tickets/{number}")
    assert (await chief.act(number, "consent", request=request)).status == 303
    assert (await supervisor.act(number, "decide_extension", request=request, approve="")).status == 422
    assert (await supervisor.act(number, "decide_extension", request=request, approve="yes")).status == 303
    assert "同意延期" in await clerk.text(f"/console/tickets/{number}")


async def test_a_suspension_is_shown_with_its_review_date_and_resumed(city: City, browser: Opener) -> None:
    number, clerk = await _dispatched(city, browser)
    values = {"reason_class": "season", "reason": "冬季不能铺设沥青，开春统一施工", "told": TOLD, "review_on": "2027-01-15"}
    assert (await clerk.act(number, "ask_suspension", **{**values, "review_on": "soon"})).status == 422
    assert (await clerk.act(number, "ask_suspension", **values)).status == 303
    request = await _pending(city)
    chief, supervisor = await browser("chief"), await browser("supervisor")
    assert (await chief.act(number, "consent", request=request)).status == 303
    assert (await supervisor.act(number, "decide_suspension", request=request, approve="yes")).status == 303
    assert await _state(city, number) == "suspended"
    assert (await supervisor.act(number, "resume", note="提前具备条件")).status == 303
    assert await _state(city, number) == "in_progress"


async def test_a_dispute_is_ruled_by_the_supervisor(city: City, browser: Opener) -> None:
    number, _clerk = await _dispatched(city, browser)
    dispatcher, supervisor = await browser("dispatcher"), await browser("supervisor")
    two: Any = {"unit_ids": [str(city.units["city"]), str(city.units["water"])]}
    assert (await dispatcher.act(number, "open_dispute", **two, by_leader="no", reason="道路与管线交叉，两家职责重叠")).status == 303
    assert await _state(city, number) == "disputed"
    ruling = {"unit_id": str(city.units["water"]), "grounds": "管线先行修复后恢复路面，由供水牵头"}
    assert (await dispatcher.post(f"/console/tickets/{number}/rule_dispute", {**ruling})).status in (403, 409)
    assert (await supervisor.act(number, "rule_dispute", **ruling)).status == 303
    assert await _state(city, number) == "in_progress"


async def test_merging_shows_master_and_followers_on_both_pages(city: City, browser: Opener) -> None:
    master, other = (await city.register()).ticket.number, (await city.register()).ticket.number
    dispatcher = await browser("dispatcher")
    assert (await dispatcher.act(other, "merge", master="12345-20200101-00001", reason="同一处工地")).status == 422
    assert (await dispatcher.act(other, "merge", master=master, reason="同一处工地同一晚")).status == 303
    assert master in await dispatcher.text(f"/console/tickets/{other}")
    page = await dispatcher.text(f"/console/tickets/{master}")
    assert other in page
    assert "共2位市民反映" in page
    assert (await dispatcher.act(other, "unmerge", reason="另一家工地，不是同一件事")).status == 303
    assert await _state(city, other) == "registered"


async def test_an_agent_proposes_a_refusal_and_takes_the_objection_down(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    agent, dispatcher, supervisor = await browser("agent"), await browser("dispatcher"), await browser("supervisor")
    fields = {"code": "litigation", "reason": "一审已经判决", "legal_way": "请向人民法院提起诉讼，或拨打12348咨询"}
    assert (await agent.act(number, "propose_refusal", **fields)).status == 303
    assert "处理话务员的不予受理建议" in await dispatcher.text(f"/console/tickets/{number}")
    assert (await dispatcher.act(number, "decide_refusal", request=await _pending(city), approve="yes")).status == 303
    assert await _state(city, number) == "rejected"
    assert (await agent.act(number, "object", reason="法院说不在诉讼请求里，应由行政部门处理")).status == 303
    assert (await dispatcher.act(number, "reject", **fields)).status in (403, 409)  # somebody else decides
    assert (await supervisor.act(number, "reject", **fields)).status == 303
