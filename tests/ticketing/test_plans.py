"""What must not grow with the number of tickets: the plans of lists and searches, and what registering does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, select, text

from hotline.database import Database
from tests.ticketing.conftest import City
from ticketing.deadline.models import Deadline
from ticketing.ticket.access import access_ticket
from ticketing.ticket.lists import Place, count_tickets, list_tickets, place_of
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter, search_tickets

Statements = list[tuple[str, Any]]
BIG = ("ticket", "deadline", "assignment", "ticket_words", "event", "callback_task", "notice_delivery")


@contextmanager
def watched(database: Database) -> Iterator[Statements]:
    """Every statement with its parameters."""
    seen: Statements = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        seen.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def plans(city: City, statements: Statements) -> str:
    """Their plans; reading a whole table is forbidden as far as there is another way."""
    found = []
    async with city.database.engine.connect() as connection:
        await connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in statements:
            if statement.lstrip().startswith(("SELECT", "WITH")):
                found += [
                    str(row[0]) for row in (await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).all()
                ]  # fmt: skip
        await connection.exec_driver_sql("RESET enable_seqscan")
    return "\n".join(found)


async def fill(city: City, tickets: int) -> None:
    """Many tickets as SQL makes them, a tenth of them open with a clock."""
    made = (await city.register()).ticket
    columns = [name for name in Ticket.__table__.columns.keys() if name not in ("id", "number", "next_due_at", "content")]  # noqa: SIM118
    listed = ", ".join(columns)
    async with city.database.transaction() as session:
        await session.execute(
            text(
                f"INSERT INTO ticket (number, content, {listed}) SELECT 'x-' || n, '第' || n || '件路灯不亮', {listed} "
                "FROM ticket, generate_series(1, CAST(:n AS integer)) n WHERE id = :id"
            ),
            {"n": tickets, "id": made.id},
        )
        clocks = [name for name in Deadline.__table__.columns.keys() if name not in ("id", "ticket_id")]  # noqa: SIM118
        listed = ", ".join(clocks)
        of = "FROM deadline, ticket WHERE deadline.ticket_id = :id AND ticket.number LIKE 'x-%0'"
        copy = ", ".join(f"deadline.{name}" for name in clocks)
        await session.execute(text(f"INSERT INTO deadline (ticket_id, {listed}) SELECT ticket.id, {copy} {of}"), {"id": made.id})
    async with city.database.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.exec_driver_sql("VACUUM ANALYZE")


async def test_lesson_16_queue_search_and_ticket_read_by_indexes(city: City) -> None:
    await fill(city, 3000)
    with watched(city.database) as seen:
        async with city.database.transaction() as session:
            for actor in (city.dispatcher, city.clerk, city.callback, city.supervisor):
                for queue in Queue:
                    await list_tickets(city.core, session, actor, queue)
                await count_tickets(city.core, session, actor, list(Queue))
                await search_tickets(city.core, session, actor, TicketFilter(words="路灯不亮"))
            await access_ticket(city.core, session, city.dispatcher, "x-7")
    found = await plans(city, list({statement: (statement, parameters) for statement, parameters in seen}.values()))
    for table in BIG:
        assert f"Seq Scan on {table} " not in found, table
        assert f"Seq Scan on {table}\n" not in found, table
    for index in ("ix_ticket_state_next_due", "ix_ticket_words_cells", "ix_ticket_closed", "uq_ticket_number"):
        assert index in found


async def test_lesson_16_pages_of_a_queue_follow_each_other_without_gap_or_repetition(city: City) -> None:
    await fill(city, 120)
    async with city.database.transaction() as session:
        everything = [row.ticket.id for row in await list_tickets(city.core, session, city.dispatcher, Queue.ALL, limit=200)]
        paged: list[int] = []
        after: Place | None = None
        while rows := await list_tickets(city.core, session, city.dispatcher, Queue.ALL, limit=7, after=after):
            paged += [row.ticket.id for row in rows]
            after = Place.read(place_of(Queue.ALL, rows[-1].ticket).written())
    assert len(everything) == 121
    assert paged == everything


async def test_lesson_16_the_database_keeps_the_next_due_time(city: City) -> None:
    made = (await city.register()).ticket
    assignment = await city.dispatch(made.number)
    await city.handle(assignment)
    async with city.database.transaction() as session:
        kept = await session.scalar(select(Ticket.next_due_at).where(Ticket.id == made.id))
        clocks = await session.scalars(select(Deadline.due_at).where(Deadline.ticket_id == made.id, Deadline.state == "running"))
        assert kept == min(clocks)


def test_a_forged_place_is_the_first_page() -> None:
    for text_ in ("", "x", "!!", "WyIiLCAtMV0", "WyIyMDI2IiwgMV0", "bnVsbA", "W10"):
        assert Place.read(text_) is None


async def test_lesson_17_creating_a_ticket_touches_no_aggregate(city: City) -> None:
    """The same statements with the same plans among one ticket and among thousands."""
    await city.register()
    with watched(city.database) as few:
        await city.register()
    await fill(city, 3000)
    with watched(city.database) as many:
        await city.register()
    assert [statement for statement, _parameters in few] == [statement for statement, _parameters in many]
    assert len(many) <= 13
    found = await plans(city, many)
    for table in BIG:
        assert f"Seq Scan on {table}" not in found
