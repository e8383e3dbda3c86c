"""How many statements a page needs: as many among many tickets as among few (lesson 16)."""

from __future__ import annotations

from sqlalchemy import event

from tests.channels.staff import Browser, City, Opener

QUEUE_MOST = 8
"""Session, deputies, unit, tickets, their lines, counts, versions of the rules; and once in a while the time of the last visit."""


async def statements(city: City, browser: Browser, path: str) -> int:
    """How many the second visit needs; the first one fills what a process keeps."""
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
    return len(seen)


async def test_lesson_16_a_queue_page_needs_at_most_eight_statements_however_many_tickets(city: City, browser: Opener) -> None:
    page = await browser("dispatcher")
    paths = ("/console/tickets?queue=to_dispatch", "/console/tickets?queue=all", "/console/tickets?q=夜间施工")
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
