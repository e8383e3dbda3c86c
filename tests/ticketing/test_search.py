"""Search by text: Chinese words of any length inside longer runs, newest first, only what the actor may see."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.ticketing.conftest import City
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.search import TicketFilter, search_tickets

RUN = "江畔花园北门对面工地每天夜间施工到两点老人休息不好"


async def numbers(city: City, actor: Actor, words: str, **more: Any) -> list[str]:
    async with city.database.transaction() as session:
        found = await search_tickets(city.core, session, actor, TicketFilter(words=words, **more))
        return [row.ticket.number for row in found]


@pytest.mark.parametrize("words", ["施工", "夜间施", "夜间施工", "每天夜间施工", "老人 施工", "工", "江畔花园 两点", "好"])
async def test_lesson_18_words_of_one_two_three_four_and_six_characters_are_found_inside_longer_runs(city: City, words: str) -> None:
    wanted = (await city.register(content=RUN, address="")).ticket.number
    await city.register(content="小区停水三天没有通知", address="")
    assert await numbers(city, city.dispatcher, words) == [wanted]


@pytest.mark.parametrize("words", ["工施", "施工 停水", "夜间停水", "%", "_", "施%工", "线", "\\"])
async def test_lesson_18_pairs_alone_do_not_make_a_find(city: City, words: str) -> None:
    await city.register(content=RUN, address="")
    assert await numbers(city, city.dispatcher, words) == []


async def test_title_address_latin_letters_and_the_end_of_the_number_are_found(city: City) -> None:
    made = (await city.register(content=RUN, title="噪声扰民", address="滨河路KTV旁")).ticket.number
    for words in ("噪声", "ktv", "滨河路K", made, made[-5:], made[-8:]):
        assert await numbers(city, city.dispatcher, words) == [made], words


async def test_finds_come_newest_first_and_page_by_page(city: City) -> None:
    made = [(await city.register(content=f"{RUN}{n}")).ticket for n in range(5)]
    async with city.database.transaction() as session:
        wanted = TicketFilter(words="夜间施工")
        first = await search_tickets(city.core, session, city.dispatcher, wanted, limit=2)
        second = await search_tickets(city.core, session, city.dispatcher, wanted, limit=9, before=first[-1].ticket.id)
    assert [row.ticket.id for row in (*first, *second)] == [ticket.id for ticket in reversed(made)]


async def test_blocks_of_tickets_are_searched_one_after_the_other(city: City) -> None:
    """Tickets that lie far apart by their id, as after years."""
    for _ in range(2):
        await city.register(content=RUN)
        async with city.database.transaction() as session:
            await session.execute(text("SELECT setval('ticket_id_seq', nextval('ticket_id_seq') + 40000)"))
    last = (await city.register(content=RUN)).ticket
    assert last.id > 80_000
    assert len(await numbers(city, city.dispatcher, "夜间施工")) == 3


async def test_a_unit_finds_only_its_own(city: City) -> None:
    theirs = (await city.register(content=RUN)).ticket.number
    await city.register(content=RUN)
    await city.dispatch(theirs)
    assert await numbers(city, city.clerk, "夜间施工") == [theirs]


async def test_words_that_were_changed_or_erased_are_found_no_more(city: City) -> None:
    made = (await city.register(content=RUN, title="夜间施工")).ticket
    async with city.database.transaction() as session:
        ticket = await session.get_one(Ticket, made.id)
        ticket.content, ticket.title = "路灯不亮", "路灯"
    assert await numbers(city, city.dispatcher, "夜间施工") == []
    assert await numbers(city, city.dispatcher, "灯不亮") == [made.number]
