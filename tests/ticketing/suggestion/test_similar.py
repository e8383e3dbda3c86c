"""Open tickets that are the same matter."""

from __future__ import annotations

from sqlalchemy import select

from tests.ticketing.conftest import City
from ticketing.suggestion.models import TicketSignature
from ticketing.suggestion.similar import cells, similar_open
from ticketing.taxonomy.models import Category
from ticketing.ticket.dispatch import submit
from ticketing.ticket.edit import revise
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, Urgency

SAID = "江畔花园北门对面的工地半夜两点还在打桩，吵得一家老小睡不着"
AGAIN = "江畔花园北门那个工地夜里两点多还在打桩，吵得睡不着觉"


async def _like(city: City, actor: object, text: str, place: str = "") -> list[str]:
    async with city.database.transaction() as session:
        return [item.number for item in await similar_open(city.core, session, actor, text, place)]  # type: ignore[arg-type]


async def test_the_same_matter_in_other_words_is_found_and_another_is_not(city: City) -> None:
    first = (await city.register(content=SAID, address="江畔花园")).ticket.number
    other = (await city.register(content="文昌苑三号楼电梯停了一个星期，老人下不了楼", address="文昌苑", category_code=None)).ticket.number
    found = await _like(city, city.dispatcher, AGAIN)
    assert first in found
    assert other not in found


async def test_the_same_words_elsewhere_come_after_the_same_place(city: City) -> None:
    here = (await city.register(content="工地半夜打桩吵得睡不着", address="文昌苑东门")).ticket.number
    there = (await city.register(content="工地半夜打桩吵得睡不着", address="翠湖小区南门")).ticket.number
    assert (await _like(city, city.dispatcher, "工地半夜打桩吵得睡不着", "翠湖小区"))[0] == there
    assert (await _like(city, city.dispatcher, "工地半夜打桩吵得睡不着", "文昌苑"))[0] == here


async def test_a_ticket_is_not_like_itself_and_a_closed_one_is_not_offered(city: City) -> None:
    first = (await city.register(content=SAID)).ticket.number
    second = (await city.register(content=AGAIN)).ticket
    async with city.database.transaction() as session:
        assert [item.number for item in await similar_open(city.core, session, city.dispatcher, second)] == [first]
    async with city.database.transaction() as session:
        await session.connection()
        from sqlalchemy import text

        await session.execute(text("UPDATE ticket SET state = 'withdrawn' WHERE number = :number"), {"number": first})
    assert first not in await _like(city, city.dispatcher, AGAIN)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE ticket SET state = 'registered' WHERE number = :number"), {"number": first})
    assert first in await _like(city, city.dispatcher, AGAIN)


async def test_what_the_actor_may_not_see_is_not_offered(city: City) -> None:
    secret = await city.register(content=SAID, confidentiality=Confidentiality.SECRET)
    assert secret.ticket.number not in await _like(city, city.dispatcher, SAID)
    plain = await city.register(content=SAID)
    assert plain.ticket.number in await _like(city, city.dispatcher, SAID)
    assert plain.ticket.number not in await _like(city, city.water_clerk, SAID)


async def test_nothing_said_finds_nothing(city: City) -> None:
    await city.register(content=SAID)
    assert await _like(city, city.dispatcher, "！！") == []


def test_cells_are_small_positive_numbers_and_always_the_same() -> None:
    found = cells(SAID, "江畔花园", "0501")
    assert found == cells(SAID, "江畔花园", "0501")
    assert 17 <= len(found) <= 20
    assert all(0 <= cell < 2**31 for cell in found)


async def _cells(city: City, number: str) -> list[int]:
    async with city.database.transaction() as session:
        statement = select(TicketSignature.cells).join(Ticket, Ticket.id == TicketSignature.ticket_id).where(Ticket.number == number)
        return list(await session.scalar(statement) or ())


async def test_another_category_renews_the_signature(city: City) -> None:
    async with city.database.transaction() as session:
        session.add(Category(code="0301", group_name="03 公用事业", name="供水", unit_id=city.units["city"], keywords="停水"))
    number = (await city.register(content=SAID, address="江畔花园")).ticket.number
    assert await _cells(city, number) == cells(SAID, "江畔花园", "0501")
    await city.act(number, city.dispatcher, revise, category_code="0301", urgency=Urgency.NORMAL)
    assert await _cells(city, number) == cells(SAID, "江畔花园", "0301")
    await city.act(number, city.dispatcher, submit, category_code="0501", urgency=Urgency.NORMAL)
    assert await _cells(city, number) == cells(SAID, "江畔花园", "0501")
