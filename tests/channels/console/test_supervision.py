"""The supervision page, the inbox and the steps of supervision on the ticket page, as people use them."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from hotline.clock import CITY_ZONE
from tests.channels.staff import Browser, City, Opener
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Facts
from ticketing.assignment.service import ReplyDraft
from ticketing.supervision import nightly, sweep
from ticketing.supervision.models import Card, Commitment, FormalSupervision, Rectification
from ticketing.supervision.suspicions import Burst, Finding, HandOver
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import DispatchMode

PAGE = "/console/supervision"
MEASURES = "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排连续三晚巡查。"


async def dispatched(city: City) -> str:
    number = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        actor = city.people["dispatcher"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        await dispatching.dispatch(city.core, session, actor, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE)
    return number


async def replied(city: City) -> str:
    """A reply that came a second after the signature."""
    number = await dispatched(city)
    async with city.database.transaction() as session:
        part = (await session.scalars(select(Assignment.id))).one()
        await assignments.sign(city.core, session, city.people["clerk"], part)
        draft = ReplyDraft(Facts.TRUE, MEASURES, "《噪声污染防治法》", "已电话告知")
        await assignments.contact(city.core, session, city.people["clerk"], part, way="phone", note="已电话联系市民")
        await assignments.draft_reply(city.core, session, city.people["clerk"], part, draft)
        await assignments.sign_off(city.core, session, city.people["chief"], part)
    return number


async def one(city: City, table: type) -> object:
    async with city.database.transaction() as session:
        return (await session.scalars(select(table).order_by(table.id))).first()  # type: ignore[attr-defined]


async def send(browser: Browser, tab: str, key: object, step: str, **fields: str) -> int:
    hidden = await browser.form(f"{PAGE}?tab={tab}", f"{PAGE}/{key}/{step}")
    return (await browser.post(f"{PAGE}/{key}/{step}", {**hidden, **fields})).status


async def test_a_card_is_told_rectified_confirmed_and_revoked_by_the_pages(browser: Opener, city: City) -> None:
    number = await dispatched(city)
    city.clock.set(datetime(2026, 11, 18, 17, 30, tzinfo=CITY_ZONE))  # unsigned past the limit
    await sweep.run(city.core, city.database)
    clerk, supervisor = await browser("clerk"), await browser("supervisor")
    inbox = await clerk.text("/console/notices")
    assert "发了黄牌" in inbox
    assert number in inbox or number[-5:] in inbox
    assert 'hx-target="#n-notices"' in await clerk.text("/console/counts")
    cards = await clerk.text(PAGE)
    assert "签收超时" in cards
    assert "撤销这张牌" not in cards
    task = await one(city, Rectification)
    assert await send(clerk, "rectification", task.id, "rectification-finish", cause="忙", measure="改") == 422  # type: ignore[attr-defined]
    done = await send(
        clerk, "rectification", task.id, "rectification-finish", cause="当晚值班无人", measure="重排值班表，每晚九点复核一次"  # type: ignore[attr-defined]
    )  # fmt: skip
    assert done == 303
    assert await send(supervisor, "rectification", task.id, "rectification-judge", accept="yes", note="") == 303  # type: ignore[attr-defined]
    assert (await one(city, Rectification)).state == "confirmed"  # type: ignore[attr-defined]
    card = await one(city, Card)
    assert await send(supervisor, "cards", card.id, "card-revoke", reason="系统故障导致单位当时无法签收") == 303  # type: ignore[attr-defined]
    page = await supervisor.text(PAGE)
    assert "系统故障导致单位当时无法签收" in page
    assert "已撤销" in page
    hidden = await clerk.form("/console/notices", "/console/notices/read")
    assert (await clerk.post("/console/notices/read", {"csrf": hidden["csrf"]})).status == 303
    assert "没有未读的提醒" in await clerk.text("/console/notices")
    assert "发了黄牌" in await clerk.text("/console/notices?all=1")


async def test_formal_supervision_by_the_pages(browser: Opener, city: City) -> None:
    number = await dispatched(city)
    leader, clerk, supervisor = await browser("leader"), await browser("clerk"), await browser("supervisor")
    values = {"unit_id": str(city.units["city"]), "days": "3", "ordered_by": "王市长", "instruction": "请三日内办结报我。"}
    refused = await leader.act(number, "supervise", **values, demands="快")
    assert refused.status == 422
    assert (await leader.act(number, "supervise", **values, demands="查清夜间施工审批情况，依法处理并书面报告。")).status == 303
    order = await one(city, FormalSupervision)
    key = order.number  # type: ignore[attr-defined]
    assert "请三日内办结报我。" in await clerk.text(f"/console/tickets/{number}")
    assert "领导批示" in await clerk.text("/console/notices")
    assert await send(clerk, "formal", key, "formal-answer", answer=MEASURES) == 303
    assert await send(supervisor, "formal", key, "formal-conclude", accept="yes", note="同意办结") == 303
    sheet = await clerk.text(f"{PAGE}/formal/{key}")
    for words in ("王市长", "请三日内办结报我。", MEASURES, "同意办结", key):
        assert words in sheet
    assert (await (await browser("water_clerk")).get(f"{PAGE}/formal/{key}")).status == 404
    assert (await (await browser("agent")).get(f"{PAGE}/formal/{key}")).status == 403


async def test_a_finding_becomes_a_false_reply_and_a_printed_record(browser: Opener, city: City) -> None:
    await replied(city)
    supervisor = await browser("supervisor")
    assert "签收后马上就答复" in await supervisor.text(f"{PAGE}?tab=findings")
    finding = await one(city, Finding)
    key = finding.id  # type: ignore[attr-defined]
    assert await send(supervisor, "findings", key, "finding-decide", outcome="red", note="太快") == 422
    facts = "答复称已巡查三晚，调取监控显示三晚均无人到场，记录系补写"
    assert await send(supervisor, "findings", key, "finding-decide", outcome="false_reply", note=facts) == 303
    record = await one(city, HandOver)
    sheet = await supervisor.text(f"{PAGE}/hand-over/{record.number}")  # type: ignore[attr-defined]
    assert facts in sheet
    assert await send(supervisor, "findings", record.number, "hand-over-answered", answer="已立案审查") == 303  # type: ignore[attr-defined]
    for login in ("clerk", "dispatcher"):
        other = await browser(login)
        assert (await other.get(f"{PAGE}/hand-over/{record.number}")).status == 403  # type: ignore[attr-defined]
        assert "疑点" not in (await other.text(PAGE)).split("<main")[1]


async def test_a_burst_is_listed_and_handled(browser: Opener, city: City) -> None:
    for _ in range(3):
        await city.register(address="江畔花园")
    await nightly.tick(city.core, city.database)
    leader, dispatcher = await browser("leader"), await browser("dispatcher")
    assert "群体预警" in await leader.text("/console/notices")
    page = await dispatcher.text(f"{PAGE}?tab=bursts")
    assert "江畔花园" in page
    assert "burst-decide" not in page
    burst = await one(city, Burst)
    assert await send(leader, "bursts", burst.id, "burst-decide", handled="yes", note="已请城管局当晚到场") == 303  # type: ignore[attr-defined]
    assert "没有群体预警" in await leader.text(f"{PAGE}?tab=bursts")
    assert "已请城管局当晚到场" in await leader.text(f"{PAGE}?tab=bursts&all=1")


async def test_a_promise_is_noted_on_the_ticket_and_shown_until_it_is_kept(browser: Opener, city: City) -> None:
    number = await dispatched(city)
    clerk = await browser("clerk")
    assert (await clerk.act(number, "commit", what="周五前修好北门路灯", promised_by="李工", due_at="2026-11-17")).status == 422
    assert (await clerk.act(number, "commit", what="周五前修好北门路灯", promised_by="李工", due_at="2026-11-20")).status == 303
    assert "周五前修好北门路灯" in await clerk.text(f"/console/tickets/{number}")
    city.clock.set(datetime(2026, 11, 21, 0, 0, tzinfo=CITY_ZONE))
    clerk = await browser("clerk")
    assert "超期" in (await clerk.text(f"{PAGE}?tab=commitments")).split("<main")[1]
    row = await one(city, Commitment)
    assert await send(clerk, "commitments", row.id, "commitment-decide", kept="yes", proof="周五下午修好，附照片") == 303  # type: ignore[attr-defined]
    assert (await one(city, Commitment)).state == "kept"  # type: ignore[attr-defined]


async def test_urging_by_staff_is_limited_counted_and_listed(browser: Opener, city: City) -> None:
    number = await dispatched(city)
    supervisor = await browser("supervisor")
    page = f"/console/tickets/{number}"
    form = await supervisor.form(page, f"{page}/urge")
    assert (await supervisor.post(f"{page}/urge", {**form, "note": "请抓紧"})).status == 303
    again = await supervisor.post(f"{page}/urge", {**form, "note": "再催"})  # the page in another tab, opened before
    assert again.status == 422
    assert "以后可以再催" in await again.text()
    assert f'action="{page}/urge"' not in await supervisor.text(page)  # nor is it offered
    assert "催办 1 次" in await supervisor.text(f"/console/tickets/{number}")
    assert "请抓紧" in await supervisor.text(f"{PAGE}?tab=urging")


@pytest.mark.parametrize("login", ["agent", "callback", "quality", "editor", "admin"])
async def test_other_roles_have_no_supervision_page_but_an_inbox(browser: Opener, city: City, login: str) -> None:
    person = await browser(login)
    assert (await person.get(PAGE)).status == 403
    assert "没有未读的提醒" in await person.text("/console/notices")


async def test_nonsense_in_the_address_shows_the_page_all_the_same(browser: Opener, city: City) -> None:
    supervisor = await browser("supervisor")
    for query in (
        "tab=nothing",
        "tab=cards&month=2026-13&unit=x&colour=blue",
        "tab=findings&rule=x&before=-1",
        "tab=rectification&after=2026-99-99~x",
    ):
        assert "<main" in await supervisor.text(f"{PAGE}?{query}")
    assert (await supervisor.get(f"{PAGE}?tab=cards&before=12345")).status == 404
    assert (await supervisor.get(f"{PAGE}/formal/DB-2026-99999")).status == 404
    hidden = await supervisor.form("/console/notices?all=1", "/console/logout")
    answer = await supervisor.post(f"{PAGE}/99999999999999999999/card-revoke", {"csrf": hidden["csrf"], "reason": "x" * 20})
    assert answer.status == 404


async def test_danger_stands_on_every_page_of_those_who_act_on_it_and_has_a_queue(browser: Opener, city: City) -> None:
    dispatcher, clerk = await browser("dispatcher"), await browser("clerk")
    assert 'hx-target="#urgent"' in await dispatcher.text("/console/counts")
    assert "queue=emergency" not in await dispatcher.text("/console/counts")  # nothing to point to
    number = (await city.register(content="楼道里有很浓的煤气味，已经有人头晕了")).ticket.number
    counts = await dispatcher.text("/console/counts")
    assert '<b class="num">1</b>' in counts
    assert number in await dispatcher.text("/console/tickets?queue=emergency")
    assert "特急，请马上处理" in await dispatcher.text("/console/notices")
    assert 'id="urgent"' in await dispatcher.text("/console/tickets")
    assert "#urgent" not in await clerk.text("/console/counts")
