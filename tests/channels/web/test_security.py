from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from channels.web.static import NODE_MODULES
from tests.channels.staff import City, Opener

CHANNELS = Path(__file__).resolve().parents[3] / "channels"
TEMPLATES = sorted(CHANNELS.glob("*/templates/**/*.html"))


async def test_every_answer_carries_the_security_headers(browser: Opener, city: City) -> None:
    person = await browser("dispatcher")
    for path in ("/console/login", "/console/tickets", "/console/none", "/nothing-here", "/static/0/css/ui.css", "/console"):
        response = await person.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_templates_hold_no_inline_style_script_or_colour(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<style|javascript:|hx-on", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text)
    assert not re.search(r"#[0-9a-fA-F]{6}\b", text)


@pytest.mark.parametrize("path", sorted((CHANNELS / "web/static/css").glob("*.css")), ids=lambda path: path.name)
def test_only_the_tokens_hold_colours_and_no_css_is_too_new(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    if path.name != "tokens.css":
        without_pictures = re.sub(r'url\("data:[^"]*"\)', "", text)
        assert not re.search(r":[^;{]*#[0-9a-fA-F]{3,8}\b", without_pictures)
    assert not re.search(r"@layer|:is\(|:where\(|color-mix|@container|\binset\s*:|oklch", text)


@pytest.mark.parametrize("path", sorted((CHANNELS / "web/static/js").glob("*.js")), ids=lambda path: path.name)
def test_scripts_run_no_text(path: Path) -> None:
    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", path.read_text())


async def test_a_post_without_its_token_is_refused_and_changes_nothing(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    person, other = await browser("dispatcher"), await browser("dispatcher2")
    page = f"/console/tickets/{number}"
    hidden = await person.form(page, f"{page}/supplement")
    theirs = (await other.form(page, f"{page}/supplement"))["csrf"]
    for token in ({}, {"csrf": ""}, {"csrf": "x" * 32}, {"csrf": theirs}):
        fields = {**{name: value for name, value in hidden.items() if name != "csrf"}, "text": "补充的内容", **token}
        response = await person.post(f"{page}/supplement", fields)
        assert response.status == 403
        assert "页面已过期" in await response.text()
    assert "补充的内容" not in await person.text(page)
    assert (await person.post(f"{page}/supplement", {**hidden, "text": "补充的内容"})).status == 303
    assert "补充的内容" in await person.text(page)


async def test_the_token_may_come_in_a_header_as_htmx_sends_it(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    csrf = (await agent.form("/console/tickets/new", "/console/tickets/new"))["csrf"]
    response = await agent.client.post(
        "/console/suggest", data={"content": "小区外面施工噪音很大"}, headers={"X-CSRF-Token": csrf, "HX-Request": "true"}
    )
    assert response.status == 200
    assert "0501" in await response.text()


async def test_a_post_from_another_site_is_refused_even_with_a_token(browser: Opener, city: City) -> None:
    person = await browser()
    hidden = await person.form("/console/login", "/console/login")
    response = await person.client.post(
        "/console/login", data={**hidden, "login": "agent", "password": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status == 403


async def test_a_login_token_that_we_did_not_sign_is_refused(browser: Opener) -> None:
    """A cookie planted by a neighbouring host does not help (signed double submit)."""
    person = await browser()
    person.client.session.cookie_jar.update_cookies({"hotline_csrf": "planted.0123"}, person.client.make_url("/"))
    response = await person.post("/console/login", {"csrf": "planted.0123", "login": "agent", "password": "x"})
    assert response.status == 403


async def test_large_bodies_are_refused_before_they_are_read(browser: Opener, city: City) -> None:
    person = await browser("agent")
    csrf = (await person.form("/console/tickets/new", "/console/tickets/new"))["csrf"]
    response = await person.post("/console/suggest", {"csrf": csrf, "content": "字" * 300_000})
    assert response.status == 413
    assert "内容太大" in await response.text()


async def test_errors_are_pages_fragments_or_json_by_who_asks(site: TestServer, browser: Opener) -> None:
    person = await browser("dispatcher")
    path = "/console/tickets/12345-20260101-99999"
    page = await (await person.get(path)).text()
    assert page.startswith("<!doctype html>")
    fragment = await (await person.get(path, headers={"HX-Request": "true"})).text()
    assert fragment.startswith('<div class="note note--red"')
    answer = await (await person.get(path, headers={"Accept": "application/json"})).json()
    assert answer["error"]["code"] == "not_found"


async def test_a_defect_shows_a_number_and_no_traceback(site: TestServer, browser: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("secret detail 4711")

    monkeypatch.setattr("channels.console.queue_page.list_and_count", broken)
    response = await (await browser("dispatcher")).get("/console/tickets")
    body = await response.text()
    assert response.status == 500
    assert "4711" not in body
    assert "Traceback" not in body
    assert response.headers["X-Request-Id"] in body


@pytest.mark.skipif(not NODE_MODULES.is_dir(), reason="front-end packages are not installed (script/bootstrap)")
async def test_static_files_are_kept_by_their_hash(browser: Opener) -> None:
    person = await browser()
    body = await person.text("/console/login")
    urls = re.findall(r'(?:href|src)="(/static/[^"]+)"', body)
    assert len(urls) >= 5
    for url in urls:
        response = await person.get(url)
        assert response.status == 200
        assert "immutable" in response.headers["Cache-Control"]
        old = re.sub(r"/static/[^/]+/", "/static/000000000000/", url)
        assert (await person.get(old)).headers["Cache-Control"] == "no-cache"
    for path in ("/static/0/../app.py", "/static/0/%2e%2e/app.py", "/static/0/js/nothing.js", "/static/0/css"):
        assert (await person.get(path)).status == 404
