"""The machine's proposal on the registration page, in the dispatch dialog, and the catalogue behind it."""

from __future__ import annotations

from sqlalchemy import select

from tests.channels.staff import City, Opener
from ticketing.taxonomy.models import DispatchRule

NIGHT = "江畔花园北门工地半夜两点还在打桩，施工噪声吵得睡不着"


async def test_the_registration_page_proposes_while_the_content_is_typed(city: City, browser: Opener) -> None:
    agent = await browser("agent")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    body = await (await agent.post("/console/suggest", {**hidden, "content": NIGHT, "title": ""})).text()
    assert 'data-value="0501"' in body
    assert "市城市管理局" in body
    assert "联系方式" in body
    danger = await (await agent.post("/console/suggest", {**hidden, "content": "楼道里煤气味特别大快来人"})).text()
    assert "燃气抢险" in danger
    assert (await (await agent.post("/console/suggest", {**hidden, "content": ""})).text()).strip() == ""


async def test_the_dispatch_dialog_offers_category_unit_and_similar_tickets(city: City, browser: Opener) -> None:
    first = (await city.register(content=NIGHT, address="江畔花园")).ticket.number
    second = (
        await city.register(category_code=None, content="江畔花园北门那个工地夜里打桩，施工噪声吵得睡不着", address="江畔花园")
    ).ticket.number
    body = await (await browser("dispatcher")).text(f"/console/tickets/{second}")
    assert 'data-fill="dispatch-category_code" data-value="0501"' in body
    assert 'data-fill="dispatch-unit_id"' in body
    assert "可能是同一件事" in body
    assert first in body


async def test_the_catalogue_is_kept_by_the_administrator(city: City, browser: Opener) -> None:
    admin = await browser("admin")
    form = {
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
