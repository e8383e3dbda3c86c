"""The staff side of the web application (tests/channels/staff.py), and the browser of the tests that need one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.channels.staff import browser, city, site, template

__all__ = ["browser", "chromium", "city", "site", "template"]


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    """A browser, for tests marked with `tests.channels.console.screen.in_browser`, which skips them where there is none."""
    from tests.channels.console.screen import CHROMIUM, FLAGS, playwright_api

    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
