"""The editors' pages of the learning loop in a real browser: a group worked through by keyboard; every page fits, axe is content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from knowledge.gap import checks
from knowledge.gap.models import Cause, Gap
from tests.channels.console.screen import CHROMIUM, Desk
from tests.channels.console.test_gaps import _asked, _told
from tests.channels.staff import City

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


async def test_the_loop_is_worked_through(chromium: Any, site: TestServer, city: City, tmp_path: Path) -> None:
    await _told(city)
    gap = await _asked(city, "居住证丢了怎么补", Cause.UNANSWERED)
    for text, cause in (
        ("居住证丢了咋补办", Cause.UNSURE),
        ("居住证丢了去哪补", Cause.HANDED_OVER),
        ("帮我写一首关于春天的诗" * 8, Cause.RATED_BADLY),
    ):
        await _asked(city, text, cause)
    async with city.database.transaction() as session:
        await checks.draw(city.core, session, city.people["editor"], lambda text: text)
    desk = await Desk.of(chromium, site, "editor")
    problems: list[str] = []
    for name, path in (("list", "/console/gaps"), ("group", f"/console/gaps/{gap}"), ("checks", "/console/answer-checks")):
        await desk.open(path)
        await desk.check(path, problems)
        for width in (1366, 390):
            await desk.page.set_viewport_size({"width": width, "height": 900})
            await desk.page.screenshot(path=str(tmp_path / f"{name}-{width}.png"))
    await desk.open(f"/console/gaps/{gap}")
    await desk.page.focus("button:has-text('写成一条知识')")
    await desk.page.keyboard.press("Enter")
    await desk.page.wait_for_selector("form[data-article]")
    assert await desk.page.input_value("#f-title") == "居住证丢了怎么补"
    assert "居住证丢了咋补办" in await desk.page.input_value("#f-questions")
    await desk.page.screenshot(path=str(tmp_path / "editor.png"))
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Gap.state).where(Gap.id == gap))).one() == "covered"
    assert problems == []
