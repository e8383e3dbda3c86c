"""评价, 补充, 催办, 撤回, 重办, 异议: what the citizen does with his ticket after he has opened it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import FormData
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import Event
from tests import pictures
from tests.channels.office import Office
from tests.channels.portal.track import errors, now_step, opened
from tests.channels.public import Client, MakeTicket, tickets
from ticketing.callback.models import CallbackTask
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.relation.links import access_other
from ticketing.relation.merge import merge
from ticketing.ticket import refusal
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import Kind


@pytest.mark.parametrize(("choice", "state"), [("very_satisfied", "closed"), ("satisfied", "closed"), ("dissatisfied", "callback")])
async def test_rating_closes_or_opens_the_second_visit(
    client: Client, city: Database, office: Office, make_ticket: MakeTicket, choice: str, state: str
) -> None:
    made = await make_ticket()
    await office.until_rating(made.ticket.number)
    browser = await opened(client, made)
    rating = {"satisfaction": choice, "solved": "yes" if state == "closed" else "no", "note": "路灯又坏了，还是不亮"}
    page = await browser.submit("/track/rate", rating)
    assert (page.path, "谢谢您的评价" in page.text) == ("/track", True)
    [ticket] = await tickets(city)
    assert (ticket.state, ticket.satisfaction) == (state, choice if state == "closed" else None)
    async with city.transaction() as session:
        task = (await session.scalars(select(CallbackTask))).one()
    assert (task.by, task.satisfaction, task.note) == ("web", choice, "路灯又坏了，还是不亮")
    if state == "callback":
        assert ticket.round == 1
        assert "我们会马上再联系您" in page.text
    again = await browser.get("/track/rate")
    assert "提交评价" not in again.text, "one evaluation"


async def test_two_ratings_at_once_count_once(client: Client, city: Database, office: Office, make_ticket: MakeTicket) -> None:
    made = await make_ticket()
    await office.until_rating(made.ticket.number)
    browser = await opened(client, made)
    form = {**await browser.form("/track/rate"), "satisfaction": "satisfied", "solved": "yes"}
    pages = await asyncio.gather(*(browser.post("/track/rate", form) for _ in range(3)))
    assert sorted(page.status for page in pages) == [200, 409, 409]
    async with city.transaction() as session:
        closings = select(func.count()).select_from(Event).where(Event.name == "ticket.closed")
        assert await session.scalar(closings) == 1


@pytest.mark.parametrize(
    ("rating", "fields"),
    [
        ({}, ["satisfaction", "solved"]),
        ({"satisfaction": "great", "solved": "yes"}, ["satisfaction"]),
        ({"satisfaction": "satisfied", "solved": "maybe"}, ["solved"]),
        ({"satisfaction": "dissatisfied", "solved": "no", "note": "差"}, ["note"]),
        ({"satisfaction": "satisfied", "solved": "yes", "note": "字" * 1001}, ["note"]),
    ],
)
async def test_incomplete_ratings_come_back(
    client: Client, city: Database, office: Office, make_ticket: MakeTicket, rating: dict[str, str], fields: list[str]
) -> None:
    made = await make_ticket()
    await office.until_rating(made.ticket.number)
    page = await (await opened(client, made)).submit("/track/rate", rating)
    assert page.status == 422
    for field in fields:
        assert f'<a href="#f-{field}">' in page.text
        assert f'id="f-{field}"' in page.text
    assert rating.get("note", "") in page.text
    assert (await tickets(city))[0].state == "callback"


async def test_rating_too_early_is_explained(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    browser = await opened(client, await make_ticket())
    assert "还不能评价" in (await browser.get("/track/rate")).text
    page = await browser.submit("/track/rate", {"satisfaction": "satisfied", "solved": "yes"}, at="/track")
    assert (page.status, "进度刚刚有变化" in page.text) == (409, True)
    assert (await tickets(city))[0].state == "registered"


async def test_an_answer_on_the_spot_is_rated_too(client: Client, city: Database, office: Office, make_ticket: MakeTicket) -> None:
    made = await make_ticket(kind=Kind.CONSULT)
    await office.answer_on_the_spot(made.ticket.number)
    browser = await opened(client, made)
    page = await browser.get("/track")
    assert (now_step(page), "二十四小时内修复" in page.text) == ("请您评价", True)
    await browser.submit("/track/rate", {"satisfaction": "satisfied", "solved": "yes"})
    assert (await tickets(city))[0].state == "closed"


async def test_supplement_when_asked_and_by_oneself(client: Client, city: Database, office: Office, make_ticket: MakeTicket) -> None:
    made = await make_ticket()
    await office.ask_for_more(made.ticket.number)
    browser = await opened(client, made)
    assert "请补充路灯杆上的编号和照片" in (await browser.get("/track")).text
    form = FormData(quote_fields=False)
    for name, value in {**await browser.form("/track/supplement"), "text": "灯杆编号是B-77"}.items():
        form.add_field(name, value)
    form.add_field("files", pictures.jpeg(), filename="灯杆.jpg", content_type="image/jpeg")
    page = await browser.post("/track/supplement", form)
    assert (page.path, "收到您补充的内容" in page.text, "灯杆.jpg" in page.text) == ("/track", True, True)
    assert (await tickets(city))[0].state == "registered"
    await browser.submit("/track/supplement", {"text": "今晚也不亮"})
    async with city.transaction() as session:
        names = list(await session.scalars(select(Event.name).where(Event.actor_kind == "citizen").order_by(Event.id)))
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 1
    assert names == ["ticket.registered", "ticket.info_received", "ticket.supplemented"]


@pytest.mark.parametrize("text", ["", "字", "字" * 2001])
async def test_a_supplement_that_says_nothing_comes_back(client: Client, make_ticket: MakeTicket, text: str) -> None:
    page = await (await opened(client, await make_ticket())).submit("/track/supplement", {"text": text})
    assert (page.status, 'href="#f-text"' in page.text) == (422, True)


async def test_a_bad_file_of_a_supplement_leaves_nothing_behind(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    browser = await opened(client, await make_ticket())
    form = FormData(quote_fields=False)
    for name, value in {**await browser.form("/track/supplement"), "text": "见附件"}.items():
        form.add_field(name, value)
    form.add_field("files", b"MZ" + b"\0" * 50, filename="照片.exe", content_type="image/png")
    page = await browser.post("/track/supplement", form)
    assert (page.status, "格式不支持" in page.text, "见附件" in page.text) == (422, True, True)
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Event).where(Event.name == "ticket.supplemented")) == 0


async def test_urging_is_noted_and_cannot_be_overdone(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    browser = await opened(client, await make_ticket())
    pages = [await browser.submit("/track/urge", {}, at="/track") for _ in range(2)]
    assert [page.status for page in pages] == [200, 422]
    assert "今天已经替您催过了" in pages[1].text
    assert "已经替您催办" in pages[0].text
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Event).where(Event.name == "supervise.urged")) == 1


async def test_withdrawing_needs_a_tick_and_is_final(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    browser = await opened(client, await make_ticket())
    page = await browser.submit("/track/withdraw", {}, at="/track")
    assert (page.status, "我确认撤回" in errors(page)) == (422, True)
    page = await browser.submit("/track/withdraw", {"sure": "yes"}, at="/track")
    assert ("已经撤回" in page.text, "催一催" in page.text, "补充材料" in page.text) == (True, False, False)
    assert (await tickets(city))[0].state == "withdrawn"
    assert (await browser.submit("/track/withdraw", {"sure": "yes"}, at="/track")).status == 409


async def test_a_report_cannot_be_withdrawn(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    browser = await opened(client, await make_ticket(kind=Kind.REPORT))
    assert "撤回这件事" not in (await browser.get("/track")).text
    assert (await browser.submit("/track/withdraw", {"sure": "yes"}, at="/track")).status == 409
    assert (await tickets(city))[0].state == "registered"


async def test_redo_can_be_asked_for_within_seven_days(
    client: Client, city: Database, office: Office, make_ticket: MakeTicket, clock: ManualClock
) -> None:
    made = await make_ticket()
    await office.until_rating(made.ticket.number)
    browser = await opened(client, made)
    await browser.submit("/track/rate", {"satisfaction": "satisfied", "solved": "yes"})
    page = await browser.submit("/track/reopen", {"reason": "坏"}, at="/track")
    assert (page.status, 'href="#f-reason"' in page.text) == (422, True)
    page = await browser.submit("/track/reopen", {"reason": "昨晚路灯又不亮了"}, at="/track")
    assert "已经请承办单位重办" in page.text
    assert (await tickets(city))[0].state == "in_progress"


async def test_after_seven_days_redo_is_no_longer_offered(
    client: Client, office: Office, make_ticket: MakeTicket, clock: ManualClock
) -> None:
    made = await make_ticket()
    await office.until_rating(made.ticket.number)
    await (await opened(client, made)).submit("/track/rate", {"satisfaction": "satisfied", "solved": "yes"})
    clock.advance(days=8)
    browser = await opened(client, made)
    assert "/track/reopen" not in (await browser.get("/track")).text
    assert (await browser.submit("/track/reopen", {"reason": "又坏了又坏了"}, at="/track")).status == 409


async def test_an_objection_to_a_refusal_is_offered_once_and_in_time(
    client: Client, city: Database, office: Office, make_ticket: MakeTicket, clock: ManualClock
) -> None:
    made, late = await make_ticket(), await make_ticket()
    for one in (made, late):
        await office.step(one.ticket.number, refusal.reject, code="litigation", legal_way="请向人民法院提起诉讼")
    browser = await opened(client, made)
    page = await browser.submit("/track/object", {"objection": "短"}, at="/track")
    assert (page.status, 'href="#f-objection"' in page.text) == (422, True)
    page = await browser.submit("/track/object", {"objection": "这是热线管辖的事项，应当受理"}, at="/track")
    assert "换一位工作人员重新审查" in page.text
    assert "/track/object" not in page.text
    assert {ticket.number: ticket.state for ticket in await tickets(city)}[made.ticket.number] == "registered"
    browser = await opened(client, late)
    clock.advance(days=20)
    browser = await opened(client, late)
    assert "/track/object" not in (await browser.get("/track")).text
    assert (await browser.submit("/track/object", {"objection": "这是热线管辖的事项，应当受理"}, at="/track")).status == 409


async def merge_into(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, number: str) -> None:
    await merge(core, session, actor, ticket, await access_other(core, session, actor, ticket, number), reason="同一处路灯")


async def test_a_merged_number_tells_the_master_and_passes_on_what_is_said(
    client: Client, city: Database, office: Office, make_ticket: MakeTicket
) -> None:
    master, mine = await make_ticket(content="北门路灯不亮，别人先反映的"), await make_ticket()
    await office.step(mine.ticket.number, merge_into, master.ticket.number)
    await office.dispatch(master.ticket.number)
    browser = await opened(client, mine)
    page = await browser.get("/track")
    assert (f"与编号{master.ticket.number}是同一件事" in page.text, "现在的进度：办理中" in page.text) == (True, True)
    assert "别人先反映的" not in page.text
    assert "已经替您催办" in (await browser.submit("/track/urge", {}, at="/track")).text
    assert "收到您补充的内容" in (await browser.submit("/track/supplement", {"text": "今晚又全黑了"})).text
    async with city.transaction() as session:
        events = await session.scalars(select(Event).where(Event.subject_id == str(master.ticket.id)))
        assert {"supervise.urged", "ticket.supplemented"} <= {event.name for event in events}


async def test_supplements_of_one_ticket_wait_after_some_and_keep_their_words(
    client: Client, city: Database, clock: ManualClock, make_ticket: MakeTicket
) -> None:
    browser = await opened(client, await make_ticket())
    for number in range(6):
        page = await browser.submit("/track/supplement", {"text": f"第{number}次：今晚也不亮"})
        assert page.path == "/track"
    refused = await browser.submit("/track/supplement", {"text": "第七次：今晚也不亮"})
    assert (refused.status, "第七次" in refused.text, "太频繁" in refused.text) == (422, True, True)
    clock.advance(minutes=2)
    assert (await browser.submit("/track/supplement", {"text": "第七次：今晚也不亮"})).path == "/track"
