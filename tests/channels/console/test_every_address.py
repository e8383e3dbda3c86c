"""Role x address of the console, GET and POST, exhaustively: 403 for exactly those who may not. Steps of a ticket: their own test below."""

from __future__ import annotations

import re

import pytest
from aiohttp.test_utils import TestServer

from channels.console.actions import HANDLERS, PERMISSIONS
from tests.channels.console.page_roles import EVERYBODYS, GET, OTHER, PARTS, POST, STEP_OF
from tests.channels.staff import Browser, City, Opener
from tests.channels.staff_api.operation_roles import may
from ticketing.people.models import Role

pytestmark = pytest.mark.slow  # every role opens every page and sends every form
ROOT = "/console"
NOT_SHOWN = {"articles/speech": 422, "statistics/list": 422}
"""Pages that want to be told of what."""
THERE = ("export/{kind}.{form}", "guide/{role}", "notices-templates/{key}", "policies/{key}")
"""Named things that exist."""


def _path(address: str) -> str:
    parts = {**PARTS, **({"step": STEP_OF[address]} if address in STEP_OF else {}), **OTHER.get(address, {})}
    return f"{ROOT}/" + re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], address)


def test_every_address_is_in_a_table(site: TestServer) -> None:
    there = set()
    for route in site.app.router.routes():
        canonical = route.resource.canonical if route.resource else ""
        if route.method in ("GET", "POST") and (canonical == ROOT or canonical.startswith(f"{ROOT}/")):
            there.add((route.method, canonical.removeprefix(ROOT).strip("/")))
    named = {("GET", each) for each in GET} | {("POST", each) for each in POST} | EVERYBODYS | {("POST", "tickets/{number}/{action}")}
    assert there == named, "tests/channels/console/page_roles.py names who may"


async def _token(person: Browser) -> str:
    """Of the forms of this session."""
    return (await person.form((await person.get(ROOT)).headers["Location"], f"{ROOT}/logout"))["csrf"]


@pytest.mark.parametrize("role", list(Role))
async def test_pages_open_for_exactly_those_who_may(browser: Opener, city: City, role: Role) -> None:
    person, wrong = await browser(role.value), []
    for address, needs in GET.items():
        status = (await person.get(_path(address))).status
        named = "{" in address and address not in THERE
        fitting = (303, 404) if named else (NOT_SHOWN.get(address, 200),)
        if status not in (fitting if may(role, needs) else (403,)):
            wrong.append(f"GET {address}: {status}")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", list(Role))
async def test_forms_are_taken_from_exactly_those_who_may(browser: Opener, city: City, role: Role) -> None:
    """An empty form, of things that are not there: whoever may is told what is missing, everybody else that it is not his."""
    person, wrong = await browser(role.value), []
    csrf = await _token(person)
    for address, needs in POST.items():
        status = (await person.post(_path(address), {"csrf": csrf})).status
        if status not in ((200, 303, 404, 409, 422) if may(role, needs) else (403,)):
            wrong.append(f"POST {address}: {status}")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", list(Role))
async def test_steps_are_taken_from_exactly_those_who_may(browser: Opener, city: City, role: Role) -> None:
    """Of a ticket that is not there: who may take the step at all hears that, all others that the step is not theirs."""
    person = await browser(role.value)
    csrf = await _token(person)
    got = {}
    for action in HANDLERS:
        response = await person.post(f"{ROOT}/tickets/{PARTS['number']}/{action}", {"csrf": csrf, "version": "1", "seen": "1"})
        got[action] = response.status
    assert got == {action: 404 if may(role, PERMISSIONS[action]) else 403 for action in HANDLERS}
