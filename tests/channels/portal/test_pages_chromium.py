"""Own matters, hints and proofs in a real browser: accessible, narrow, elder and dark; weight of home and form; drafts; position."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from hotline.database import Database
from knowledge.article.models import Article
from tests.channels.portal import test_chromium
from tests.channels.portal.test_chromium import AXE, chromium
from tests.channels.portal.test_flood import FORM, flooded
from tests.channels.portal.test_own import PHONE, codes_sent
from tests.channels.public import Client, MakeTicket, tickets
from tests.navigation import goto
from ticketing.context import Core
from ticketing.people.models import User
from ticketing.publication.models import PublishedAnswer
from ticketing.ticket.models import Ticket

__all__ = ["chromium", "flooded"]  # fixtures
pytestmark = test_chromium.pytestmark
WEIGHT = 100_000


async def fill(page: Any, address: str) -> None:
    await goto(page, address)
    for name in ("what", "where", "phone"):
        await page.fill(f"#f-{name}", FORM[name])


async def published(core: Core, city: Database, ticket: Ticket) -> int:
    """An answer for everybody of this ticket, closed for it; returns its id."""
    now = core.clock.now()
    async with city.transaction() as session:
        people = [
            User(login=name, name=name, staff_number=name, role="supervisor", unit_id=1, password_hash="-") for name in ("one", "two")
        ]
        session.add_all(people)
        await session.flush()
        closed = {"state": "closed", "closed_at": now, "answer": "已责令停工", "satisfaction": "satisfied"}
        await session.execute(update(Ticket).where(Ticket.id == ticket.id).values(**closed))
        row = PublishedAnswer(
            ticket_id=ticket.id, state="published", line=ticket.line, title="工地夜里施工怎么办", asked="小区旁边的工地夜里还在施工。",
            answered="执法队当晚到场检查，已责令停止夜间施工。", district="临江区", author_id=people[0].id, reviewer_id=people[1].id,
            proposed_at=now, published_at=now,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        return row.id


ZOOMED = ("/", "/guide", "/guide/id-card-renewal", "/answers", "/appeal", "/track", "/mine", "/ask", "/figures")


@pytest.mark.parametrize("mode", ["standard", "elder"])
async def test_nothing_is_cut_at_200_percent(chromium: Any, client: Client, articles: list[Article], mode: str) -> None:
    """A window of 1280 x 720 at 200 % has 640 x 360 pixels of CSS."""
    context = await chromium.new_context(viewport={"width": 640, "height": 360}, device_scale_factor=2)
    page, problems = await context.new_page(), list[str]()
    await goto(page, str(client.make_url(f"/prefs?mode={mode}")))
    for path in ZOOMED:
        await goto(page, str(client.make_url(path)))
        over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            problems.append(f"{path} {mode}: {over} px too wide")
    await context.close()
    assert problems == []


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (script/bootstrap)")
@pytest.mark.parametrize(("mode", "scheme"), [("standard", "light"), ("elder", "dark")])
async def test_own_hints_and_proof_pages_are_accessible(
    chromium: Any, flooded: Client, core: Core, city: Database, make_ticket: MakeTicket, mode: str, scheme: str
) -> None:
    await make_ticket("江畔花园北门对面工地连续三晚打桩，要求停止", phone=PHONE, address="滨河路188号", district="临江区")
    context = await chromium.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
    page, problems = await context.new_page(), list[str]()
    site = str(flooded.make_url("/")).rstrip("/")
    await goto(page, f"{site}/prefs?mode={mode}&to=/mine")
    await test_chromium.check(page, f"mine {mode}", problems)
    await page.fill("#f-phone", PHONE)
    await page.click("main form button[type=submit]")
    await page.wait_for_selector("#f-code")
    await test_chromium.check(page, f"mine-sent {mode}", problems)
    [(_number, code)] = await codes_sent(core, city)
    await page.fill("#f-code", code)
    await page.click("main form button[type=submit]")
    await page.wait_for_selector(".linkrow")
    await test_chromium.check(page, f"mine-list {mode}", problems)
    other = await make_ticket("城南菜场门口每天早上占道", phone="13900009999", address="城南路")
    answer = await published(core, city, other.ticket)
    for path in ("/", "/appeal", "/track", "/figures", "/answers", f"/answers/{answer}"):
        await goto(page, f"{site}{path}")
        await test_chromium.check(page, f"{path.strip('/') or 'home'} {mode}", problems)
    await fill(page, f"{site}/appeal")
    await page.click("[data-send]")
    await page.wait_for_selector("#hints")
    await test_chromium.check(page, f"hints {mode}", problems)
    assert problems == []
    await context.close()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (script/bootstrap)")
async def test_without_javascript_the_ways_are_offered_and_fit(chromium: Any, flooded: Client, city: Database) -> None:
    context = await chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = await context.new_page()
    await goto(page, str(flooded.make_url("/prefs?mode=elder")))
    await fill(page, str(flooded.make_url("/appeal")))
    await page.click("[data-send]")
    await page.wait_for_selector("#asked")
    assert await page.input_value("#f-what") == FORM["what"]
    await test_chromium.look(page, "asked elder")
    await page.click("[value=held]")
    await page.wait_for_selector("text=正在核对")
    await test_chromium.look(page, "held elder")
    assert await tickets(city) == []
    await context.close()


@pytest.mark.parametrize("path", ["/", "/appeal"])
async def test_home_and_form_are_light_and_quick(chromium: Any, client: Client, articles: list[Article], path: str) -> None:
    context = await chromium.new_context(viewport={"width": 390, "height": 800})
    page = await context.new_page()
    await goto(page, str(client.make_url("/guide")))  # the templates are compiled and the process is warm
    await context.close()
    context = await chromium.new_context(viewport={"width": 390, "height": 800})  # with an empty cache
    page = await context.new_page()
    await goto(page, str(client.make_url(path)))
    sizes = await page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(e => [e.name, e.decodedBodySize])"
    )
    assert sum(size for _name, size in sizes) < WEIGHT, sizes
    await context.close()


async def test_a_draft_comes_back_without_name_and_number(chromium: Any, client: Client, city: Database) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await fill(page, str(client.make_url("/appeal")))
    await goto(page, str(client.make_url("/")))
    await goto(page, str(client.make_url("/appeal")))
    assert await page.input_value("#f-what") == FORM["what"]
    assert await page.input_value("#f-where") == FORM["where"]
    assert await page.input_value("#f-phone") == ""
    await page.fill("#f-phone", PHONE)
    await page.click("[data-send]")
    await page.wait_for_selector("#code")
    await goto(page, str(client.make_url("/appeal")))
    assert await page.input_value("#f-what") == "", "what was sent is no draft"
    await context.close()


async def test_the_position_is_told_when_its_button_is_pressed(chromium: Any, client: Client, city: Database) -> None:
    context = await chromium.new_context(geolocation={"latitude": 30.5, "longitude": 104.25}, permissions=["geolocation"])
    page = await context.new_page()
    await fill(page, str(client.make_url("/appeal")))
    assert await page.input_value("[name=position]") == ""
    await page.click("[data-position] button")
    await page.wait_for_selector("text=已带上您现在的位置")
    await page.click("[data-send]")
    await page.wait_for_selector("#code")
    [ticket] = await tickets(city)
    assert (float(ticket.latitude or 0), float(ticket.longitude or 0)) == (30.5, 104.25)
    await context.close()
