"""A browser without JavaScript: keeps its own cookies, follows redirects, sends hidden fields back."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin

from aiohttp import ClientResponse, FormData

from tests.channels.public import Client


@dataclass(frozen=True)
class Page:
    """What the person sees."""

    path: str
    status: int
    text: str
    headers: dict[str, str]

    @property
    def fields(self) -> dict[str, str]:
        """Hidden fields and ticked boxes of the page's forms."""
        found = re.findall(r'<input type="(?:hidden|checkbox)" (?:id="[^"]*" )?name="([^"]+)" value="([^"]*)"( checked)?', self.text)
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.text)
        ticked = [(name, value) for name, value, checked in found if checked]
        return {name: html.unescape(value) for name, value in [*hidden, *ticked]}


@dataclass
class Browser:
    """One person's browser. `client` carries no cookies of its own."""

    client: Client
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Page:
        """Open a page."""
        return await self._request("GET", path, None, headers)

    async def form(self, path: str) -> dict[str, str]:
        """Hidden fields of the form at `path`."""
        return (await self.get(path)).fields

    async def post(self, path: str, data: dict[str, str] | FormData, **headers: str) -> Page:
        """Send a form and follow the redirect."""
        return await self._request("POST", path, data, headers)

    async def submit(self, path: str, data: dict[str, str], at: str | None = None) -> Page:
        """Open the form at `at` (or `path`), fill it in, send it to `path`."""
        return await self.post(path, {**await self.form(at or path), **data})

    async def _request(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Page:
        for _hop in range(5):
            sent = dict(headers)
            if self.cookies:
                sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            self.client.session.cookie_jar.clear()
            response = await self.client.request(method, path, data=data, headers=sent, allow_redirects=False)
            self._keep(response)
            if response.status not in (301, 302, 303, 307):
                return Page(path.partition("?")[0], response.status, await response.text(), dict(response.headers))
            path, method, data = urljoin(path, response.headers["Location"]), "GET", None
        raise AssertionError("redirected in a circle")

    def _keep(self, response: ClientResponse) -> None:
        for header in response.headers.getall("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.coded_value
