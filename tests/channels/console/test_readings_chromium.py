"""Suggested sentences in a real browser: one key puts the sentence behind what is written; the page of synonyms fits and is accessible."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestServer

from tests.channels.console.screen import Desk, in_browser
from tests.channels.console.test_chats import _article
from tests.channels.staff import City
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, open_conversation, request_person, take

pytestmark = in_browser


async def test_one_key_inserts_the_sentence_behind_what_is_written(chromium: Any, site: TestServer, city: City) -> None:
    async with city.database.transaction() as session:
        await _article(city, session)
        conversation = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, conversation, Author.CITIZEN, "放风筝要不要许可，收钱吗")
        await request_person(city.core, session, conversation, "asked")
        await take(city.core, session, city.people["agent"], conversation.id)
    desk = await Desk.of(chromium, site, "agent")
    page = desk.page
    await desk.open(f"/console/chats?id={conversation.id}")
    await page.locator("[data-append]").first.wait_for()
    await page.locator("#say").press_sequentially("您好")
    await page.keyboard.press("Alt+1")
    assert await page.locator("#say").input_value() == "您好\n放风筝不收费"
    assert await page.evaluate("document.activeElement.id") == "say"
    problems: list[str] = []
    await desk.check("chats", problems)
    await (editor := await Desk.of(chromium, site, "editor")).open("/console/articles/synonyms?q=身份证")
    await editor.check("synonyms", problems)
    assert problems == []
