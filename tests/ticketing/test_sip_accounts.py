"""Agents' telephones: who may give them, what the edge sees of them."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.events import Event
from tests.ticketing.conftest import City
from ticketing.people.models import User
from ticketing.sip_account.models import SipAccount
from ticketing.sip_account.service import NewTelephone, ha1, issue, telephones, withdraw


async def give(city: City, person: str = "agent", extension: str = "2001") -> NewTelephone:
    async with city.database.transaction() as session:
        return await issue(city.core, session, city.admin, city.people[person].user_id or 0, extension)


async def seen_by_the_edge(city: City) -> dict[str, str]:
    async with city.database.transaction() as session:
        return {row.username: row.ha1 for row in await session.execute(text("SELECT username, ha1 FROM sip_subscriber"))}


async def test_a_telephone_is_given_and_given_anew(city: City) -> None:
    first = await give(city)
    assert await seen_by_the_edge(city) == {"2001": ha1("2001", first.password)}
    second = await give(city, extension="2002")
    assert second.password != first.password
    assert await seen_by_the_edge(city) == {"2002": ha1("2002", second.password)}
    async with city.database.transaction() as session:
        assert [account.extension for _, account in await telephones(session, city.admin)] == ["2002"]
        names = list(await session.scalars(select(Event.name).where(Event.name.like("telephone.%"))))
        assert names == ["telephone.issued"] * 2
        stored = (await session.scalars(select(SipAccount.ha1))).one()
        assert second.password not in stored


async def test_who_is_switched_off_or_has_given_it_back_is_not_seen(city: City) -> None:
    await give(city)
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.id == city.agent.user_id).values(active=False))
    assert await seen_by_the_edge(city) == {}
    async with city.database.transaction() as session:
        await withdraw(city.core, session, city.admin, city.agent.user_id or 0)
    async with city.database.transaction() as session:
        assert await telephones(session, city.admin) == []
        with pytest.raises(NotFound):
            await withdraw(city.core, session, city.admin, city.agent.user_id or 0)


@pytest.mark.parametrize("extension", ["110", "12345", "1001", "9001", "20011", "2001\n", "２００１", "", "200a"])
async def test_what_is_no_extension(city: City, extension: str) -> None:
    with pytest.raises(InvalidInput):
        await give(city, extension=extension)


async def test_one_extension_is_one_persons(city: City) -> None:
    await give(city)
    with pytest.raises(Conflict):
        await give(city, "dispatcher")


async def test_only_the_administrator_gives_telephones(city: City) -> None:
    for actor in (city.agent, city.dispatcher, city.leader):
        async with city.database.transaction() as session:
            with pytest.raises(NotAllowed):
                await issue(city.core, session, actor, city.agent.user_id or 0, "2001")
            with pytest.raises(NotAllowed):
                await telephones(session, actor)
