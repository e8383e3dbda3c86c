"""The quick ways to the tickets of a queue find exactly what the door lets this person see: page, count and plain condition agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.ticketing.conftest import City
from ticketing.people.actor import Actor
from ticketing.ticket.access import visible
from ticketing.ticket.lists import MOST, count_tickets, filter_tickets, list_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import Queue, condition
from ticketing.ticket.search import TicketFilter

TICKETS = 60
_MIXED = """UPDATE ticket SET
    state = (ARRAY['to_dispatch', 'in_progress', 'reply_review', 'callback', 'closed', 'suspended'])[1 + id % 6],
    closed_at = CASE WHEN id % 6 = 4 THEN received_at END, no_callback_reason = CASE WHEN id % 6 = 4 THEN 'unreached' END,
    confidentiality = CASE WHEN id % 4 = 0 THEN 'secret' ELSE 'masked' END, line = CASE WHEN id % 5 = 0 THEN '12319' ELSE line END,
    created_by_id = CASE WHEN id % 7 = 0 THEN CAST(:clerk AS bigint) WHEN id % 7 = 1 THEN CAST(:agent AS bigint) END,
    urgency = CASE WHEN id % 5 = 1 THEN 'emergency' ELSE urgency END,
    extra = CASE WHEN id % 9 = 0 THEN jsonb_build_object('named', jsonb_build_array(CAST(:clerk AS bigint), CAST(:callback AS bigint)))
        ELSE extra END,
    received_at = received_at - interval '1 day' * (id % 3)"""
_CLOCKS = """UPDATE deadline SET started_at = CAST(:now AS timestamptz) - interval '9 days', original_due_at = NULL,
    due_at = CAST(:now AS timestamptz) + interval '1 hour' * (ticket_id % 11 - 5),
    white_at = CAST(:now AS timestamptz) + interval '1 hour' * (ticket_id % 11 - 9),
    yellow_at = CASE WHEN ticket_id % 3 = 0 THEN CAST(:now AS timestamptz) + interval '1 hour' * (ticket_id % 11 - 8) END,
    state = CASE WHEN ticket_id % 6 = 4 THEN 'met' ELSE 'running' END, next_stage_at = NULL,
    stopped_at = CASE WHEN ticket_id % 6 = 4 THEN CAST(:now AS timestamptz) END"""
_ASSIGNED = """INSERT INTO assignment (ticket_id, unit_id, lead, state, instruction, assigned_at)
    SELECT id, CASE WHEN id % 8 < 5 THEN CAST(:own AS bigint) ELSE CAST(:other AS bigint) END, :lead,
        (ARRAY['working', 'assigned', 'replied', 'unit_review', 'returned'])[1 + (id + :shift) % 5], '', received_at
    FROM ticket WHERE id % 3 <> :without"""
_CALLED = """INSERT INTO callback_task (ticket_id, round, state, kind, plan, created_at, finished_at, user_id, note, by, attempts)
    SELECT id, 1, CASE WHEN id % 6 = 3 THEN 'open' ELSE 'cancelled' END, 'callback', 'clerk', received_at,
        CASE WHEN id % 6 <> 3 THEN received_at END, CASE WHEN id % 4 = 1 THEN CAST(:callback AS bigint) END, '', 'clerk', 0
    FROM ticket WHERE id % 6 IN (3, 4)"""


@pytest.fixture
async def mixed(city: City) -> City:
    """Tickets of every kind that a queue distinguishes: state, secrecy, line, clocks, parts at units, callbacks, who registered them."""
    for _ in range(TICKETS):
        await city.register()
    ids = {name: city.people[name].user_id for name in ("clerk", "agent", "callback")}
    units = {"own": city.units["city"], "other": city.units["water"]}
    async with city.database.transaction() as session:
        await session.execute(text(_MIXED), ids)
        await session.execute(text(_CLOCKS), {"now": city.core.clock.now()})
        await session.execute(text(_ASSIGNED), {**units, "lead": True, "shift": 0, "without": 2})
        await session.execute(text(_ASSIGNED), {**units, "lead": False, "shift": 1, "without": 1})  # two parts of some tickets
        await session.execute(text(_CALLED), {"callback": ids["callback"]})
    return city


async def by_the_door(city: City, session: AsyncSession, actor: Actor, queue: Queue) -> set[int]:
    """Nothing but the door and the queue's own condition."""
    wanted = condition(actor, queue, city.core.clock.now())
    return set(await session.scalars(select(Ticket.id).where(visible(city.core, actor), wanted)))


async def test_page_and_count_of_every_queue_are_what_the_door_lets_each_person_see(mixed: City) -> None:
    people = [mixed.people[name] for name in ("dispatcher", "clerk", "chief", "agent", "callback", "quality", "admin")]
    of_line = [replace(mixed.people[name], line="12319") for name in ("clerk", "dispatcher")]
    somewhere, secret, filtered = 0, 0, 0
    async with mixed.database.transaction() as session:
        for actor in (*people, *of_line):
            counts = await count_tickets(mixed.core, session, actor, list(Queue))
            for queue in Queue:
                seen = await by_the_door(mixed, session, actor, queue)
                rows = [row.ticket for row in await list_tickets(mixed.core, session, actor, queue, limit=200)]
                assert sorted(ticket.id for ticket in rows) == sorted(seen), (actor.label, queue)
                assert counts[queue] == min(len(seen), MOST), (actor.label, queue)
                some = TicketFilter(queue=queue, states=("in_progress", "callback", "closed"), urgency="normal")
                expected = {ticket.id for ticket in rows if ticket.state in some.states and ticket.urgency == some.urgency}
                page = await filter_tickets(mixed.core, session, actor, some, limit=200)
                assert sorted(row.ticket.id for row in page) == sorted(expected), (actor.label, queue)
                filtered += len(expected)
                somewhere += bool(seen)
                secret += any(ticket.confidentiality == "secret" for ticket in rows)
    assert somewhere > 30
    assert filtered > 30
    assert secret > 10  # those who registered them or are named: the comparison is about something


async def test_a_secret_ticket_of_the_unit_is_neither_listed_nor_counted(mixed: City) -> None:
    other = replace(mixed.clerk, user_id=4711)  # a colleague who is named nowhere
    async with mixed.database.transaction() as session:
        before = await count_tickets(mixed.core, session, other, list(Queue))
        await session.execute(text("UPDATE ticket SET confidentiality = 'secret'"))
        assert before[Queue.ALL] > 5
        assert set((await count_tickets(mixed.core, session, other, list(Queue))).values()) == {0}
        assert await list_tickets(mixed.core, session, other, Queue.ALL) == []
        assert (await count_tickets(mixed.core, session, mixed.clerk, [Queue.ALL]))[Queue.ALL] > 0  # registered some, is named on some


async def test_a_clock_is_over_due_from_its_moment_on_and_not_only_after_the_sweep(city: City) -> None:
    ticket = (await city.register()).ticket
    async with city.database.transaction() as session:
        assert await count_tickets(city.core, session, city.dispatcher, [Queue.OVERDUE, Queue.DUE_SOON]) == {
            Queue.OVERDUE: 0,
            Queue.DUE_SOON: 0,
        }
        white, due = (await session.execute(select(Ticket.next_white_at, Ticket.next_due_at).where(Ticket.id == ticket.id))).one()
    assert white
    assert due
    city.clock.advance(seconds=(white - city.clock.now()).total_seconds())
    async with city.database.transaction() as session:
        assert [row.ticket.id for row in await list_tickets(city.core, session, city.dispatcher, Queue.DUE_SOON)] == [ticket.id]
    city.clock.advance(seconds=(due - city.clock.now()).total_seconds())
    async with city.database.transaction() as session:
        assert await list_tickets(city.core, session, city.dispatcher, Queue.DUE_SOON) == []
        assert [row.ticket.id for row in await list_tickets(city.core, session, city.dispatcher, Queue.OVERDUE)] == [ticket.id]
