"""A person of the staff at a screen: what every browser test of the console needs, and on what it waits to be run at all."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from channels.web.static import NODE_MODULES
from tests.channels.staff import PASSWORD
from tests.navigation import goto

playwright_api = pytest.importorskip("playwright.async_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
WIDTHS = (320, 390, 1366)
in_browser = [
    pytest.mark.slow,  # a real browser
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not AXE.is_file(), reason="front-end packages are not installed (script/bootstrap)"),
]
"""`pytestmark` of a file whose tests need a browser and the front-end packages."""


class Desk:
    """One person at a screen; script errors and refused styles are collected."""

    def __init__(self, page: Any, site: TestServer) -> None:
        self.page, self.site = page, site
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @classmethod
    async def of(cls, chromium: Any, site: TestServer, login: str) -> Desk:
        context = await chromium.new_context(viewport={"width": 1366, "height": 900})
        desk = cls(await context.new_page(), site)
        await desk.open("/console/login")
        await desk.page.fill("#login", login)
        await desk.page.fill("#password", PASSWORD)
        await desk.page.keyboard.press("Enter")
        await desk.page.wait_for_selector("nav.rail")
        return desk

    async def open(self, path: str) -> None:
        await goto(self.page, str(self.site.make_url(path)))

    async def connected(self) -> None:
        """Wait until the page's stream is open, so that nothing is missed."""
        await self.page.wait_for_selector("#live[data-live=on]", state="attached")

    async def check(self, name: str, problems: list[str]) -> None:
        for width in WIDTHS:
            await self.page.set_viewport_size({"width": width, "height": 800})
            over = await self.page.evaluate(
                "Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('main, .panel')]"
                ".map(node => getComputedStyle(node).overflowX === 'visible' ? 0 : node.scrollWidth - node.clientWidth))"
            )
            if over > 0:
                problems.append(f"{name} at {width}: {over} px too wide")
        if not await self.page.evaluate("typeof axe === 'object'"):
            await self.page.evaluate(AXE.read_text())
        rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
        # an open dialog makes everything else inert: what stands behind it was checked when it was closed
        result = await self.page.evaluate(f"axe.run(document.querySelector('dialog[open]') ?? document, {{runOnly: {rules}}})")
        problems += [f"{name}: {found['id']}: {found['nodes'][0]['html'][:140]}" for found in result["violations"]]
        problems += [f"{name}: {text}" for text in self.complaints]
