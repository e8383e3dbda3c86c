"""Every page that a person of a role can reach by links, each looked at as a machine can: axe-core, width, policy, scripts."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from channels.web.static import NODE_MODULES
from tests.channels.console.page_roles import GET
from tests.navigation import goto
from tests.seed.crawl import kind, links

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
PASSWORD = "demo-12345"
DESKTOP, PHONE, SMALL = (1366, 860), (390, 844), (320, 700)
ENLARGED = (640, 400)
"""What is left of 1280 x 800 at a zoom of 200 %."""
LARGE_LETTERS = "--blink-settings=defaultFontSize=32,defaultFixedFontSize=26"
"""Starts a Chromium whose reader has set the letters, and nothing else, to twice their size."""
ASKED_FOR, TICKETS_ASKED_FOR = 12, 60
"""So many pages that differ only in a number or a query are read; examined are those with a form or panel that no other one showed."""
_NO_PAGE = re.compile(r"/(attachments|export|stream|counts|files)/|\.(xlsx|csv|pdf|txt|json|md)(\?|$)|/recording$|^/(api|open311|logout)")
_INLINE = re.compile(r'\sstyle="|<style\b|<script>|<script (?![^>]*(?:\bsrc=|type="application/json"))|\son[a-z]+="|javascript:')
_ANIMATION = "*, *::before, *::after { transition: none !important; animation: none !important }"
_WIDTH = """() => Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('main, .panel')]
  .map(node => getComputedStyle(node).overflowX === 'visible' ? 0 : node.scrollWidth - node.clientWidth))"""
_AXE = """async only => { const found = await axe.run(document, {resultTypes: ['violations'], runOnly: only});
  return found.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes.length + ' x '
    + v.nodes[0].html.slice(0, 170) + ' ' + (v.nodes[0].any[0] || v.nodes[0].all[0] || {message: ''}).message.slice(0, 120)); }"""
_KEYS = """() => [...document.querySelectorAll('kbd, .keyboard')]
  .filter(node => node.checkVisibility() && (node.matches('.keyboard') || !node.closest('p, li, dd'))).length"""
"""Hints at keys that show."""
_ADDRESSES = sorted(
    ((each, re.compile(re.sub(r"\\{\w+\\}", "[^/]+?", re.escape(each)))) for each in GET), key=lambda each: each[0].count("{")
)
_ALL_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_COLOUR_RULES = {"type": "rule", "values": ["color-contrast"]}


def address_of(path: str) -> str | None:
    """The line of page_roles.py that a path belongs to."""
    page = path.partition("?")[0].removeprefix("/console/")
    return next((address for address, like in _ADDRESSES if like.fullmatch(page)), None)


def parts(body: str) -> frozenset[str]:
    """What makes one page different from another of its kind: its forms and panels. The states are all on `/console/style`."""
    found = re.findall(r'<dialog[^>]* id="([^"]+)"|<section[^>]* aria-labelledby="([^"]+)"', body)
    return frozenset(re.sub(r"\d+|[0-9a-f-]{36}", "", "".join(part)) for part in found)


@dataclass
class Examiner:
    """One browser of one person; what was examined already by another person is not examined again."""

    page: Any
    url: str
    known: dict[str, set[str]]
    """Parts that have been seen, by kind of page."""
    large: Any = None
    """A page of a browser whose letters are set to twice their size (`LARGE_LETTERS`)."""
    faults: list[str] = field(default_factory=list)
    examined: list[str] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._said.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self._said.append(str(error)))

    async def log_in(self, login: str) -> None:
        """As a person of the demo, in both browsers."""
        await goto(self.page, f"{self.url}/console/login")
        await self.page.fill("#login", login)
        await self.page.fill("#password", PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector("nav.rail")
        if self.large is not None:
            await self.large.context.add_cookies(await self.page.context.cookies())

    async def walk(self, *starts: str, share: int | None = None, chance: Random | None = None) -> None:
        """Examine every page that can be reached from `starts` by links; with `share` only so many that `chance` picks."""
        found = [path async for path in self._pages(list(starts), within="/console" if starts[0].startswith("/console") else "/")]
        if share is not None and chance is not None and share < len(found):
            found = chance.sample(found, share)
        for path in found:
            await self.examine(path)

    async def _pages(self, waiting: list[str], *, within: str) -> AsyncIterator[str]:
        """Addresses below `within` of pages that show something new."""
        met, often = set(waiting), dict[str, int]()
        while waiting:
            path = waiting.pop(0)
            like = kind(path.partition("?")[0])
            often[like] = often.get(like, 0) + 1
            if _NO_PAGE.search(path) or often[like] > (TICKETS_ASKED_FOR if like.startswith("/console/tickets/N") else ASKED_FOR):
                continue
            answer = await self.page.request.get(self.url + path)
            body = await answer.text() if "text/html" in answer.headers.get("content-type", "") else ""
            if answer.status >= 400:
                self.faults.append(f"{path}: answer {answer.status}")
            elif body:
                self._policy(path, answer.headers.get("content-security-policy", ""), body)
                seen = self.known.setdefault(like, set())
                if not seen or parts(body) - seen:
                    seen |= parts(body) | {"itself"}
                    yield path
            for link in links(path, body):
                if link not in met and link.startswith(within):
                    met.add(link)
                    waiting.append(link)

    def _policy(self, path: str, policy: str, body: str) -> None:
        if "default-src 'self'" not in policy or "unsafe" in policy:
            self.faults.append(f"{path}: policy {policy!r}")
        if inline := _INLINE.search(body):
            self.faults.append(f"{path}: inline {body[max(0, inline.start() - 40) : inline.end() + 40]!r}")

    async def examine(self, path: str) -> None:
        """Both modes on a desk and on a phone; widths, the page and the letters alone enlarged; what the browser complained about."""
        self._said.clear()
        self.examined.append(path)
        await goto(self.page, self.url + path)
        await self.page.evaluate(
            "css => { const s = new CSSStyleSheet(); s.replaceSync(css); document.adoptedStyleSheets = [s]; }", _ANIMATION
        )
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme, size, rules in (
            ("light", DESKTOP, _ALL_RULES),
            ("dark", DESKTOP, _COLOUR_RULES),
            ("dark", PHONE, _ALL_RULES),
            ("light", PHONE, _COLOUR_RULES),
        ):
            await self._look(path, theme, size, rules)
        if hints := await self.page.evaluate(_KEYS):
            self.faults.append(f"{path} at {PHONE[0]}: {hints} hints at keys that a phone has not")
        await self._wide(path, SMALL)
        await self._wide(path, ENLARGED)
        if self.large is not None:
            await goto(self.large, self.url + path)
            await self._wide(path, DESKTOP, self.large)
        self.faults += [f"{path}: browser: {said[:200]}" for said in self._said if "ERR_ABORTED" not in said]

    async def _look(self, path: str, theme: str, size: tuple[int, int], rules: dict[str, Any]) -> None:
        await self._wide(path, size)
        await self.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found = await self.page.evaluate(_AXE, rules)
        self.faults += [f"{path} {theme} {size[0]}: {fault}" for fault in found]

    async def _wide(self, path: str, size: tuple[int, int], page: Any = None) -> None:
        looked_at = page or self.page
        await looked_at.set_viewport_size({"width": size[0], "height": size[1]})
        if (over := await looked_at.evaluate(_WIDTH)) > 0:
            self.faults.append(f"{path} at {size[0]}{' with large letters' if page else ''}: {over} px too wide")
