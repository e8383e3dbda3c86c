"""Erasing a person: two people, nothing left to read anywhere, and the event chain whole afterwards."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import CheckConstraint, select

from hotline.errors import Conflict, IllegalStep, NotAllowed, NotFound
from hotline.events import enqueue, history
from hotline.schema import metadata
from tests.ticketing.conftest import City
from tests.ticketing.retention.test_run import WORDS, closed_ticket, rows_of_everything, say
from tests.ticketing.test_journey import DISSATISFIED, SATISFIED, ticket_of
from ticketing.attachment import removal
from ticketing.audit import seal
from ticketing.audit.verify import verify
from ticketing.callback import service as callbacks
from ticketing.citizen.models import Citizen
from ticketing.people.actor import Actor
from ticketing.retention.models import Erasure
from ticketing.retention.person import confirm_erasure, hold, request_erasure
from ticketing.retention.rules import Work
from ticketing.retention.run import run
from ticketing.retention.words import places
from ticketing.suggestion.models import TicketSignature
from ticketing.ticket.access import reveal
from ticketing.ticket.models import Ticket


async def ask(city: City, actor: Actor, **which: str) -> list[Erasure]:
    async with city.database.transaction() as session:
        return await request_erasure(Work(city.core, metadata), session, actor, reason="本人书面申请", **which)


async def confirm(city: City, actor: Actor, erasure_id: int) -> int:
    async with city.database.transaction() as session:
        return await confirm_erasure(Work(city.core, metadata), session, actor, erasure_id)


async def test_nothing_of_the_person_can_be_read_and_the_chain_is_whole(city: City) -> None:
    talk = await say(city, WORDS, "我叫周晓明")
    ticket = await closed_ticket(city, conversation_id=talk, name="周晓明")
    async with city.database.transaction() as session:
        theirs = await session.get_one(Ticket, ticket.id)
        await reveal(city.core, session, city.dispatcher, theirs, "周晓明要求约时间")
        payload = {"text": "周晓明您好"}
        await enqueue(
            session, at=city.clock.now(), channel="sms", kind="text", recipient=str(theirs.citizen_id), payload=payload, dedupe_key="x"
        )
    await seal.run(city.core, city.database)
    [row] = await ask(city, city.admin, number=ticket.number)
    assert await confirm(city, city.supervisor, row.id) == 1
    everything = await rows_of_everything(city)
    for words in ("周晓明", "13900002716", "2单元501室", "反映噪音"):
        assert words not in everything
    async with city.database.transaction() as session:
        citizen = (await session.scalars(select(Citizen))).one()
        after = await session.get_one(Ticket, ticket.id)
        assert await session.get(TicketSignature, ticket.id) is None  # what the words were compared by
        events = await history(session, "ticket", ticket.id)
        last = (await history(session, "person", citizen.id))[-1]
    assert citizen.erased_at == city.clock.now()
    assert (after.category_code, after.number, after.citizen_id) == (ticket.category_code, ticket.number, None)
    assert (events[-1].name, last.name, last.data) == ("person.erased", "person.erased", {"tickets": 1})
    assert all("reason" not in event.data for event in events if event.name == "view.revealed")
    await removal.run(city.core, city.database)
    assert [path for path in (city.core.data_dir / "files").glob("**/*") if path.is_file()] == []
    await seal.run(city.core, city.database)
    verdict = await verify(city.database)
    assert (verdict.broken, verdict.unsealed) == (None, 0)


async def test_two_people_are_told_apart_by_their_accounts_and_not_by_their_names(city: City) -> None:
    [row] = await ask(city, city.admin, number=(await closed_ticket(city)).number)
    with pytest.raises(NotAllowed, match="另一位"):
        await confirm(city, replace(city.admin, label="改名以后 0001"), row.id)
    assert await confirm(city, replace(city.supervisor, label=city.admin.label), row.id) == 1


async def test_one_person_alone_erases_nobody(city: City) -> None:
    ticket = await closed_ticket(city)
    with pytest.raises(NotAllowed):
        await ask(city, city.clerk, number=ticket.number)
    [row] = await ask(city, city.admin, number=ticket.number)
    for actor in (city.admin, city.dispatcher):
        with pytest.raises(NotAllowed):
            await confirm(city, actor, row.id)
    with pytest.raises(Conflict):
        await ask(city, city.supervisor, number=ticket.number)
    await confirm(city, city.supervisor, row.id)
    with pytest.raises(NotFound):
        await confirm(city, city.supervisor, row.id)


async def test_what_is_still_handled_or_held_is_not_erased(city: City) -> None:
    ticket = await closed_ticket(city)
    open_one = (await city.register(phone="13900002717")).ticket
    with pytest.raises(IllegalStep, match="还在办理"):
        await ask(city, city.admin, number=open_one.number)
    [row] = await ask(city, city.admin, number=ticket.number)
    async with city.database.transaction() as session:
        await hold(Work(city.core, metadata), session, city.admin, await session.get_one(Ticket, ticket.id), "行政诉讼")
    with pytest.raises(IllegalStep, match="须保留"):
        await confirm(city, city.supervisor, row.id)


async def test_a_person_is_found_by_the_hash_of_the_phone(city: City) -> None:
    ticket = await closed_ticket(city)
    other = await closed_ticket(city, phone="13900009999", name="李四")
    fingerprint = city.core.vault.fingerprint("+8613900002716", "phone")
    rows = await ask(city, city.admin, phone_hash=fingerprint)
    for row in rows:
        await confirm(city, city.supervisor, row.id)
    async with city.database.transaction() as session:
        assert (await session.get_one(Ticket, ticket.id)).anonymised_at is not None
        assert (await session.get_one(Ticket, other.id)).anonymised_at is None
    with pytest.raises(NotFound):
        await ask(city, city.admin, phone_hash=fingerprint)


async def test_an_anonymous_ticket_is_erased_alone(city: City) -> None:
    ticket = await closed_ticket(city, anonymous=True, name="", phone="")
    [row] = await ask(city, city.admin, number=ticket.number)
    await confirm(city, city.supervisor, row.id)
    assert "反映噪音" not in await rows_of_everything(city)


async def worked_ticket(city: City) -> Ticket:
    """Dispatched, urged, returned for a second round, replied, visited: words in as many tables as a ticket ever has."""
    number = (await city.register(content=WORDS)).ticket.number
    assignment = await city.dispatch(number)
    await city.handle(assignment)
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, DISSATISFIED)
    await city.reply(assignment, explanation="周女士家上次只做了临时处理，这次安排专人值守到完工为止")
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED)
    return await ticket_of(city, number)


async def test_a_ticket_with_its_whole_life_can_be_erased(city: City) -> None:
    """Every rule that the tables have for replies, requests and visits holds for what stands there afterwards."""
    ticket = await worked_ticket(city)
    [row] = await ask(city, city.admin, number=ticket.number)
    await confirm(city, city.supervisor, row.id)
    everything = await rows_of_everything(city)
    for words in ("周女士", "临时处理", "连续三晚巡查", "13900002716"):
        assert words not in everything
    assert (await ticket_of(city, ticket.number)).satisfaction == "satisfied"


async def test_a_ticket_with_its_whole_life_can_be_archived_and_anonymised(city: City) -> None:
    ticket = await worked_ticket(city)
    for days in (30, 1900):
        city.clock.advance(days=days)
        outcomes = await run(city.core, city.database, metadata, dry=False)
        assert [outcome.kind for outcome in outcomes if outcome.failed] == []
    after = await ticket_of(city, ticket.number)
    assert (after.state, after.anonymised_at) == ("archived", city.clock.now())
    everything = await rows_of_everything(city)
    assert "周女士" not in everything
    assert "连续三晚巡查" in everything, "what was done stays known"


def test_no_column_of_a_list_of_codes_is_taken_for_words() -> None:
    """Words that are put in place of an enumeration break the table's own rule: nobody could be erased who has such a row."""
    for root in ("ticket", "conversation"):
        for place in places(metadata, root):
            rules = " ".join(str(rule.sqltext) for rule in place.table.constraints if isinstance(rule, CheckConstraint))
            coded = [column.name for column in place.columns if re.search(rf"\b{column.name} IN \('", rules)]
            assert coded == [], place.table.name
