"""待核对: who sees the page, releasing and discarding by it."""

from __future__ import annotations

from sqlalchemy import select

from tests.channels.staff import City, Opener
from ticketing.held import service
from ticketing.held.models import HeldAppeal, HeldState
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal
from ticketing.ticket.states import Channel


async def _hold(city: City, words: str) -> str:
    appeal = Appeal(channel=Channel.WEB, content=words, address="滨河路188号", name="周敏", phone="13900002716")
    async with city.database.transaction() as session:
        await service.hold(city.core, session, appeal, source="192.0.2.7")
        return str((await session.scalars(select(HeldAppeal.id).where(HeldAppeal.state == HeldState.WAITING.value))).first())


async def test_an_agent_releases_one_and_discards_one(browser: Opener, city: City) -> None:
    good = await _hold(city, "江畔花园北门对面工地连续三晚打桩<b>")
    agent = await browser("agent")
    page = await agent.text("/console/held")
    assert "打桩&lt;b&gt;" in page
    assert "周** 139 **** 2716" in page
    fields = await agent.form("/console/held", f"/console/held/{good}/release")
    assert (await agent.post(f"/console/held/{good}/release", fields)).status == 303
    bad = await _hold(city, "低价出售，加微信咨询")
    path = f"/console/held/{bad}/discard"
    fields = await agent.form("/console/held", path)
    refused = await agent.post(path, {**fields, "reason": ""})
    assert refused.status == 422
    assert "请写明为什么不登记" in await refused.text()
    assert (await agent.post(path, {**fields, "reason": "内容是广告"})).status == 303
    again = await agent.post(path, {**fields, "reason": "内容是广告"})
    assert again.status == 409
    assert "没有待核对的反映" in await agent.text("/console/held")
    async with city.database.transaction() as session:
        states = set(await session.scalars(select(HeldAppeal.state)))
        assert states == {HeldState.RELEASED.value, HeldState.DISCARDED.value}
        assert "打桩" in (await session.scalars(select(Ticket.content).order_by(Ticket.id.desc()))).first()  # type: ignore[operator]


async def test_others_do_not_see_it(browser: Opener, city: City) -> None:
    held = await _hold(city, "江畔花园北门对面工地连续三晚打桩")
    clerk = await browser("clerk")
    assert (await clerk.get("/console/held")).status == 403
    fields = await clerk.form("/console/tickets", "/console/logout")
    assert (await clerk.post(f"/console/held/{held}/release", fields)).status == 403
