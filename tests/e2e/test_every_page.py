"""Every page of every role in the seeded city: no serious violation of axe-core by day and by night, on a desk and on a phone, enlarged.

All of them take a quarter of an hour, so they run with HOTLINE_LONG_TESTS=1. A daily run examines a share that changes with the
date; HOTLINE_EXAMINE=2026-11-22 examines that day's again.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from tests.channels.console.page_roles import GET
from tests.e2e.demo import Demo
from tests.e2e.examined import AXE, CHROMIUM, LARGE_LETTERS, Examiner, address_of
from tests.navigation import goto
from ticketing.people.models import Role

playwright_api = pytest.importorskip("playwright.async_api")
pytestmark = [
    pytest.mark.slow,  # a real browser
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not AXE.is_file(), reason="front-end packages are not installed (script/bootstrap)"),
]
_KNOWN: dict[str, set[str]] = {}
"""What the tests of this file have examined: a page that two roles see alike is examined once."""
_SEEN: set[str] = set()
"""Addresses of page_roles.py that were examined."""
NO_LIST = {Role.ADMIN, Role.EDITOR, Role.QUALITY}
LONG = bool(os.environ.get("HOTLINE_LONG_TESTS"))
DAY = os.environ.get("HOTLINE_EXAMINE") or datetime.now(UTC).date().isoformat()
TURNS, SHARE = (len(Role), None) if LONG else (2, 6)
"""So many roles, so many pages of each; None: all."""
NO_PAGES = {
    "articles/speech", "articles/{id}/files/{file}", "attachments/{id}", "audit/roots.txt", "bot/progress", "brief/{id}.{form}",
    "calls/{id}/captions", "calls/{id}/fields", "calls/{id}/form", "calls/{id}/hints", "calls/{id}/recording", "chats/{id}/files/{file}",
    "counts", "export/{kind}.{form}", "guide/pictures/{name}", "posters/{id}/{form}", "quality/{id}/recording",
    "tickets/{number}/catalogue", "tickets/{number}/dial", "tickets/{number}/last", "tickets/{number}/presence",
    "tickets/{number}/suggestion", "tickets/{number}/{action}",
}  # fmt: skip
"""Files, parts of pages and ways back to one: what they are part of is examined."""


async def _opened(*more: str) -> AsyncIterator[Any]:
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *more])
        context = await browser.new_context(locale="zh-CN", reduced_motion="reduce")
        context.set_default_timeout(90_000)  # the machine may be full
        yield await context.new_page()
        await browser.close()


@pytest.fixture
async def page() -> AsyncIterator[Any]:
    async for opened in _opened():
        yield opened


@pytest.fixture
async def large() -> AsyncIterator[Any]:
    async for opened in _opened(LARGE_LETTERS):
        yield opened


@pytest.mark.parametrize("turn", range(TURNS))
async def test_pages_of_a_role(demo: Demo, page: Any, large: Any, turn: int) -> None:
    role = Random(DAY).sample(list(Role), len(Role))[turn]
    examiner = Examiner(page, demo.url, _KNOWN, large)
    await examiner.log_in(role.value)
    starts = ["/console", *([] if role in NO_LIST else ["/console/tickets?queue=all"])]
    await examiner.walk(*starts, share=SHARE, chance=Random(f"{DAY} {role}"))
    assert examiner.examined
    _SEEN.update(filter(None, map(address_of, examiner.examined)))
    assert examiner.faults == [], f"{role} of {DAY}"


@pytest.mark.skipif(not LONG, reason="only when all were examined")
def test_no_page_was_left_out() -> None:
    assert set(GET) - _SEEN - NO_PAGES == set()


@pytest.mark.parametrize("mode", ["standard", "elder"] if LONG else ["elder"])
async def test_pages_of_citizens(demo: Demo, page: Any, mode: str) -> None:
    examiner = Examiner(page, demo.url, {})
    await page.request.get(f"{demo.url}/prefs?mode={mode}&to=/")
    await examiner.walk("/", "/console/login")
    assert len(examiner.examined) > 5
    for line in (demo.data_dir / "codes.txt").read_text(encoding="utf-8").splitlines()[1:]:
        await open_own_ticket(examiner, *line.split()[:2])
    assert examiner.faults == []


async def open_own_ticket(examiner: Examiner, number: str, code: str) -> None:
    """What a citizen sees of an own ticket: its progress, and the forms that stand open at its state."""
    await goto(examiner.page, f"{examiner.url}/track")
    await examiner.page.fill("input[name=number]", number)
    await examiner.page.fill("input[name=code]", code)
    await examiner.page.click("main form button[type=submit]")
    await examiner.page.wait_for_selector(".steps")
    await examiner.walk("/track")
    await goto(examiner.page, f"{examiner.url}/track")
    await examiner.page.click("form[action='/track/leave'] button")
