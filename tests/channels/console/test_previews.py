"""What a form tells before it is sent: the gate itself, the new due time, who decides; and nothing is kept."""

from __future__ import annotations

import re

from sqlalchemy import func, select

from hotline.events import Event
from tests.channels.console.test_journey import GOOD, _dispatch
from tests.channels.staff import Browser, City, Opener
from ticketing.assignment.models import Reply
from ticketing.request.models import Request


async def _told(page: Browser, number: str, action: str, **fields: object) -> str:
    path = f"/console/tickets/{number}"
    hidden = await page.form(path, f"{path}/{action}")
    response = await page.post(f"{path}/preview/{action}", {**hidden, **fields})
    assert response.status == 200
    return re.sub(r"<[^>]+>", "", await response.text())


async def _rows(city: City) -> tuple[int, ...]:
    async with city.database.transaction() as session:
        return tuple([await session.scalar(select(func.count()).select_from(kind)) or 0 for kind in (Event, Reply, Request)])


async def test_the_reply_editor_says_what_the_gate_would_say(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    clerk = await browser("clerk")
    await clerk.act(number, "sign")
    await clerk.act(number, "contact", way="phone", note="市民说周末也有施工，已约定今晚现场检查")
    before = await _rows(city)
    short = await _told(clerk, number, "reply", facts="true", measures="已处理")
    assert "至少写30个字" in short
    assert "请写明依据" in short
    assert "写全了，可以提交" in await _told(clerk, number, "reply", **GOOD)
    assert await _rows(city) == before
    assert (await clerk.act(number, "reply", facts="true", measures="已处理")).status == 422  # the same rules


async def test_an_extension_tells_the_new_due_time_and_who_decides(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    clerk = await browser("clerk")
    await clerk.act(number, "sign")
    before = await _rows(city)
    told = await _told(clerk, number, "ask_extension", limit_value="1", limit_unit="wd", reason="", told="")
    assert re.search(r"期限从11月[0-9]+日.*改到11月[0-9]+日", told)
    assert "由督办决定" in told or "由领导决定" in told
    assert "还差" in told
    assert "改到" not in await _told(clerk, number, "ask_extension", limit_value="x", limit_unit="wd", reason="", told="")
    paused = await _told(clerk, number, "ask_suspension", review_on="2026-12-10")
    assert "到12月10日恢复" in paused
    assert await _rows(city) == before


async def test_a_return_says_that_it_can_be_asked_for_once(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    clerk = await browser("clerk")
    assert "每张工单只能申请一次" in await _told(clerk, number, "request_return", reason="依据三定方案，属于市住建局职责")
    stranger = await (await browser("water_clerk")).post(f"/console/tickets/{number}/preview/request_return", {})
    assert stranger.status in (403, 404)
    hidden = await clerk.form(f"/console/tickets/{number}", f"/console/tickets/{number}/request_return")
    assert (await (await browser("agent")).post(f"/console/tickets/{number}/preview/request_return", {**hidden})).status == 403


async def test_who_decides_is_told_what_comes_of_either_answer(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    await _dispatch(await browser("dispatcher"), city, number)
    clerk, supervisor = await browser("clerk"), await browser("supervisor")
    dispatcher = await browser("dispatcher")
    assert (await clerk.act(number, "request_return", reason="依据三定方案，属于市住建局职责")).status == 303
    assert "等派单员决定：同意就改派别的单位" in await clerk.text(f"/console/tickets/{number}")
    before = await _rows(city)
    assert "工单回到待派单" in await _told(dispatcher, number, "decide_return", approve="yes", note="")
    assert "要签收办理" in await _told(dispatcher, number, "decide_return", approve="no", note="属于本单位职责")
    assert await _rows(city) == before
    assert (await dispatcher.act(number, "decide_return", approve="no", note="属于本单位职责")).status == 303
    await clerk.act(number, "sign")
    asked = {"limit_value": "1", "limit_unit": "wd", "reason": "检测单位还没有出报告，已约定周五取样", "told": "已电话告知市民"}
    assert (await clerk.act(number, "ask_extension", **asked)).status == 303
    assert "等首席代表同意，再送中心决定" in await clerk.text(f"/console/tickets/{number}")
    assert (await (await browser("chief")).act(number, "consent")).status == 303
    told = await _told(supervisor, number, "decide_extension", approve="yes", note="")
    assert re.search(r"同意：期限从11月[0-9]+日.*改到11月[0-9]+日", told)
    assert re.search(r"不同意：期限仍是11月[0-9]+日", await _told(supervisor, number, "decide_extension", approve="no", note="理由不够"))
