"""What somebody typed is refused or kept, never lost and never cut off unseen."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from tests.channels.console.test_journey import _review, _to_review
from tests.channels.staff import City, Opener
from ticketing.callback.service import CallbackResult, finish_callback
from ticketing.conversation import calls
from ticketing.people.actor import citizen_actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction


async def test_the_callback_clerk_keeps_what_was_typed_when_the_citizen_rates_first(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    await _to_review(city, browser, number)
    await _review(await browser("dispatcher"), number)
    clerk, page = await browser("callback"), f"/console/tickets/{number}"
    hidden = await clerk.form(page, f"{page}/visit")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await finish_callback(city.core, session, citizen_actor(), ticket, CallbackResult(Satisfaction.SATISFIED, solved=True), by="web")
    answers = {"contacted": "yes", "solved": "yes", "satisfaction": "satisfied", "attitude": "good", "note": "市民说师傅很有耐心"}
    response = await clerk.post(f"{page}/visit", {**hidden, **answers})
    body = await response.text()
    assert response.status == 409
    assert "市民说师傅很有耐心</textarea>" in body
    for chosen in ("联系过：是", "解决了：是", "满意程度：满意", "态度：好"):  # what was ticked is told as well
        assert chosen in body
    assert "刚刚" in body


async def test_a_dispatcher_who_comes_second_sees_every_box_that_was_chosen(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    first, page = await browser("dispatcher"), f"/console/tickets/{number}"
    hidden = await first.form(page, f"{page}/dispatch")
    second = await browser("supervisor")
    other = {"category_code": "0501", "urgency": "normal", "mode": "phone", "unit_id": str(city.units["city"])}
    assert (await second.act(number, "dispatch", **other)).status == 303
    water, unit = str(city.units["water"]), str(city.units["city"])
    order: dict[str, Any] = {
        "category_code": "0501", "urgency": "urgent", "mode": "written", "handling": "joint", "unit_id": unit,
        "co_unit_ids": [water], "co_until": "2026-12-01T12:00", "instruction": "今晚先到现场",
    }  # fmt: skip
    response = await first.post(f"{page}/dispatch", {**hidden, **order})
    body = await response.text()
    assert response.status == 409
    for words in (
        "承办单位：市城市管理局",
        "协办单位：市供水集团",
        "怎么交办：书面转办",
        "紧急程度：紧急",
        "协办期限：2026-12-01T12:00",
        "今晚先到现场</textarea>",
    ):
        assert words in body, words


@pytest.mark.parametrize(("name", "limit"), [("occurred", 200), ("district", 50), ("address", 300), ("title", 60)])
async def test_the_registration_form_names_a_field_that_is_too_long_and_keeps_it(
    browser: Opener, city: City, name: str, limit: int
) -> None:
    agent = await browser("agent")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    fields = {**hidden, "kind": "help", "urgency": "normal", "confidentiality": "masked", "contact_by": "phone",
              "content": "滨河路路灯坏了三天", "phone": "13900002716", name: "长" * 1000}  # fmt: skip
    response = await agent.post("/console/tickets/new", fields)
    body = await response.text()
    assert response.status == 422
    assert f"这里最多{limit}个字" in body
    assert "长" * 1000 in body
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 0


async def test_a_return_call_answered_on_the_spot_is_settled_by_its_form(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        _conversation, call = await calls.start_call(
            city.core, session, sip_call_id="x", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber=None
        )
        await calls.end_call(city.core, session, call.id, reason="caller_hung_up")
        task = await calls.owe_return_call(city.core, session, call.id, reason="hung_up_in_queue")
        number = (await session.get_one(Ticket, task.ticket_id)).number
    agent = await browser("agent")
    refused = await agent.act(number, "return_call", note="已回拨", outcome="answered", answer="已告知")
    body = await refused.text()
    assert refused.status == 422
    assert "答复至少写20个字" in body
    assert 'value="answered" checked' in body
    answer = "按规定路灯故障由市政维修，已代为报修，今晚二十二时前恢复照明。"
    assert (await agent.act(number, "return_call", note="已回拨", outcome="answered", answer=answer)).status == 303
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
    assert (ticket.state, ticket.answer) == ("answered", answer)
