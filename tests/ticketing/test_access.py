"""The one door: who sees which ticket (domain.md 4b), masked persons, and what does not exist for others."""

from __future__ import annotations

import pytest

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.assignment.service import sign
from ticketing.people.actor import Actor
from ticketing.ticket.access import access_by_code, access_ticket, person_of, reveal
from ticketing.ticket.lists import count_tickets, list_tickets
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter, search_tickets
from ticketing.ticket.states import Confidentiality


async def sees(city: City, actor: Actor, number: str) -> bool:
    async with city.database.transaction() as session:
        try:
            await access_ticket(city.core, session, actor, number)
        except NotFound:
            listed = [row.ticket.number for row in await list_tickets(city.core, session, actor, Queue.ALL)]
            assert number not in listed  # page and list agree
            return False
        return True


async def test_who_sees_an_ordinary_ticket(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    seen = {name for name, actor in city.people.items() if await sees(city, actor, number)}
    assert seen == {"agent", "agent2", "dispatcher", "clerk", "chief", "supervisor", "leader"}


async def test_a_secret_ticket_is_seen_only_by_the_people_named_on_it(city: City) -> None:
    number = (
        await city.register(
            confidentiality=Confidentiality.SECRET,
            named_user_ids=tuple(city.people[name].user_id for name in ("agent2", "quality", "admin", "dispatcher")),
        )
    ).ticket.number
    seen = {name for name, actor in city.people.items() if await sees(city, actor, number)}
    assert seen == {"dispatcher"}  # of agents only the receiver; never the inspector or the administrator


async def test_agents_see_todays_tickets_only(city: City) -> None:
    number = (await city.register()).ticket.number
    city.clock.advance(days=1)
    assert not await sees(city, city.agent, number)


async def test_people_of_one_line_see_that_line_only(city: City) -> None:
    number = (await city.register()).ticket.number
    theirs = Actor(city.dispatcher.kind, "x", 999, city.dispatcher.role, None, line="12319")
    assert not await sees(city, theirs, number)


async def test_persons_are_masked_and_revealing_leaves_a_trace(city: City) -> None:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.clerk, number, lock=True)
        with pytest.raises(NotAllowed):  # only the contact person of the unit, who signed for it
            await reveal(city.core, session, city.clerk, ticket, "约定上门时间")
    await city.by_unit(city.clerk, sign, assignment)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.clerk, number, lock=True)
        masked = await person_of(city.core, session, ticket)
        assert (masked.name, masked.phone) == ("周**", "139 **** 2716")
        for nothing in (" ", "....", "\u200b\u200b\u200b\u200b"):
            with pytest.raises(InvalidInput):
                await reveal(city.core, session, city.clerk, ticket, nothing)
        with pytest.raises(NotAllowed):
            await reveal(city.core, session, city.leader, ticket, "想看一看是谁")
        assert (await reveal(city.core, session, city.clerk, ticket, "约定上门时间")).phone == "13900002716"
        last = (await history(session, "ticket", ticket.id))[-1]
    assert (last.name, last.data["reason"], last.public) == ("view.revealed", "约定上门时间", False)


async def test_the_citizens_door_needs_number_and_code(city: City) -> None:
    registered = await city.register()
    async with city.database.transaction() as session:
        found = await access_by_code(city.core, session, registered.ticket.number, f" {registered.query_code.lower()} ")
        assert found.id == registered.ticket.id
        for number, code in ((registered.ticket.number, "AAAAAAAA"), ("12345-20260101-00001", registered.query_code), ("", "")):
            with pytest.raises(NotFound):
                await access_by_code(city.core, session, number, code)


async def test_counts_agree_with_lists_and_wildcards_are_literal(city: City) -> None:
    for _ in range(3):
        await city.register()
    async with city.database.transaction() as session:
        counts = await count_tickets(city.core, session, city.dispatcher, list(Queue))
        for queue, count in counts.items():
            assert len(await list_tickets(city.core, session, city.dispatcher, queue)) == count
        assert counts[Queue.TO_DISPATCH] == 3
        assert await search_tickets(city.core, session, city.dispatcher, TicketFilter(words="%")) == []
        assert len(await search_tickets(city.core, session, city.dispatcher, TicketFilter(words="夜间施工"))) == 3
