"""The machine's proposal on the registration page, in the dispatch dialog, and the catalogue behind it."""

from __future__ import annotations

import re
import threading
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.channels.staff import Browser, City, Opener, hidden_fields
from ticketing.suggestion import store
from ticketing.suggestion.examples import stamp
from ticketing.suggestion.model import Model
from ticketing.taxonomy.models import DispatchRule
from ticketing.ticket.models import Ticket

NIGHT = "江畔花园北门工地半夜两点还在打桩，施工噪声吵得睡不着"


async def test_the_registration_page_proposes_while_the_content_is_typed(city: City, browser: Opener) -> None:
    agent = await browser("agent")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    body = await (await agent.post("/console/suggest", {**hidden, "content": NIGHT, "title": ""})).text()
    assert 'data-value="0501"' in body
    assert "市城市管理局" in body
    assert "联系方式" in body
    danger = await (await agent.post("/console/suggest", {**hidden, "content": "楼道里煤气味特别大快来人"})).text()
    assert "燃气抢修" in danger
    assert (await (await agent.post("/console/suggest", {**hidden, "content": ""})).text()).strip() == ""


@pytest.mark.parametrize(("said", "told"), [("楼道里煤气味特别大快来人", "煤气味"), ("孩子掉井里了", "有人被困")])
async def test_danger_under_an_urgency_that_nobody_raised_is_asked_about_once(city: City, browser: Opener, said: str, told: str) -> None:
    """The second danger is heard by the classifier, without a certain word: the kind is named in its place."""
    agent = await browser("agent")
    form = await agent.form("/console/tickets/new", "/console/tickets/new")
    form |= {"content": said, "district": "临江区", "phone": "13900001111", "urgency": "normal"}
    form |= {"kind": "complaint", "confidentiality": "masked", "contact_by": "phone"}
    asked = await agent.post("/console/tickets/new", form)
    body = await asked.text()
    assert asked.status == 422
    assert f"内容里有危险：{told}。" in body
    assert said in body
    again = {**form, **hidden_fields(body, "/console/tickets/new")}
    other = await agent.post("/console/tickets/new", {**again, "content": "我家着火了，里面还有人"})
    assert other.status == 422  # another danger is another question
    assert (await agent.post("/console/tickets/new", again)).status == 303  # judged by a person: as it was said
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Ticket.urgency))) == ["normal"]
    fresh = await agent.form("/console/tickets/new", "/console/tickets/new")
    urgent = {**form, **fresh, "urgency": "emergency"}
    assert (await agent.post("/console/tickets/new", urgent)).status == 303  # nothing to ask


async def _panel(city: City, page: Browser, number: str) -> str:
    """The panel as the ticket page asks for it, once the model is in memory."""
    await store.ready(city.core.data_dir)
    body = await page.text(f"/console/tickets/{number}")
    [address] = re.findall(r'hx-get="(/console/tickets/[0-9-]+/suggestion[^"]*)"', body)
    return await (await page.get(unescape(address), headers={"HX-Request": "true"})).text()


async def test_the_panel_offers_category_unit_and_similar_tickets_after_the_page(city: City, browser: Opener) -> None:
    first = (await city.register(content=NIGHT, address="江畔花园")).ticket.number
    second = (
        await city.register(category_code=None, content="江畔花园北门那个工地夜里打桩，施工噪声吵得睡不着", address="江畔花园")
    ).ticket.number
    page = await browser("dispatcher")
    body = await _panel(city, page, second)
    assert 'data-fill="dispatch-category_code" data-value="0501"' in body
    assert 'data-fill="dispatch-unit_id"' in body
    assert 'data-prefill="dispatch-category_code" data-value="0501"' in body
    assert "可能是同一件事" in body
    assert first in body
    beside = await page.text(f"/console/tickets/{second}/suggestion")
    assert NIGHT in beside
    form: dict[str, object] = {**hidden_fields(beside, f"/console/tickets/{second}/merge"), "reason": "同一处工地，同一个晚上"}
    assert form["master"] == first
    assert (await page.post(f"/console/tickets/{second}/merge", form)).status == 303


async def test_one_key_sends_the_first_suggestion_and_opens_the_next_ticket(city: City, browser: Opener) -> None:
    first, second = [(await city.register(content=f"{NIGHT}，第{n}次")).ticket.number for n in (1, 2)]
    page = await browser("dispatcher")
    form: dict[str, object] = {**hidden_fields(await _panel(city, page, first), f"/console/tickets/{first}/dispatch")}
    assert form["unit_id"] == str(city.units["city"])
    response = await page.post(f"/console/tickets/{first}/dispatch", form)
    assert (response.status, response.headers["Location"]) == (303, f"/console/tickets/{second}")
    assert (await page.get(f"/console/tickets/{first}/suggestion", headers={"HX-Request": "true"})).status == 204
    again = await page.post(f"/console/tickets/{first}/dispatch", form)  # twice, or late: what was shown is not what is
    assert again.status == 409


async def test_where_danger_is_heard_no_single_key_dispatches(city: City, browser: Opener) -> None:
    number = (await city.register(content="楼道里煤气味特别大，快来人")).ticket.number
    body = await _panel(city, await browser("dispatcher"), number)
    assert "燃气抢修" in body
    assert "data-accept" not in body


async def test_a_model_that_is_being_learned_holds_up_no_page(city: City, browser: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    number = (await city.register(content=NIGHT)).ticket.number
    page = await browser("dispatcher")
    learning, learned = threading.Event(), store.get(city.core.data_dir)

    def slow(_data_dir: Path) -> Model:
        assert learning.wait(20)
        store._models[stamp()] = learned
        return learned

    monkeypatch.setattr(store, "get", slow)
    monkeypatch.setattr(store, "_models", {})
    try:
        assert "建议稍后就到" in await _panel_now(page, number)
    finally:
        learning.set()
    for thread in list(store._getting):
        thread.join(20)
    assert "由人决定" in await _panel_now(page, number)


async def _panel_now(page: Browser, number: str) -> str:
    return await (await page.get(f"/console/tickets/{number}/suggestion?seen=1&version=1", headers={"HX-Request": "true"})).text()


async def test_units_are_shown_no_suggestion(city: City, browser: Opener) -> None:
    number = (await city.register(content=NIGHT)).ticket.number
    assert (await (await browser("clerk")).get(f"/console/tickets/{number}/suggestion")).status == 404


async def test_the_catalogue_is_kept_by_the_administrator(city: City, browser: Opener) -> None:
    admin = await browser("admin")
    form: dict[str, object] = {
        **await admin.form("/console/catalogue", "/console/catalogue"),
        "category_code": "0501", "lead_unit_id": str(city.units["water"]), "words": "河边工地", "dispatch_mode": "phone",
        "reason": "试行一个月",
    }  # fmt: skip
    assert (await admin.post("/console/catalogue", form)).status == 303
    assert "河边工地" in await admin.text("/console/catalogue")
    refused = await admin.post("/console/catalogue", {**form, "words": "另一处", "reason": ""})
    assert refused.status == 422
    assert "请写明理由" in await refused.text()
    async with city.database.transaction() as session:
        rule = (await session.scalars(select(DispatchRule))).one()
    assert (await admin.post(f"/console/catalogue/{rule.id}/off", {**form, "reason": "试行结束了"})).status == 303
    assert "已停用" in await admin.text("/console/catalogue")


async def test_the_catalogue_is_closed_to_units(city: City, browser: Opener) -> None:
    clerk = await browser("clerk")
    assert (await clerk.get("/console/catalogue")).status in (403, 404)
