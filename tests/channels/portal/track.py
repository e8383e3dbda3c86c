"""进度查询 as a person uses it: number and query code into the form, what the page says next."""

from __future__ import annotations

import re

from tests.channels.portal.browser import Browser, Page
from tests.channels.public import Client
from ticketing.ticket.service import Registered


async def opened(client: Client, made: Registered) -> Browser:
    browser = Browser(client)
    page = await try_code(browser, made.ticket.number, made.query_code)
    assert (page.path, page.status) == ("/track", 200)
    assert made.ticket.number in page.text
    return browser


async def try_code(browser: Browser, number: str, code: str) -> Page:
    form = await browser.form("/track")
    return await browser.post("/track", {**form, "number": number, "code": code})


def now_step(page: Page) -> str:
    found = re.search(r'aria-current="step">.*?<h3>([^<]+)', page.text, re.DOTALL)
    return found[1] if found else ""


def errors(page: Page) -> str:
    found = re.search(r'<div class="errors".*?</div>', page.text, re.DOTALL)
    return re.sub(r"<[^>]+>", " ", found[0]) if found else ""
