"""Bad input anywhere gets a clear answer, never a 500 and never half a change."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from channels.console.actions import HANDLERS, PERMISSIONS
from tests.channels.staff import City, Opener
from ticketing.people.models import Role
from ticketing.people.permissions import roles_with

pytestmark = pytest.mark.slow
"""Every field and address against every bad value."""

NASTY = [
    "",
    "²",
    "-1",
    "9" * 30,
    "\0",
    "a\0b",
    "' OR 1=1 --",
    "%",
    "_",
    "\\",
    "<script>",
    "𠮷" * 200,
    "\ud7ff\uffff",
    "x" * 5000,
    "../..",
    "null",
    "1e9",
    "\u202e",
]
QUERIES = {
    "dispatcher": (
        "/console/tickets?page={}",
        "/console/tickets?queue={}",
        "/console/tickets?q={}",
        "/console/stream?ticket={}",
        "/console/articles?q={}",
        "/console/articles?state={}",
        "/console/articles/{}",
        "/console/attachments/{}",
        "/console/tickets/{}",
        "/console/chats?id={}",
        "/console/chats?part={}",
        "/console/tickets/new?conversation={}",
    ),
    "quality": ("/console/recordings?page={}", "/console/recordings/{}", "/console/calls/{}/recording"),
    "agent": ("/console/desk?call={}", "/console/login?next={}"),
}


@pytest.mark.parametrize("login", sorted(QUERIES))
async def test_no_address_breaks_a_page(browser: Opener, city: City, login: str) -> None:
    await city.register(title="100%_的\\工单")
    person = await browser(login)
    for pattern in QUERIES[login]:
        for value in NASTY:
            path = pattern.format(quote(value, safe=""))
            response = await person.get(path)
            assert response.status < 500, (path[:80], response.status)
            response.close()
    if login == "dispatcher":
        assert "100%_的" in await person.text("/console/tickets?q=" + quote("%_"))
        assert "100%_的" not in await person.text("/console/tickets?q=" + quote("%x"))


FIELDS = (
    "note",
    "reason",
    "measures",
    "basis",
    "facts",
    "way",
    "unit_id",
    "category_code",
    "urgency",
    "mode",
    "instruction",
    "co_unit_ids",
    "gates",
    "accept",
    "satisfaction",
    "outcome",
    "text",
    "title",
    "target",
    "return_call",
    "assignment",
    "version",
    "seen",
    "user_ids",
    "answer",
    "missing",
    "legal_way",
    "code",
    "evidence",
    "confidentiality",
    "override_reason",
    "attitude",
    "solved",
    "contacted",
)


@pytest.mark.parametrize("action", sorted(HANDLERS))
async def test_no_form_breaks_a_step(browser: Opener, city: City, action: str) -> None:
    number = (await city.register()).ticket.number
    allowed = roles_with(PERMISSIONS[action])
    logins = [role.value for role in (Role.SUPERVISOR, Role.CLERK, Role.CHIEF, Role.DISPATCHER) if role in allowed][:1]
    for login in logins or ["agent"]:
        person = await browser(login)
        csrf = {"csrf": (await person.form("/console/tickets", "/console/logout"))["csrf"]}
        for value in NASTY:
            fields = {**dict.fromkeys(FIELDS, value), "version": "1", "seen": "1", **csrf}
            response = await person.post(f"/console/tickets/{number}/{action}", fields)
            assert response.status < 500, (login, value[:40])
            response = await person.post(f"/console/tickets/{number}/{action}", {**fields, "version": value, "seen": value})
            assert response.status < 500, (login, value[:40])


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded; charset=nonsense",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json",
        "",
    ],
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe\0", b"--x\r\nbroken", b"a=%ff%00&csrf=%", b"{}"])
async def test_no_body_breaks_the_login(browser: Opener, content_type: str, body: bytes) -> None:
    person = await browser()
    headers = {"Content-Type": content_type} if content_type else {}
    response = await person.client.post("/console/login", data=body, headers=headers, allow_redirects=False)
    assert 400 <= response.status < 500


@pytest.mark.parametrize("value", NASTY)
async def test_no_name_or_password_breaks_the_login(browser: Opener, city: City, value: str) -> None:
    person = await browser()
    response = await person.login(value, value)
    assert response.status == (400 if "\0" in value else 422)
