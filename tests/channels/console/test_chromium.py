"""The console in a real browser: live pages, keyboard, accessibility, small screens. Skipped where Chromium is not installed."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from tests.channels.console.screen import Desk, in_browser, playwright_api
from tests.channels.staff import City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.conversation import calls
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, get_conversation, open_conversation, request_person
from ticketing.suggestion import store as suggestion_model
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import DispatchMode

pytestmark = in_browser
PAGES = {
    "agent": ("/console/desk", "/console/chats", "/console/tickets/new"),
    "dispatcher": ("/console/tickets", "/console/board", "/console/articles"),
    "clerk": ("/console/tickets", "/console/me", "/console/people"),
    "callback": ("/console/callbacks",),
    "leader": (
        "/console/figures",
        "/console/statistics?by=unit",
        "/console/statistics/list?indicator=received",
        "/console/brief",
    ),
    "supervisor": ("/console/queue", "/console/queue/roster", "/console/queue/nuisance"),
    "quality": ("/console/quality", "/console/recordings"),
    "admin": (
        "/console/system",
        "/console/calendar",
        "/console/policies",
        "/console/policies/new",
        "/console/audit",
        "/console/people",
        "/console/people/new",
        "/console/people/1",
        "/console/units",
        "/console/lines",
        "/console/call-flow",
        "/console/catalogue",
        "/console/me",
        "/console/me/password",
        "/console/me/tokens",
        "/console/webhooks",
    ),
}


async def _dispatched(city: City) -> str:
    number = (await city.register(address="滨河路188号江畔花园北门" * 4)).ticket.number
    async with city.database.transaction() as session:
        actor = city.people["dispatcher"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        unit = city.units["city"]
        await dispatching.dispatch(city.core, session, actor, ticket, unit_id=unit, mode=DispatchMode.PHONE, instruction="今晚到现场检查")
    return number


async def _call(city: City, *words: str, queued: bool = False) -> str:
    async with city.database.transaction() as session:
        conversation, call = await calls.start_call(
            city.core, session, sip_call_id=str(uuid4()), caller="13900002716", called="12345", codec="PCMA", worker="test", transcriber="t"
        )
        for text in words:
            await add_message(city.core, session, conversation, Author.CITIZEN, text, data={"start_s": 2.5})
        if queued:
            await request_person(city.core, session, conversation, "asked")
            await calls.queue_call(city.core, session, call.id)
    return str(conversation.id)


@pytest.mark.parametrize("login", sorted(PAGES))
async def test_every_page_is_accessible_and_fits(chromium: Any, site: TestServer, city: City, login: str) -> None:
    number = await _dispatched(city)
    await city.register(title="很长的标题" * 10)
    await _call(city, "我家楼下路灯坏了", queued=True)
    desk = await Desk.of(chromium, site, login)
    problems: list[str] = []
    for path in PAGES[login]:
        await desk.open(path)
        await desk.check(path, problems)
    if login in ("dispatcher", "clerk"):
        await desk.open(f"/console/tickets/{number}")
        await desk.check("ticket", problems)
        for dialog in await desk.page.eval_on_selector_all("dialog", "nodes => nodes.map(node => node.id)"):
            await desk.page.evaluate(
                "id => { document.querySelectorAll('dialog[open]').forEach(d => d.close()); document.getElementById(id).showModal(); }",
                dialog,
            )
            await desk.check(f"ticket, {dialog}", problems)
    assert problems == []


async def test_a_new_ticket_appears_without_reload(chromium: Any, site: TestServer, city: City) -> None:
    desk = await Desk.of(chromium, site, "dispatcher")
    await desk.connected()
    assert await desk.page.locator("tbody tr").count() == 0
    made = await city.register(title="新来的工单")
    await desk.page.wait_for_selector(f"tbody tr:has-text('{made.ticket.number[-5:]}')", timeout=5000)
    assert desk.complaints == []


async def test_a_new_call_appears_and_its_words_come_live(chromium: Any, site: TestServer, city: City) -> None:
    desk = await Desk.of(chromium, site, "agent")
    await desk.connected()
    conversation_id = await _call(city, "我家楼下路灯坏了", queued=True)
    await desk.page.wait_for_selector(".inbox li:has-text('等人工')", timeout=5000)
    assert await desk.page.text_content("#bell") == "有来电在排队"
    await desk.page.click(".inbox li a")
    await desk.connected()
    async with city.database.transaction() as session:
        conversation = await get_conversation(session, UUID(conversation_id))
        await add_message(city.core, session, conversation, Author.CITIZEN, "就在滨河路北门")
    await desk.page.wait_for_selector(".talk .say:has-text('就在滨河路北门')", timeout=5000)
    assert desk.complaints == []


async def test_a_chat_is_taken_answered_and_closed(chromium: Any, site: TestServer, city: City) -> None:
    async with city.database.transaction() as session:
        conversation = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, conversation, Author.CITIZEN, "我要找人工")
        await request_person(city.core, session, conversation, "asked")
    desk = await Desk.of(chromium, site, "agent")
    await desk.open("/console/chats")
    await desk.page.click(".inbox li a")
    await desk.page.click("text=接待这位市民")
    await desk.page.fill("#say", "您好，请问是哪条路？")
    await desk.page.keyboard.press("Control+Enter")
    await desk.page.wait_for_selector(".talk .us .say:has-text('请问是哪条路')")
    await playwright_api.expect(desk.page.locator("#say")).to_have_value("")
    async with city.database.transaction() as session:
        await add_message(city.core, session, await get_conversation(session, conversation.id), Author.CITIZEN, "滨河路")
    await desk.page.wait_for_selector(".talk .say:has-text('滨河路')")
    await desk.page.click("summary:has-text('结束')")
    await desk.page.click("text=办完，结束会话")
    await desk.page.wait_for_selector("text=会话已结束")
    async with city.database.transaction() as session:
        assert (await get_conversation(session, conversation.id)).owner == "closed"
    assert desk.complaints == []


async def test_the_day_without_a_mouse(chromium: Any, site: TestServer, city: City) -> None:
    await suggestion_model.ready(city.core.data_dir)  # a clean checkout learns it now: half a minute that the page would not wait
    number = (await city.register()).ticket.number
    await city.register(title="第二件")
    desk = await Desk.of(chromium, site, "dispatcher")
    await desk.page.keyboard.press("j")
    await desk.page.keyboard.press("k")
    await desk.page.locator(f"tr:has-text('{number[-5:]}')").focus()
    await desk.page.keyboard.press("Enter")
    await desk.page.wait_for_selector(".next")
    await desk.page.keyboard.press("d")
    await desk.page.wait_for_selector("#a-dispatch[open]")
    focused = "document.activeElement.closest('dialog') && document.activeElement.name"
    assert await desk.page.evaluate(focused) == "category_code"
    unit = desk.page.locator("#dispatch-unit_id")
    await playwright_api.expect(unit).to_have_value(str(city.units["city"]))  # the suggestion comes after the page
    await desk.page.select_option("#dispatch-category_code", "0301")
    assert await desk.page.input_value("#dispatch-unit_id") == str(city.units["water"])  # the unit follows the category
    await desk.page.fill("#dispatch-instruction", "请D办")  # letters in a field are letters
    await desk.page.keyboard.press("Control+Enter")
    await desk.page.wait_for_selector("text=已派单")
    assert "第二件" in await desk.page.inner_text(".matter")  # the next one has opened by itself
    await desk.page.wait_for_selector("[data-accept]")
    await desk.page.keyboard.press("a")  # as suggested: one key
    await desk.page.wait_for_selector("text=这里没有工单")
    await desk.page.goto(str(site.make_url(f"/console/tickets/{number}")))
    assert "市供水集团" in await desk.page.inner_text(".next")
    assert desk.complaints == []


async def test_the_page_of_a_ticket_shows_what_another_person_did(chromium: Any, site: TestServer, city: City) -> None:
    number = await _dispatched(city)
    desk = await Desk.of(chromium, site, "dispatcher")
    await desk.open(f"/console/tickets/{number}")
    await desk.connected()
    async with city.database.transaction() as session:
        clerk = city.people["clerk"]
        ticket = await access_ticket(city.core, session, clerk, number)
        part = (await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id))).one()
        await assignments.sign(city.core, session, clerk, part.id)
    await desk.page.wait_for_selector(".timeline li:has-text('签收')", timeout=5000)


async def test_the_page_is_live_when_the_stream_part_of_the_script_comes_late(chromium: Any, site: TestServer, city: City) -> None:
    """A busy machine loads the scripts far apart: the stream is opened all the same."""
    desk = await Desk.of(chromium, site, "agent")

    async def late(route: Any) -> None:
        while not await desk.page.evaluate("new Promise(done => setTimeout(() => done(typeof htmx === 'object'), 50))"):
            pass  # htmx itself is there and has had time to begin
        await route.continue_()

    await desk.page.route("**/htmx-sse.js", late)
    await desk.open("/console/desk")
    await desk.connected()


async def test_a_stream_that_could_not_be_opened_is_tried_again(chromium: Any, site: TestServer, city: City) -> None:
    """The server restarts: first nobody answers, then 503, then it works. The page becomes live by itself and misses nothing."""
    desk = await Desk.of(chromium, site, "dispatcher")
    asked = 0

    async def restarting(route: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await route.abort("connectionrefused")
        elif asked <= 3:
            await route.fulfill(status=503, body="")
        else:
            await route.continue_()

    await desk.page.route("**/console/stream*", restarting)
    await desk.open("/console/tickets")
    await desk.page.wait_for_selector("#live[data-live=off]", state="attached")
    number = (await city.register(title="断线时来的工单")).ticket.number
    await desk.connected()
    assert asked == 4
    await desk.page.wait_for_selector(f"tbody tr:has-text('{number[-5:]}')", timeout=5000)


async def test_a_page_on_which_somebody_writes_is_not_loaded_anew(chromium: Any, site: TestServer, city: City) -> None:
    number = await _dispatched(city)
    desk = await Desk.of(chromium, site, "dispatcher")
    await desk.open(f"/console/tickets/{number}")
    await desk.connected()
    await desk.page.evaluate(
        "() => { const form = document.createElement('form'); form.innerHTML = '<textarea></textarea>';"
        " document.getElementById('main').append(form); form.firstChild.value = '写了一半'; }"
    )
    async with city.database.transaction() as session:
        clerk = city.people["clerk"]
        ticket = await access_ticket(city.core, session, clerk, number)
        part = (await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id))).one()
        await assignments.sign(city.core, session, clerk, part.id)
    await desk.page.wait_for_selector("#toasts:has-text('这张工单刚有新动态')", timeout=5000)
    assert await desk.page.evaluate("document.querySelector('#main form:last-child textarea').value") == "写了一半"
