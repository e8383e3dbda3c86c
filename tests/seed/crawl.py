"""Follows every link that each role is shown in the seeded city, as a person would by clicking."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from channels.web.app import create_app
from hotline.assembly import Services
from tests.channels.staff import Browser
from ticketing.people.models import Role

_LINK = re.compile(r'<a\b[^>]*?href="([^"]*)"')
_LEFT_OUT = re.compile(r"^/(prefs|api)|\.pdf$")
"""Settings of the browser; documents that take long to draw and have tests of their own."""
OF_A_KIND = 1
TICKETS = 3
"""Pages whose addresses differ only in a number, a date or a query are followed so often; tickets differ more."""


def links(page: str, body: str) -> list[str]:
    """Addresses on this site, without what stands behind #."""
    found = [urlsplit(urljoin(page, unescape(href))) for href in _LINK.findall(body)]
    paths = [link.path + (f"?{link.query}" if link.query else "") for link in found if not link.scheme and not link.netloc]
    return [path for path in dict.fromkeys(paths) if path and not _LEFT_OUT.search(path)]


def kind(path: str) -> str:
    """The address without what counts: of the query only which list is shown."""
    page, _mark, query = path.partition("?")
    lists = "&".join(part for part in query.split("&") if part.startswith(("tab=", "queue=", "group=")))
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d[\d-]*|/guide/[a-z0-9-]+", "N", page) + f"?{lists}"


async def walk(browser: Browser, start: str) -> dict[str, str]:
    """What is wrong by address, with the page that has the link. A redirect is followed by its target."""
    waiting, from_page, often, wrong = [start], {start: "-"}, dict[str, int](), dict[str, str]()
    while waiting:
        path = waiting.pop(0)
        often[kind(path)] = often.get(kind(path), 0) + 1
        if often[kind(path)] > (TICKETS if "/console/tickets/" in path else OF_A_KIND):
            continue
        response = await browser.get(path)
        raw = await response.read()
        body = raw.decode(errors="replace") if response.content_type == "text/html" else ""
        if response.status >= 400:
            wrong[path] = f"{response.status}, linked from {from_page[path]}"
        targets = [urlsplit(response.headers["Location"]).path] if response.status in (302, 303) else links(path, body)
        for target in targets:
            if target not in from_page:
                from_page[target] = path
                waiting.append(target)
    assert wrong or len(from_page) > 5, from_page  # else nothing was tried
    return wrong


async def dead_links(services: Services) -> list[str]:
    """Of every role and of a citizen: what a shown link led to that is no page."""
    server = TestServer(create_app(services))
    await server.start_server()
    found = []
    try:
        for login in ("", *(role.value for role in Role)):
            client: TestClient = TestClient(server, cookie_jar=CookieJar(unsafe=True))  # type: ignore[type-arg]
            browser = Browser(client)
            if login:
                response = await browser.login(login, services.settings.demo_password.get_secret_value())
                assert response.status == 303, (login, await response.text())
            wrong = await walk(browser, "/console" if login else "/")
            found += [f"{login or 'citizen'} {path}: {why}" for path, why in wrong.items()]
            await client.session.close()
    finally:
        await server.close()
    return found
