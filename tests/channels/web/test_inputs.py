"""What anybody may send without log-in: packed and endless bodies, bytes that are no text."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from channels.web.middleware import FORM_LIMIT
from hotline.database import Database
from hotline.settings import Settings
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, articles, city, client, make_ticket, send_raw, template, tickets

__all__ = ["articles", "city", "client", "make_ticket", "template"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
COOKIES = ("hotline_csrf", "hotline_chat", "hotline_track", "hotline_receipt", "hotline_staff", "hotline_lang")


async def _signed_in(client: Client) -> tuple[str, dict[str, str]]:
    """The CSRF token of a fresh browser and the header that carries its cookie."""
    browser = Browser(client)
    token = (await browser.form("/appeal"))["csrf"]
    return token, {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


async def _chunks(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for _ in range(size // 8192):
        yield b"x" * 8192


@pytest.mark.parametrize("path", ["/appeal", "/track", "/ask", "/console/login", "/api/v1/chat", "/wechat", "/open311/v2/requests.json"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-unknown"])
async def test_packed_bodies_are_refused_before_they_are_unpacked(client: Client, path: str, coding: str) -> None:
    token, headers = await _signed_in(client)
    kind = "application/json" if path.startswith("/api") else FORM["Content-Type"]
    body = gzip.compress(f"csrf={token}&what=".encode() + b"x" * 20_000_000)
    response = await client.post(path, data=body, headers={**headers, "Content-Type": kind, "Content-Encoding": coding})
    # what the HTTP parser itself cannot unpack is refused even earlier, with 400
    assert response.status in ((415,) if coding == "gzip" else (415, 400))


@pytest.mark.parametrize("path", ["/track", "/ask", "/track/urge", "/console/login", "/prefs", "/nothing-here"])
@pytest.mark.parametrize("kind", [FORM["Content-Type"], "multipart/form-data; boundary=b"])
async def test_a_form_without_files_may_not_be_large_even_when_its_length_is_not_announced(client: Client, path: str, kind: str) -> None:
    token, headers = await _signed_in(client)
    head = f"csrf={token}&text=" if "urlencoded" in kind else f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}'

    async def endless() -> AsyncIterator[bytes]:
        yield head.encode()
        async for chunk in _chunks(40 * FORM_LIMIT):
            yield chunk

    response = await client.post(path, data=endless(), headers={**headers, "Content-Type": kind}, allow_redirects=False)
    assert response.status == 413
    announced = await client.post(path, data=b"x" * (FORM_LIMIT + 1), headers={**headers, "Content-Type": kind}, allow_redirects=False)
    assert announced.status == 413


async def test_a_form_with_files_has_a_limit_of_its_own(client: Client, settings: Settings) -> None:
    token, headers = await _signed_in(client)
    head = (
        f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
    )

    async def body() -> AsyncIterator[bytes]:
        yield head.encode()
        async for chunk in _chunks(9 * settings.upload_max_bytes + 2 * FORM_LIMIT):
            yield chunk

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert (await client.post("/appeal", data=body(), headers={**headers, **kind})).status == 413
    assert (await client.post("/ask", data=body(), headers={**headers, **kind})).status == 413
    as_text = {**headers, **FORM}
    assert (await client.post("/appeal", data=_chunks(2 * FORM_LIMIT), headers=as_text)).status == 413, "without files no large form"


@pytest.mark.parametrize("path", ["/appeal", "/ask", "/track/supplement", "/console/login", "/console/tickets/new"])
async def test_who_has_no_token_is_refused_before_the_body_is_read(client: Client, path: str) -> None:
    """The body never ends: only an answer that does not wait for it can come."""
    response = await client.post(
        path, data=b"--b\r\nnever complete", headers={"Content-Type": "multipart/form-data; boundary=b"}, allow_redirects=False
    )
    assert response.status == (303 if path == "/console/tickets/new" else 403)


@pytest.mark.parametrize("name", COOKIES)
@pytest.mark.parametrize("value", [b"\xff", b"a.\xff", "é".encode(), b"a\xff.9999999999.\xff"])
async def test_a_cookie_that_is_no_text_counts_as_none(client: Client, name: str, value: bytes) -> None:
    cookie = {"Cookie": name.encode() + b"=" + value}
    for path, status in (("/ask", 200), ("/track", 200), ("/appeal/done", 303), ("/console", 303), ("/ask/stream", 204)):
        assert await send_raw(client, "GET", path, cookie) == status
    for path in ("/ask", "/console/login"):
        assert await send_raw(client, "POST", path, {**cookie, "Content-Type": FORM["Content-Type"].encode()}, b"text=a") == 403


async def test_a_header_that_is_no_text_is_no_token(client: Client) -> None:
    _token, headers = await _signed_in(client)
    sent = {"Cookie": headers["Cookie"].encode(), "Content-Type": FORM["Content-Type"].encode(), "X-CSRF-Token": b"\xff"}
    assert await send_raw(client, "POST", "/ask", sent, b"text=a") == 403


PATHS = ("/appeal", "/track", "/track/supplement", "/track/withdraw", "/ask", "/console/login")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "raw_unicode_escape", "punycode", "idna", "utf-16"])
async def test_forms_in_another_charset_are_refused(client: Client, city: Database, path: str, charset: str) -> None:
    token, headers = await _signed_in(client)
    body = f"csrf={token}&text=\\ud800&number=\\ud800&code=a&login=\\ud800&password=a&what=\\ud800".encode()
    response = await client.post(path, data=body, headers={**headers, "Content-Type": f"{FORM['Content-Type']}; charset={charset}"})
    assert response.status == 400
    assert await tickets(city) == []


@pytest.mark.parametrize("named", ["part", "field"])
@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "unicode_escape", "gb18030", "utf-16"])
async def test_a_part_in_another_charset_is_refused_before_it_is_decoded(client: Client, city: Database, named: str, charset: str) -> None:
    """Decoding 200 KB of punycode takes minutes of the one processor that every other citizen needs."""
    token, headers = await _signed_in(client)
    parts = [b'Content-Disposition: form-data; name="csrf"\r\n\r\n' + token.encode()]
    text = b'Content-Disposition: form-data; name="what"'
    if named == "part":
        text += f"\r\nContent-Type: text/plain; charset={charset}".encode()
    else:
        parts.insert(0, f'Content-Disposition: form-data; name="_charset_"\r\n\r\n{charset}'.encode())
    parts.append(text + b"\r\n\r\n" + b"a" * 100_000 + b"-" + b"z" * 100_000)
    body = b"--b\r\n" + b"\r\n--b\r\n".join(parts) + b"\r\n--b--\r\n"
    async with asyncio.timeout(20):
        response = await client.post("/appeal", data=body, headers={**headers, "Content-Type": "multipart/form-data; boundary=b"})
    assert response.status == 400
    assert await tickets(city) == []


@pytest.mark.parametrize("path", PATHS)
async def test_halves_of_surrogate_pairs_are_refused_in_fields_names_and_file_names(client: Client, path: str) -> None:
    token, headers = await _signed_in(client)
    csrf = f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n'.encode()
    for part in (
        b'Content-Disposition: form-data; name="text"\r\nContent-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800',
        b'Content-Disposition: form-data; name="login"\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-',
        b'Content-Disposition: form-data; name="files"; filename="a\xff.txt"\r\n\r\nabc',
        b'Content-Disposition: form-data; name="a\xff"\r\n\r\nabc',
    ):
        body = csrf + b"--b\r\n" + part + b"\r\n--b--\r\n"
        response = await client.post(path, data=body, headers={**headers, "Content-Type": "multipart/form-data; boundary=b"})
        assert response.status == 400, part
