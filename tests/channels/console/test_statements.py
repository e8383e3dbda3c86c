"""How many statements a page needs: as many among many tickets as among few (lesson 16)."""

from __future__ import annotations

from sqlalchemy import event

from tests.channels.console.test_journey import _dispatch, _review, _to_review
from tests.channels.staff import Browser, City, Opener

QUEUE_MOST = 8
"""Session, deputies, unit, tickets, their lines, counts, versions of the rules; and once in a while the time of the last visit."""


TICKET_MOST = 8
"""Session, deputies, the ticket, what belongs to it, what depends on the person, urgings; catalogue and similar ones before dispatch."""
STATES = ("to_dispatch", "in_progress", "reply_review", "callback", "closed")


async def statements(city: City, browser: Browser, path: str) -> int:
    """How many the second visit needs; the first one fills what a process keeps."""
    return len(await said(city, browser, path))


async def said(city: City, browser: Browser, path: str) -> list[str]:
    """The statements of the second visit."""
    await browser.text(path)
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    engine = city.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await browser.text(path)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return seen


async def test_lesson_16_a_queue_page_needs_at_most_eight_statements_however_many_tickets(city: City, browser: Opener) -> None:
    page = await browser("dispatcher")
    paths = ("/console/tickets?queue=to_dispatch", "/console/tickets?queue=all", "/console/tickets?q=夜间施工")
    paths += ("/console/tickets?queue=all&category=0501&part=1", "/console/board?part=1")
    for _ in range(2):
        await city.register()
    few = [await statements(city, page, path) for path in paths]
    for _ in range(20):
        await city.register()
    many = [await statements(city, page, path) for path in paths]
    assert few == many
    assert max(many) <= QUEUE_MOST, many


async def test_lesson_16_the_ticket_page_needs_the_same_statements_however_many_tickets(city: City, browser: Opener) -> None:
    page = await browser("dispatcher")
    number = (await city.register()).ticket.number
    few = await statements(city, page, f"/console/tickets/{number}")
    for _ in range(20):
        await city.register()
    assert await statements(city, page, f"/console/tickets/{number}") == few


async def test_lesson_16_the_page_of_every_kind_of_ticket_needs_at_most_eight_statements(city: City, browser: Opener) -> None:
    """Fresh with proposal and similar ones, in progress, in review, to be called back, closed with everything; for every role."""
    numbers = {
        state: (await city.register(content=f"江畔花园北门工地夜间施工，影响休息，第{n}次")).ticket.number for n, state in enumerate(STATES)
    }
    await _dispatch(await browser("dispatcher"), city, numbers["in_progress"])
    for state in STATES[2:]:
        await _to_review(city, browser, numbers[state])
    for state in STATES[3:]:
        assert await _review(await browser("dispatcher"), numbers[state]) == 303
    caller = await browser("callback")
    fields = {"contacted": "yes", "solved": "yes", "satisfaction": "very_satisfied", "attitude": "good", "note": "很好"}
    assert (await caller.act(numbers["closed"], "visit", **fields)).status == 303
    fresh = await (await browser("dispatcher")).text(f"/console/tickets/{numbers['to_dispatch']}")
    assert "施工噪声" in fresh
    seen = 0
    for login in ("agent", "dispatcher", "clerk", "chief", "supervisor", "callback", "leader"):
        person = await browser(login)
        for state, number in numbers.items():
            path = f"/console/tickets/{number}"
            if (await person.get(path)).status == 404:
                continue
            found = await said(city, person, path)
            seen += 1
            assert len(found) <= TICKET_MOST, (login, state, [" ".join(statement.split())[:150] for statement in found])
    assert seen > 20
