"""The web chat in a real browser: marks, files, the queue, a person, keyboard, small screens, large type, dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hotline.clock import ManualClock
from hotline.database import Database
from knowledge.article.models import Article
from tests import pictures
from tests.channels.office import Office
from tests.channels.portal.test_chromium import CHROMIUM, chromium, needs_kit, sideways, violations
from tests.channels.public import Client
from tests.navigation import goto
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message
from ticketing.conversation.service import notify, open_conversation, request_person, say_as_agent, take
from ticketing.people.models import Role

__all__ = ["chromium"]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"), needs_kit]


async def _look(page: Any, name: str, folder: Path, problems: list[str]) -> None:
    """Every face at the narrowest width: nothing sticks out, axe is content. A picture of each stays in the test's folder."""
    await page.set_viewport_size({"width": 320, "height": 640})
    for theme in ("", "dark"):
        for mode in ("", "elder"):
            await page.evaluate("([theme, mode]) => Object.assign(document.documentElement.dataset, {theme, mode})", [theme, mode])
            if (over := await sideways(page)) > 0:
                problems.append(f"{name} {theme} {mode}: {over} px too wide")
            problems += [f"{name} {theme} {mode}: {found}" for found in await violations(page)]
            await page.screenshot(path=str(folder / f"{name}-{theme or 'light'}-{mode or 'standard'}.png"))
    await page.evaluate("Object.assign(document.documentElement.dataset, {theme: '', mode: ''})")


async def test_a_chat_from_the_question_to_the_person(
    chromium: Any, client: Client, city: Database, core: Core, clock: ManualClock, articles: list[Article], office: Office, tmp_path: Path
) -> None:
    problems: list[str] = []
    async with city.transaction() as session:
        before = await open_conversation(core, session, channel="web")
        await request_person(core, session, before, "asked")
    clock.advance(seconds=5)  # of two that came at the same moment either may be first
    page = await chromium.new_page(bypass_csp=True)
    await goto(page, str(client.make_url("/ask")))
    await page.fill("#say", "身份证到期了怎么换")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#talk .useful")
    await _look(page, "answer", tmp_path, problems)
    await page.focus("#talk .useful button[value=no]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#talk >> text=已记下您的评价")
    photo = tmp_path / "路灯.png"
    photo.write_bytes(pictures.png())
    await page.set_input_files("#ask-files", photo)
    assert "路灯.png" in await page.inner_text("[data-attach-names]")
    await page.click("#ask-form button[type=submit]")
    await page.wait_for_selector("#talk .file >> text=路灯.png")
    await page.wait_for_function("document.querySelector('[data-attach-names]').textContent === ''")  # the field is new
    await page.focus("#quick >> text=转人工")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#ask-state >> text=前面还有1位")
    await page.wait_for_function("document.activeElement.id === 'say'")
    async with city.transaction() as session:
        first = await session.get_one(Conversation, before.id)
        agent = office.people[Role.DISPATCHER]
        await take(core, session, agent, first.id)
    await page.wait_for_selector("#ask-state >> text=您排在第一位")
    await _look(page, "queue", tmp_path, problems)
    async with city.transaction() as session:
        mine = (await session.scalars(select(Conversation).where(Conversation.id != before.id))).one()
        await take(core, session, agent, mine.id)
        await say_as_agent(core, session, agent, mine.id, "您好，我是话务员小林")
        await notify(session, mine, "conversation.changed")
    await page.wait_for_selector("#talk >> text=我是话务员小林")
    await page.fill("#say", "身份证丢了怎么办")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#talk >> text=身份证丢了怎么办")
    await page.reload()
    assert "我是话务员小林" in await page.inner_text("#talk")
    assert "话务员正在和您对话" in await page.inner_text("#ask-state")
    await goto(page, str(client.make_url("/ask/transcript")))
    await _look(page, "transcript", tmp_path, problems)
    async with city.transaction() as session:
        last = (await session.scalars(select(Message).where(Message.conversation_id == mine.id).order_by(Message.id.desc()))).first()
    assert last is not None
    assert last.author == Author.CITIZEN.value, "the assistant is silent while a person has the conversation"
    assert problems == []
