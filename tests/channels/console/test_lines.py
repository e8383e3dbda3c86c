"""Lines: what people bound to one see, and the page where they are kept (A01, A07, A08)."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from hotline.events import history
from tests.channels.console.test_people import save
from tests.channels.staff import Browser, City, Opener
from ticketing.conversation import calls
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message
from ticketing.people.lines import resolve_line
from ticketing.people.models import Line, LineAlias, User
from ticketing.ticket.models import Ticket

PAGE = "/console/lines"


@pytest.fixture
async def city(city: City) -> City:
    """With a second line, and supervisor, agent and inspector bound to it."""
    async with city.database.transaction() as session:
        session.add_all([Line(number="12345", name="政务热线"), Line(number="12319", name="城管热线", greeting="您好，这里是城管热线")])
        await session.flush()
        session.add(LineAlias(number="96111", line="12319"))
        bound = update(User).where(User.login.in_(["supervisor", "agent2", "quality"]))
        await session.execute(bound.values(line="12319"))
    return city


async def call(city: City, called: str, words: str, *, ended: bool = False) -> str:
    async with city.database.transaction() as session:
        conversation, made = await calls.start_call(
            city.core, session, sip_call_id=uuid4().hex, caller="13900002716", called=called, codec="PCMA", worker="w", transcriber="t"
        )
        await add_message(city.core, session, conversation, Author.CITIZEN, words)
        if ended:
            await calls.end_call(city.core, session, made.id, reason="finished", recording_path="recordings/x.wav", recording_seconds=1.0)
        return str(made.id)


async def test_the_desk_of_a_line_shows_only_its_calls(browser: Opener, city: City) -> None:
    await call(city, "12345", "城市那边的电话")
    await call(city, "12319", "城管自己的电话")
    await call(city, "96111", "别名打来的电话")
    body = await (await browser("agent2")).text("/console/desk")
    assert ("城管自己的电话" in body, "别名打来的电话" in body, "城市那边的电话" in body) == (True, True, False)
    body = await (await browser("agent")).text("/console/desk")
    assert ("城管自己的电话" in body, "城市那边的电话" in body) == (True, True)


async def test_recordings_of_another_line_do_not_exist(browser: Opener, city: City) -> None:
    mine, other = [await call(city, number, "录音", ended=True) for number in ("96111", "12345")]
    inspector = await browser("quality")
    body = await inspector.text("/console/recordings")
    assert (mine in body, other in body) == (True, False)
    assert (await inspector.get(f"/console/recordings/{mine}")).status == 200
    assert (await inspector.get(f"/console/recordings/{other}")).status == 404


async def test_lists_and_exports_of_a_line_manager_hold_only_that_line(browser: Opener, city: City) -> None:
    mine = (await city.register()).ticket.number
    other = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        await session.execute(update(Ticket).where(Ticket.number == mine).values(line="12319"))
    manager = await browser("supervisor")
    for path in ("/console/tickets?queue=all", "/console/export/tickets.csv"):
        response = await manager.get(path)
        body = (await response.read()).decode("utf-8-sig")
        assert response.status == 200, path
        assert (mine in body, other in body) == (True, False), path
    assert (await manager.get(f"/console/tickets/{other}")).status == 404


async def test_the_administrator_adds_changes_and_switches_lines(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    fields = {"number": "12350", "name": "安全生产热线", "greeting": "您好，这里是安全生产热线", "aliases": "96119， 96120"}
    assert (await save(admin, PAGE, f"{PAGE}/new", **fields))[0] == 303
    assert (await save(admin, PAGE, f"{PAGE}/12350", **{**fields, "aliases": "96119"}))[0] == 303
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(LineAlias.number).where(LineAlias.line == "12350"))) == ["96119"]
        line = await resolve_line(session, "96119")
        assert line is not None
        assert line.greeting == fields["greeting"]
    assert (await save(admin, PAGE, f"{PAGE}/12350/off"))[0] == 303
    async with city.database.transaction() as session:
        assert await resolve_line(session, "12350") is None
        assert [event.name for event in await history(session, "line", "12350")] == ["line.added", "line.changed", "line.switched_off"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"number": "12a"}, 422),
        ({"number": "12345"}, 409),
        ({"number": "96111"}, 409),
        ({"name": "城管热线"}, 409),
        ({"name": "一"}, 422),
        ({"greeting": "长" * 61}, 422),
        ({"aliases": "96111"}, 409),
        ({"aliases": "12319"}, 409),
        ({"aliases": "<b>"}, 422),
        ({"aliases": ",".join(str(96200 + n) for n in range(21))}, 422),
    ],
)
async def test_what_does_not_fit_comes_back_with_its_words(browser: Opener, city: City, fields: dict[str, str], status: int) -> None:
    admin = await browser("admin")
    good = {"number": "12350", "name": "安全生产热线", "greeting": "", "aliases": ""}
    found, body = await save(admin, PAGE, f"{PAGE}/new", **{**good, **fields})
    assert (found, 'id="problem"' in body) == (status, True)
    async with city.database.transaction() as session:
        assert set(await session.scalars(select(Line.number))) == {"12345", "12319"}


async def test_the_own_number_cannot_be_switched_off(browser: Opener, city: City) -> None:
    admin = await browser("admin")
    hidden = await admin.form(PAGE, f"{PAGE}/12345")
    assert (await admin.post(f"{PAGE}/12345/off", hidden)).status == 422
    assert (await admin.post(f"{PAGE}/12399/off", hidden)).status == 404


@pytest.mark.parametrize("login", ["agent", "supervisor", "dispatcher", "clerk", "leader"])
async def test_only_the_administrator_keeps_the_lines(browser: Opener, city: City, login: str) -> None:
    person: Browser = await browser(login)
    assert (await person.get(PAGE)).status == 403


async def test_nothing_is_registered_under_a_line_that_is_off(browser: Opener, city: City) -> None:
    """Its people see and work on what is open; new matters belong to the city's own line. What was typed stays."""
    async with city.database.transaction() as session:
        await session.execute(update(Line).where(Line.number == "12319").values(active=False))
    agent = await browser("agent2")
    page = "/console/tickets/new"
    words = {"content": "滨河路路灯三天不亮", "kind": "complaint", "urgency": "normal", "confidentiality": "masked", "district": "全市",
             "contact_by": "phone", "phone": "13900002716"}  # fmt: skip
    refused = await agent.post(page, {**await agent.form(page, page), **words})
    body = await refused.text()
    assert "12319线路已经停用" in body
    assert words["content"] in body
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 0
    other = await browser("agent")
    assert (await other.post(page, {**await other.form(page, page), **words})).status == 303
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Ticket.line))) == ["12345"]
