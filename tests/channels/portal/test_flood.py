"""While the portal is flooded: a riddle for the browser, a code by SMS, or an agent who looks first. Quiet: nothing of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from channels.portal.flood import BITS, PIECES, Gate, is_reckoned
from channels.web.app import create_app
from channels.web.files import drop_unclaimed
from chatbot.dialogue import Dialogue
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.settings import Settings
from tests import pictures
from tests.channels.office import Office
from tests.channels.portal.browser import Browser
from tests.channels.portal.test_chromium import CHROMIUM
from tests.channels.portal.test_own import codes_sent
from tests.channels.public import Client, Parts, tickets
from tests.navigation import goto
from ticketing.context import Core
from ticketing.held import service
from ticketing.held.models import HeldAppeal
from ticketing.people.models import Role
from ticketing.ticket.models import Attachment

playwright_api = pytest.importorskip("playwright.async_api")
FORM = {"kind": "complaint", "what": "江畔花园北门对面工地连续三晚打桩，要求停止", "where": "滨河路188号", "phone": "13900002716"}


@pytest.fixture
async def flooded(city: Database, core: Core, settings: Settings) -> AsyncIterator[Client]:
    """The application as it is when a proof is always asked for."""
    strict = settings.model_copy(update={"portal_quiet_appeals": 0})
    async with TestClient(TestServer(create_app(Parts(strict, core, city, Dialogue(core, city, None))))) as client:
        yield client


def reckon(token: str) -> str:
    """What the page's worker does."""
    found = []
    for number in range(PIECES):
        nonce = 0
        while int.from_bytes(hashlib.sha256(f"{token}:{number}:{nonce}".encode()).digest()[:4], "big") >> (32 - BITS):
            nonce += 1
        found.append(str(nonce))
    return ".".join(found)


async def test_quiet_pages_ask_nothing(client: Client, city: Database) -> None:
    browser = Browser(client)
    assert "data-riddle" not in (await browser.get("/appeal")).text
    assert (await browser.submit("/appeal", FORM)).path == "/appeal/done"


async def test_the_seventh_appeal_of_one_address_needs_a_proof(client: Client, city: Database) -> None:
    for number in range(6):
        page = await Browser(client).submit("/appeal", {**FORM, "what": f"{number}号楼前的工地连续三晚打桩，要求停止", "seen": "yes"})
        assert page.path == "/appeal/done"
    page = await Browser(client).submit("/appeal", {**FORM, "seen": "yes"})
    assert (page.status, "还差一步" in page.text) == (422, True)
    assert FORM["what"] in page.text, "nothing that was typed is lost"
    assert len(await tickets(city)) == 6


def test_many_addresses_together_shut_the_gate_for_a_while(clock: ManualClock) -> None:
    gate = Gate(clock, quiet=10)
    for number in range(21):
        assert not gate.is_shut(f"10.0.0.{number}")
        gate.count(f"10.0.0.{number}")
    assert gate.is_shut("10.9.9.9")
    clock.advance(minutes=5)
    assert not gate.is_shut("10.9.9.9")


async def test_a_solved_riddle_is_good_for_one_appeal(flooded: Client, city: Database) -> None:
    browser = Browser(flooded)
    form = {**await browser.form("/appeal"), **FORM, "seen": "yes"}
    form["proof"] = reckon(form["token"])
    assert (await browser.post("/appeal", form)).path == "/appeal/done"
    assert (await browser.post("/appeal", form)).path == "/appeal/done", "the same once more is a repeat"
    again = await browser.post("/appeal", {**form, "what": "同一份证明不能再交别的内容，比如这一件"})
    assert (again.status, "已经提交过一件" in again.text) == (422, True)
    assert len(await tickets(city)) == 1


@pytest.mark.parametrize("proof", ["", "0", ".".join("0" * PIECES), ".".join(["99999999999"] * PIECES), "١.٢.٣.٤.٥.٦.٧.٨"])
def test_what_is_no_solution(proof: str) -> None:
    assert not is_reckoned("token", proof)


def test_one_wrong_piece_spoils_the_proof() -> None:
    good = reckon("token")
    assert is_reckoned("token", good)
    assert not is_reckoned("another", good)
    assert not is_reckoned("token", f"{good}.1")
    assert not is_reckoned("token", good.rpartition(".")[0])


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_a_browser_solves_the_riddle_by_itself(flooded: Client, city: Database) -> None:
    async with playwright_api.async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await chromium.new_page()
        await goto(page, str(flooded.make_url("/appeal")))
        for name in ("what", "where", "phone"):
            await page.fill(f"#f-{name}", FORM[name])
        await page.click("[data-send]")
        await page.wait_for_selector("#code")
        await chromium.close()
    assert len(await tickets(city)) == 1


async def test_without_javascript_a_code_by_sms_opens_the_way(flooded: Client, core: Core, city: Database) -> None:
    browser = Browser(flooded)
    page = await browser.submit("/appeal", FORM)
    asked = await browser.post("/appeal", {**page.fields, **FORM, "way": "code"})
    [(number, code)] = await codes_sent(core, city)
    assert number == FORM["phone"]
    assert 'name="code"' in asked.text
    wrong = await browser.post("/appeal", {**asked.fields, **FORM, "code": f"{(int(code) + 1) % 1_000_000:06d}"})
    assert wrong.status == 422
    assert (await browser.post("/appeal", {**wrong.fields, **FORM, "code": code})).path == "/appeal/done"
    assert len(await tickets(city)) == 1


async def held_page(browser: Browser, **more: str) -> str:
    page = await browser.submit("/appeal", FORM)
    form = FormData(quote_fields=False)
    for name, value in {**page.fields, **FORM, "way": "held", **more}.items():
        form.add_field(name, value)
    form.add_field("files", pictures.png(), filename="工地.png", content_type="image/png")
    shown = await browser.post("/appeal", form)
    assert "正在核对" in shown.text
    return shown.path


async def test_an_agent_looks_first_and_releases(flooded: Client, core: Core, city: Database, office: Office, clock: ManualClock) -> None:
    browser = Browser(flooded)
    path = await held_page(browser)
    assert await tickets(city) == []
    clock.advance(hours=5)
    async with city.transaction() as session:
        assert await drop_unclaimed(core, session) == 0, "its file waits with it"
        row = (await session.scalars(select(HeldAppeal))).one()
        assert "打桩" not in str(row.body_sealed)
        with pytest.raises(NotAllowed):
            await service.waiting(core, session, office.people[Role.CLERK])
        [waits] = await service.waiting(core, session, office.people[Role.DISPATCHER])
        assert (waits.who, waits.files, waits.content) == ("139 **** 2716", 1, FORM["what"])
    async with city.transaction() as session:
        await service.release(core, session, office.people[Role.DISPATCHER], waits.id)
    [ticket] = await tickets(city)
    async with city.transaction() as session:
        assert (await session.scalars(select(Attachment.ticket_id))).one() == ticket.id
        with pytest.raises(IllegalStep):
            await service.release(core, session, office.people[Role.DISPATCHER], waits.id)
    shown = await browser.get(path)
    assert ticket.number in shown.text
    code = re.search(r'id="code">([^<]+)<', shown.text)
    assert code
    opened = await browser.submit("/track", {"number": ticket.number, "code": code[1]})
    assert "打桩" in opened.text


async def test_what_is_discarded_is_gone_and_the_reason_is_told(flooded: Client, core: Core, city: Database, office: Office) -> None:
    browser = Browser(flooded)
    path = await held_page(browser)
    async with city.transaction() as session:
        [waits] = await service.waiting(core, session, office.people[Role.DISPATCHER])
        with pytest.raises(InvalidInput):
            await service.discard(core, session, office.people[Role.DISPATCHER], waits.id, " ")
        await service.discard(core, session, office.people[Role.DISPATCHER], waits.id, "内容是广告")
    async with city.transaction() as session:
        assert (await session.scalars(select(HeldAppeal.body_sealed))).one() is None
        assert (await session.scalars(select(Attachment))).all() == []
    assert "内容是广告" in (await browser.get(path)).text
    assert (await browser.get("/appeal/held/" + "x" * 43)).status == 404
    assert await tickets(city) == []


async def test_one_address_does_not_fill_the_queue(flooded: Client) -> None:
    for number in range(service.MOST_OF_SOURCE):
        browser = Browser(flooded)
        page = await browser.submit("/appeal", {**FORM, "what": f"{number}号楼前的工地连续三晚打桩，要求停止"})
        assert (await browser.post("/appeal", {**page.fields, **FORM, "way": "held"})).path.startswith("/appeal/held/")
    browser = Browser(flooded)
    page = await browser.submit("/appeal", FORM)
    refused = await browser.post("/appeal", {**page.fields, **FORM, "way": "held"})
    assert (refused.status, "等着核对" in refused.text) == (422, True)
