"""An agent's day at the desk in a real browser, by keys alone. The telephone in the browser is tests/telephony/webrtc's."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp.test_utils import TestServer
from sqlalchemy import select

from channels.web.app import create_app
from hotline.assembly import Services
from tests.channels.console.screen import Desk, in_browser, playwright_api
from tests.channels.console.test_pop import answer, hang_up, ringing, say
from tests.channels.console.test_queue import at_desk
from tests.channels.staff import City, Opener
from ticketing.conversation.models import Author, Owner
from ticketing.conversation.service import add_message, get_conversation, give_back, open_conversation, request_person, take
from ticketing.duty.service import after_call
from ticketing.queue.models import CallCommand
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel

pytestmark = in_browser

PICTURES = os.environ.get("HOTLINE_DESK_PICTURES", "")
"""A folder: each state of the desk is drawn there, 1440, 1024 and 390 px wide, by night and compact."""
LOOKS = ((1440, ""), (1024, ""), (390, ""), (1440, "dark"), (1440, "compact"))


async def picture(desk: Desk, name: str) -> None:
    if not PICTURES:
        return
    for width, look in LOOKS:
        await desk.page.set_viewport_size({"width": width, "height": 900})
        await desk.page.evaluate(
            "look => { const root = document.documentElement; delete root.dataset.theme; delete root.dataset.density;"
            " if (look === 'dark') root.dataset.theme = 'dark'; if (look === 'compact') root.dataset.density = 'compact'; }",
            look,
        )
        await desk.page.screenshot(path=Path(PICTURES) / f"{name}-{width}{'-' + look if look else ''}.png", full_page=width < 400)
    await desk.page.evaluate("() => { delete document.documentElement.dataset.density; }")
    await desk.page.set_viewport_size({"width": 1366, "height": 900})


async def commands(city: City, call: UUID) -> list[tuple[str, dict[str, Any]]]:
    async with city.database.transaction() as session:
        rows = await session.scalars(select(CallCommand).where(CallCommand.call_id == call).order_by(CallCommand.id))
        return [(row.action, row.arguments) for row in rows]


async def done(desk: Desk, path: str) -> Any:
    """The page has sent this."""
    return desk.page.expect_response(lambda answer: answer.url.endswith(path) and answer.request.method == "POST")


async def test_a_call_by_keys_alone(chromium: Any, site: TestServer, city: City) -> None:
    await at_desk(city, "agent", ready=False)
    await at_desk(city, "agent2", ready=False)
    desk = await Desk.of(chromium, site, "agent")
    page, problems = desk.page, list[str]()
    await desk.connected()
    await picture(desk, "off")
    async with await done(desk, "/console/duty"):
        await page.keyboard.press("F2")
    await page.wait_for_selector("#callbar [role=status]:has-text('空闲')")
    await page.keyboard.press("F4")
    await page.wait_for_selector("#break[open]")
    await picture(desk, "break-dialog")
    await page.keyboard.press("F4")
    await page.wait_for_selector("#callbar [role=status]:has-text('小休')")
    await page.keyboard.press("F2")
    await page.wait_for_selector("#callbar [role=status]:has-text('空闲')")
    await picture(desk, "ready")

    call = await ringing(city)
    await page.wait_for_selector("#callbar:has-text('139 **** 2716')")
    await page.wait_for_function("() => document.title.startsWith('☎') && Number(document.documentElement.dataset.rung) > 0")
    await picture(desk, "ringing")
    await desk.check("ringing", problems)
    await answer(city, call)
    await page.wait_for_selector("#callbar:has-text('139 0000 2716')")
    await page.wait_for_selector("#f-content")
    await playwright_api.expect(page.locator("#f-address")).to_have_value("临江区滨河路188号工地")
    await picture(desk, "talking")
    await desk.check("talking", problems)

    await page.focus("#f-occurred")
    await page.evaluate("window.same = true")
    await page.keyboard.type("每晚都有，")
    async with await done(desk, "/control"):
        await page.keyboard.press("F4")
    assert await page.evaluate("window.same && document.activeElement.id") == "f-occurred", "the cursor stays where it was"
    assert (await page.input_value("#f-occurred")).startswith("每晚都有，")
    await page.keyboard.press("F8")
    await page.wait_for_selector("#transfer[open]")
    await picture(desk, "transfer-dialog")
    await desk.check("transfer", problems)
    await page.keyboard.press("Escape")
    await page.keyboard.press("F10")
    await page.wait_for_selector("#emergency[open]")
    await picture(desk, "emergency-dialog")
    await desk.check("emergency", problems)
    await page.keyboard.press("Enter")  # dials nobody
    await page.wait_for_selector("#emergency", state="hidden")
    await page.keyboard.press("F10")
    async with await done(desk, "/control"):
        await page.keyboard.press("3")
    assert await commands(city, call) == [("hold", {}), ("consult", {"number": "120"})]

    await page.focus("#f-occurred")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector("#desk:has-text('这通电话已登记')")
    async with await done(desk, "/control"):
        await page.keyboard.press("Control+F8")
    assert (await commands(city, call))[-1][0] == "hangup"
    await hang_up(city, call)
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket.occurred))).one().startswith("每晚都有，")
        await after_call(city.core, session, city.people["agent"].user_id or 0, wrap_s=30)
    await page.wait_for_selector("#callbar [data-left]")
    await picture(desk, "wrap-up")
    await desk.check("wrap-up", problems)
    await page.keyboard.press("F2")
    await page.wait_for_selector("#callbar [role=status]:has-text('空闲')")
    assert problems == []


async def test_between_calls_the_desk_shows_what_is_owed_and_the_own_day(chromium: Any, site: TestServer, city: City) -> None:
    await city.register(title="别人登记的")
    async with city.database.transaction() as session:
        appeal = Appeal(Channel.PHONE, "滨河路路灯不亮三天了", category_code="0501", address="滨河路", name="周女士", phone="13900002716")
        own = (await register(city.core, session, city.people["agent"], appeal)).ticket.number
    desk = await Desk.of(chromium, site, "agent")
    await desk.page.wait_for_selector(f"#idle-work li:has-text('{own}')")
    assert await desk.page.inner_text(".day div:nth-child(2) dd") == "1件"
    await picture(desk, "idle")
    problems: list[str] = []
    await desk.check("idle", problems)
    await desk.page.keyboard.press("j")
    await desk.page.keyboard.press("Enter")
    await desk.page.wait_for_selector(".next")
    assert own in desk.page.url
    assert problems == []


async def test_two_chats_by_keys_and_nothing_written_is_lost(chromium: Any, site: TestServer, city: City) -> None:
    ids = []
    async with city.database.transaction() as session:
        for words in ("转学要带什么", "路灯不亮"):
            conversation = await open_conversation(city.core, session, channel="web")
            await add_message(city.core, session, conversation, Author.CITIZEN, words)
            await request_person(city.core, session, conversation, "asked")
            await take(city.core, session, city.people["agent"], conversation.id)
            ids.append(conversation.id)
    desk = await Desk.of(chromium, site, "agent")
    page = desk.page
    await desk.open(f"/console/chats?id={ids[0]}")
    await page.focus("#say")
    await page.keyboard.press("/")
    await page.wait_for_selector("#phrases[open]")
    await picture(desk, "chat-phrases")
    problems: list[str] = []
    await desk.check("phrases", problems)
    await page.keyboard.press("2")
    await playwright_api.expect(page.locator("#say")).to_have_value("请稍等，我查一下。")
    async with await done(desk, "/draft"):
        await page.keyboard.type("马上好/")
    await page.keyboard.press("Alt+j")
    await page.wait_for_url(f"**/chats?id={ids[1]}")
    assert await page.input_value("#say") == "", "each chat has its own"
    await page.keyboard.press("Alt+k")
    await page.wait_for_url(f"**/chats?id={ids[0]}")
    await playwright_api.expect(page.locator("#say")).to_have_value("请稍等，我查一下。马上好/")
    await picture(desk, "chat")
    await page.focus("#say")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_selector(".talk .us .say:has-text('马上好/')")
    await playwright_api.expect(page.locator("#say")).to_have_value("")
    assert problems == []
    async with city.database.transaction() as session:
        assert "agent_draft" not in (await get_conversation(session, ids[0])).bot_state


async def test_a_draft_is_only_for_who_answers(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        conversation = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, conversation, Author.CITIZEN, "转学要带什么")
        await request_person(city.core, session, conversation, "asked")
        await take(city.core, session, city.people["agent"], conversation.id)
    path = f"/console/chats/{conversation.id}/draft"
    for login, status in (("agent", 204), ("agent2", 404), ("supervisor", 404), ("clerk", 403)):
        person = await browser(login)
        csrf = (await person.form("/console/me", "/console/logout"))["csrf"]
        assert (await person.post(path, {"csrf": csrf, "text": login})).status == status, login
    assert ">agent</textarea>" in await (await browser("agent")).text(f"/console/chats?id={conversation.id}")
    assert "agent</textarea>" not in await (await browser("supervisor")).text(f"/console/chats?id={conversation.id}")
    async with city.database.transaction() as session:
        await give_back(city.core, session, city.people["agent"], conversation.id, to=Owner.CLOSED)
    writer = await browser("agent")
    csrf = (await writer.form("/console/me", "/console/logout"))["csrf"]
    assert (await writer.post(path, {"csrf": csrf, "text": "还在写"})).status == 204, "a page that was still saving"
    async with city.database.transaction() as session:
        assert "还在写" not in str((await get_conversation(session, conversation.id)).bot_state)


async def test_the_desk_outlives_a_restart_of_the_web_process(chromium: Any, city: City) -> None:
    """The server is gone in the middle of a call and another one comes on its port: no reload, nothing typed is lost, and it is live."""
    first = TestServer(create_app(Services(city.settings, city.core, city.database)))
    await first.start_server()
    call = await ringing(city)
    await answer(city, call)
    desk = await Desk.of(chromium, first, "agent")
    page = desk.page
    await desk.connected()
    await page.wait_for_selector("#f-content")
    await page.evaluate("window.same = true")
    await page.focus("#f-address")
    await page.keyboard.press("End")
    async with await done(desk, "/draft"):
        await page.keyboard.type("东门")
    port = first.port
    await first.close()
    await page.wait_for_selector("#live[data-live=off]", state="attached")
    await page.keyboard.type("外")
    await say(city, call, "现在还在打桩")
    second = TestServer(create_app(Services(city.settings, city.core, city.database)), port=port)
    await second.start_server()
    try:
        await desk.connected()
        await page.wait_for_selector(".talk .say:has-text('现在还在打桩')")
        assert await page.evaluate("window.same && document.activeElement.id") == "f-address"
        assert (await page.input_value("#f-address")).endswith("东门外")
        await page.reload()
        await playwright_api.expect(page.locator("#f-address")).to_have_value(re.compile("东门"))
    finally:
        await page.close()
        await second.close()
