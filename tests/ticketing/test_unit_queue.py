"""The table behind a unit's queues says what the assignments and their tickets say, whatever happens to them."""

from __future__ import annotations

from sqlalchemy import text

from tests.ticketing.conftest import City
from ticketing.assignment.models import Assignment
from ticketing.ticket.lists import Place, list_tickets, place_of
from ticketing.ticket.queues import Queue
from ticketing.ticket.triggers import QUEUE_COLUMNS, QUEUED

_DIFFERS = text(  # constants of ours
    f"(TABLE unit_queue EXCEPT ({QUEUED})) UNION ALL (({QUEUED}) EXCEPT SELECT {QUEUE_COLUMNS} FROM unit_queue)"
)


async def assert_kept(city: City) -> None:
    """Not one row more, less or different."""
    async with city.database.transaction() as session:
        columns = await session.scalars(
            text("SELECT column_name FROM information_schema.columns WHERE table_name = 'unit_queue' ORDER BY ordinal_position")
        )
        assert ", ".join(columns) == QUEUE_COLUMNS  # TABLE gives them in this order
        assert (await session.execute(_DIFFERS)).all() == []


async def test_lesson_16_the_database_keeps_what_lies_at_the_units(city: City) -> None:
    made = (await city.register()).ticket
    await assert_kept(city)
    assignment = await city.dispatch(made.number)
    await assert_kept(city)
    await city.handle(assignment)
    await assert_kept(city)
    async with city.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM unit_queue")) == 1
        await session.execute(text("UPDATE assignment SET state = 'returned'"))
    await assert_kept(city)
    async with city.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM unit_queue")) == 0
        await session.execute(text("UPDATE assignment SET state = 'working'"))
        await session.execute(text("DELETE FROM deadline"))
    await assert_kept(city)


async def test_lesson_16_a_unit_pages_through_its_queue_without_gap_or_repetition(city: City) -> None:
    """Two parts of one ticket at one unit are one line, also where a page ends."""
    numbers = [(await city.register()).ticket.number for _ in range(7)]
    for number in numbers:
        await city.dispatch(number)
    async with city.database.transaction() as session:
        columns = ", ".join(name for name in Assignment.__table__.columns.keys() if name not in ("id", "lead"))  # noqa: SIM118
        await session.execute(text(f"INSERT INTO assignment (lead, {columns}) SELECT false, {columns} FROM assignment"))
    await assert_kept(city)
    for queue in (Queue.ALL, Queue.MINE, Queue.IN_PROGRESS):
        async with city.database.transaction() as session:
            found: list[str] = []
            after: Place | None = None
            while rows := await list_tickets(city.core, session, city.clerk, queue, limit=2, after=after):
                found += [row.ticket.number for row in rows]
                assert len(rows) == 2 or len(found) == 7
                after = Place.read(place_of(queue, rows[-1].ticket).written())
        assert sorted(found) == sorted(numbers), queue
        assert len(set(found)) == 7


async def test_a_part_that_waits_is_shown_beside_one_that_is_done(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    async with city.database.transaction() as session:
        columns = ", ".join(name for name in Assignment.__table__.columns.keys() if name not in ("id", "lead"))  # noqa: SIM118
        await session.execute(text(f"INSERT INTO assignment (lead, {columns}) SELECT false, {columns} FROM assignment"))
        await session.execute(text("UPDATE assignment SET state = 'replied' WHERE lead"))
    async with city.database.transaction() as session:
        assert [row.ticket.number for row in await list_tickets(city.core, session, city.clerk, Queue.MINE)] == [number]
