"""Citizens and staff in front of their screens: steps 3 to 10 of docs/demo.md, whatever the channel by which a matter came in."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Browser, Locator, Page, async_playwright
from playwright.async_api import TimeoutError as NotInTime

from tests.e2e.demo import ROOT, Demo
from tests.navigation import goto

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
MATTER = re.findall(r"`(江畔花园北门.*?)`", PAGE)[0]
MEASURES = re.findall(r"`(抢修人员.*?)`", PAGE)[0]
BASIS = "《城市照明管理规定》"
PASSWORD = "demo-12345"
TIMEOUT_MS = 30_000
NUMBER = re.compile(r"12345-\d{8}-\d{5}")
CODE_ONCE, HINTS = "查询码只在这里显示一次", "提交前请看一看"
Fill = Callable[[Page, str], Awaitable[None]]
"""Fills the form of a dialog, which is found by the selector."""


async def log_in(page: Page, url: str, login: str) -> None:
    """As one of the demo's people."""
    await goto(page, f"{url}/console/login")
    await page.fill("#login", login)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("nav.rail")


async def _unfold(page: Page, button: Locator) -> None:
    """Open the menu that the button stands in; once more when the page was renewed meanwhile and has closed it, as a person would."""
    menu = page.locator("details.menu", has=button).locator("summary")
    for _ in range(3):
        if await button.is_visible():
            return
        await menu.click()
        with suppress(NotInTime):
            await button.wait_for(state="visible", timeout=3000)


class People:
    """Everybody's browsers. Who has logged in stays so."""

    def __init__(self, demo: Demo, browser: Browser) -> None:
        self.demo, self.browser = demo, browser
        self._staff: dict[str, Page] = {}

    async def citizen(self) -> Page:
        """A citizen's browser."""
        context = await self.browser.new_context(locale="zh-CN", base_url=self.demo.url)
        context.set_default_timeout(TIMEOUT_MS)
        return await context.new_page()

    async def staff(self, login: str) -> Page:
        """The page of a logged-in member of staff."""
        if login not in self._staff:
            page = await self.citizen()
            await log_in(page, self.demo.url, login)
            self._staff[login] = page
        return self._staff[login]

    async def submit(self, what: str = MATTER) -> tuple[Page, str]:
        """我要反映 on the portal; the citizen's page and the number."""
        page = await self.citizen()
        await goto(page, "/appeal")
        await page.fill("[name=what]", what)
        await page.fill("[name=where]", "滨河路江畔花园北门")
        await page.fill("[name=name]", "周女士")
        await page.fill("[name=phone]", "13900002716")
        await page.click("main form button[type=submit]")
        await page.wait_for_selector(f"main:has-text('{CODE_ONCE}'), main:has-text('{HINTS}')")
        if HINTS in await page.inner_text("main"):  # a matter like it is open; a second click sends it all the same
            await page.click("main form button[type=submit]")
            await page.wait_for_selector(f"main:has-text('{CODE_ONCE}')")
        return page, NUMBER.findall(await page.inner_text("main"))[0]

    async def act(self, login: str, number: str, action: str, fill: Fill | None = None) -> str:
        """One person opens the ticket and takes one step in its dialog; what the page says is next. Fails with the page's complaint."""
        page, dialog = await self.staff(login), f"#a-{action}"
        await goto(page, f"/console/tickets/{number}")
        button = page.locator(f"button[data-open='a-{action}']").first
        await _unfold(page, button)
        await button.click()
        if fill:
            await fill(page, dialog)
        async with page.expect_navigation():
            await page.click(f"{dialog} button[type=submit]")
        complaint = page.locator("main [role=alert], dialog[open] [role=alert]")
        assert await complaint.count() == 0, await complaint.first.inner_text()
        return await page.inner_text(".next strong")

    async def dispatch(self, number: str) -> None:
        """派单 to the unit that minds the lamps."""
        await self.act("dispatcher", number, "dispatch", fill_dispatch)

    async def reply(self, number: str) -> None:
        """The unit signs, speaks with the citizen, replies; its chief signs the reply off."""
        await self.act("clerk", number, "sign")
        await self.act("clerk", number, "contact", fill_contact)
        await self.act("clerk", number, "reply", fill_reply)
        await self.act("chief", number, "sign_off")

    async def review(self, number: str) -> None:
        """The reply passes the four gates: the citizen is asked next."""
        assert "回访" in await self.act("dispatcher", number, "review", fill_review)

    async def state_of(self, number: str) -> str:
        """The state as the leader sees it."""
        page = await self.staff("leader")
        await goto(page, f"/console/tickets/{number}")
        return await page.locator("main .panel .row").first.inner_text()


@asynccontextmanager
async def people_of(demo: Demo) -> AsyncIterator[People]:
    """Who takes part, in the Chromium of the machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield People(demo, browser)
        await browser.close()


async def choose(page: Page, dialog: str, name: str, value: str) -> None:
    """Choose in a select or among radio buttons, whichever the form has."""
    select = page.locator(f"{dialog} select[name={name}]")
    if await select.count():
        await select.select_option(value)
    else:
        await page.check(f"{dialog} [name={name}][value={value}]")


async def fill_dispatch(page: Page, dialog: str) -> None:
    await choose(page, dialog, "category_code", "0104")
    unit = f"{dialog} [name=unit_id]"
    [label] = [text for text in await page.locator(f"{unit} option").all_inner_texts() if text.startswith("市城市管理局")]
    await page.select_option(unit, label=label)


async def fill_contact(page: Page, dialog: str) -> None:
    await page.fill(f"{dialog} [name=note]", "已与市民通话，说明今晚检修")


async def fill_reply(page: Page, dialog: str, measures: str = MEASURES) -> None:
    await choose(page, dialog, "facts", "true")
    await page.fill(f"{dialog} [name=measures]", measures)
    await page.fill(f"{dialog} [name=basis]", BASIS)


async def fill_review(page: Page, dialog: str) -> None:
    await choose(page, dialog, "accept", "yes")
    for gate in await page.locator(f"{dialog} [name=gates]").all():
        await gate.check()


async def fill_redo(page: Page, dialog: str) -> None:
    await choose(page, dialog, "cause", "not_solved")
    await page.fill(f"{dialog} [name=rectification]", "更换整段电缆，连续三晚到场检查")


async def fill_unanswered(page: Page, dialog: str) -> None:
    await choose(page, dialog, "outcome", "no_answer")


async def fill_visit(page: Page, dialog: str) -> None:
    """What a pleased citizen said on the telephone."""
    for question, answer in {"contacted": "yes", "solved": "yes", "attitude": "good", "satisfaction": "satisfied"}.items():
        await choose(page, dialog, question, answer)


async def rate(citizen: Page, satisfaction: str, *, solved: str, note: str = "") -> None:
    """我来评价, in the browser in which the appeal was submitted."""
    await goto(citizen, "/track/rate")
    await citizen.check(f"[name=satisfaction][value={satisfaction}]")
    await citizen.check(f"[name=solved][value={solved}]")
    await citizen.fill("[name=note]", note)
    async with citizen.expect_navigation():
        await citizen.click("main button[type=submit]")


def notices(demo: Demo, number: str) -> dict[str, str]:
    """What the citizen was told by itself: template and the channel by which it is pushed, `page` where the tracking page alone has it."""
    told = f"""SELECT notice.template, coalesce(delivery.channel, 'page') FROM notice
        JOIN ticket ON ticket.id = notice.ticket_id LEFT JOIN notice_delivery delivery ON delivery.notice_id = notice.id
        WHERE ticket.number = '{number}' ORDER BY notice.id"""
    return dict(row.split("|") for row in demo.sql(told))


def until_morning(demo: Demo, number: str) -> None:
    """Nothing is pushed at night, and this test runs at night as well: what waits for the morning is sent now."""
    demo.sql(f"""UPDATE outbox SET not_before = now() FROM notice_delivery delivery
        JOIN notice ON notice.id = delivery.notice_id JOIN ticket ON ticket.id = notice.ticket_id
        WHERE outbox.dedupe_key = 'notice:' || delivery.id AND outbox.state = 'waiting' AND ticket.number = '{number}'""")
