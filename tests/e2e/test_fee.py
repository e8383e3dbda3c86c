"""An editor changes a fee; another one publishes it; within the same minute the web chat and the telephone say the new one."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator

import pytest

from telephony.speech.voice import EspeakVoice
from tests.e2e.demo import Demo
from tests.e2e.hands import CHROMIUM, People, people_of
from tests.e2e.test_phone import newest_call, now, number, said, talk, voice
from tests.navigation import goto

__all__ = ["number", "voice"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
ARTICLE, QUESTION = "id-card-lost", "身份证丢了怎么补办"


@pytest.fixture
async def people(demo: Demo) -> AsyncIterator[People]:
    async with people_of(demo) as found:
        yield found


async def _change_fee(people: People, article: str, fee: int) -> None:
    """The editor writes the fee everywhere it stands, with the unit's letter; the other editor publishes."""
    editor = await people.staff("editor")
    await goto(editor, f"/console/articles/{article}/edit")
    for field in ("spoken", "spoken_fee", "body_fee"):
        text = await editor.input_value(f"#f-{field}")
        await editor.fill(f"#f-{field}", re.sub(r"四十元|40元|\d+元(?=；|，)", f"{fee}元", text, count=1))
    await editor.fill("#f-note", "工本费调整")
    await editor.click("form[data-article] footer button[type=submit]")
    await editor.wait_for_url(re.compile(rf"/console/articles/{article}$"))
    await editor.fill("#f-unit_note", "云公函〔2026〕18号")
    await editor.click(f"form[action='/console/articles/{article}/submit'] button[type=submit]")
    await editor.wait_for_load_state()
    other = await people.staff("editor2")
    await goto(other, f"/console/articles/{article}")
    await other.click(f"form[action='/console/articles/{article}/publish'] button[type=submit]")
    await other.wait_for_load_state()


async def test_a_new_fee_is_said_on_web_chat_and_telephone_within_the_minute(
    demo: Demo, people: People, number: str, voice: EspeakVoice
) -> None:
    fee = 41 + time.time_ns() % 40
    article = demo.sql(f"SELECT id FROM article WHERE slug = '{ARTICLE}'")[0]
    before = await people.citizen()
    await goto(before, "/ask")
    await before.fill("#say", QUESTION)
    await before.keyboard.press("Enter")
    await before.wait_for_selector("#talk li.bot .answer")
    assert f"{fee}元" not in await before.inner_text("#talk")
    await _change_fee(people, article, fee)
    published = time.monotonic()
    citizen = await people.citizen()
    await goto(citizen, "/ask")
    await citizen.fill("#say", QUESTION)
    await citizen.keyboard.press("Enter")
    await citizen.wait_for_selector(f"#talk >> text={fee}元")
    on_the_web = time.monotonic() - published
    since = now(demo)
    assert await talk(demo, number, voice, QUESTION) == 1
    call = newest_call(demo, since)
    assert f"{fee}元" in said(demo, call, "bot")
    version = demo.sql(f"SELECT version FROM article WHERE id = {article}")[0]
    told = f"SELECT count(*) FROM message m JOIN call c USING (conversation_id) WHERE c.id = '{call}' AND m.article_id = {article}"
    assert demo.sql(f"{told} AND m.article_version = {version}") == ["1"]
    assert on_the_web < 60
