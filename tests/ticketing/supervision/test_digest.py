"""The digest: one message in the morning with what waits, never two, none on a rest day, none when there is nothing to say."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE
from tests.ticketing.conftest import City
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import User
from ticketing.supervision import digest, inbox, wishes
from ticketing.supervision.models import StaffDigest, StaffNotice
from ticketing.supervision.urging import urge
from ticketing.ticket.models import Ticket


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=CITY_ZONE)


async def digests(city: City, who: Actor) -> list[dict[str, Any]]:
    async with city.database.transaction() as session:
        rows = select(StaffNotice).where(StaffNotice.kind == "digest", StaffNotice.user_id == who.user_id).order_by(StaffNotice.id)
        return [row.data for row in await session.scalars(rows)]


async def days(city: City, who: Actor) -> list[tuple[date, bool]]:
    async with city.database.transaction() as session:
        rows = select(StaffDigest).where(StaffDigest.user_id == who.user_id).order_by(StaffDigest.day)
        return [(row.day, row.notice_id is not None) for row in await session.scalars(rows)]


async def one_to_sign(city: City, *, urgings: int = 0) -> str:
    """A ticket that lies unsigned at the first unit since Thursday morning, and so often somebody asked to hurry."""
    city.clock.set(at(19, 9))
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    for _ in range(urgings):
        city.clock.advance(hours=2)
        await city.act(number, city.supervisor, urge, "请抓紧")
    return number


async def test_what_may_not_be_seen_any_more_is_not_counted(city: City) -> None:
    await choose(city, city.clerk, urged="digest")
    number = await one_to_sign(city, urgings=1)
    for confidentiality, groups in (("open", {"urged": 1}), ("secret", None)):
        async with city.database.transaction() as session:
            await session.execute(update(Ticket).where(Ticket.number == number).values(confidentiality=confidentiality))
            found = await digest.contents(city.core, session, city.clerk, since=at(19, 0))
            assert found.get("groups") == groups
            assert len(await inbox.inbox(city.core, session, city.clerk, group="urged")) == (groups is not None)


async def choose(city: City, who: Actor, *, on: bool = True, hour: time = time(8, 30), **hows: str) -> None:
    async with city.database.transaction() as session:
        await wishes.choose(city.core, session, who, wishes.Choice(hows, None, digest=on, digest_at=hour))


async def test_in_the_morning_the_unit_reads_what_waits(city: City) -> None:
    await choose(city, city.clerk, urged="digest")
    await one_to_sign(city, urgings=2)
    city.clock.set(at(20, 8, 29))
    assert await digest.run(city.core, city.database) == 0
    city.clock.set(at(20, 8, 30))
    await digest.run(city.core, city.database)
    [told] = await digests(city, city.clerk)
    assert told["day"] == "2026-11-20"
    assert told["queues"]["to_sign"] == 1
    assert told["groups"] == {"urged": 2}
    async with city.database.transaction() as session:
        assert await inbox.count_unread(city.core, session, city.clerk) == 1, "the digest rings, what it counts does not"
    assert await digests(city, city.water_clerk) == [], "nothing waits there"
    assert await days(city, city.water_clerk) == [(date(2026, 11, 20), False)]


async def test_many_sweeps_at_once_make_one(city: City) -> None:
    await one_to_sign(city)
    city.clock.set(at(20, 8, 31))
    made = await asyncio.gather(*(digest.run(city.core, city.database) for _ in range(4)))
    people = [user for user in city.people.values() if await digests(city, user)]
    assert sum(made) == len(people) > 0
    for person in people:
        assert len(await digests(city, person)) == 1
    await choose(city, city.clerk, hour=time(9))
    city.clock.set(at(20, 9))
    assert await digest.run(city.core, city.database) == 0, "a changed hour makes no second one"


async def test_what_was_counted_once_is_not_counted_the_next_day(city: City) -> None:
    await choose(city, city.clerk, urged="digest")
    await one_to_sign(city, urgings=1)
    city.clock.set(at(20, 8, 30))
    await digest.run(city.core, city.database)
    city.clock.set(at(23, 8, 30))  # Monday
    await digest.run(city.core, city.database)
    friday, monday = await digests(city, city.clerk)
    assert friday["groups"] == {"urged": 1}
    assert "groups" not in monday


async def test_no_digest_on_a_rest_day_long_after_its_hour_or_for_who_wants_none(city: City) -> None:
    await one_to_sign(city)
    city.clock.set(at(21, 8, 30))  # Saturday
    assert await digest.run(city.core, city.database) == 0
    city.clock.set(at(20, 14, 30))
    assert await digest.run(city.core, city.database) == 0, "six hours late"
    await choose(city, city.clerk, on=False)
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.id == city.chief.user_id).values(active=False))
    city.clock.set(at(20, 8, 30))
    await digest.run(city.core, city.database)
    assert (await digests(city, city.clerk), await digests(city, city.chief)) == ([], [])


async def test_the_hour_is_the_persons(city: City) -> None:
    await choose(city, city.clerk, hour=time(17))
    await one_to_sign(city)
    city.clock.set(at(20, 12))
    await digest.run(city.core, city.database)
    assert await digests(city, city.clerk) == []
    city.clock.set(at(20, 17))
    await digest.run(city.core, city.database)
    assert len(await digests(city, city.clerk)) == 1


async def test_one_persons_failure_keeps_nobody_waiting(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await one_to_sign(city)
    real = digest.contents

    async def contents(core: Core, session: AsyncSession, actor: Actor, *, since: datetime) -> dict[str, Any]:
        if actor.user_id == city.chief.user_id:
            raise RuntimeError("broken")
        return await real(core, session, actor, since=since)

    monkeypatch.setattr(digest, "contents", contents)
    city.clock.set(at(20, 8, 30))
    await digest.run(city.core, city.database)
    assert len(await digests(city, city.clerk)) == 1
    assert await days(city, city.chief) == [], "it is tried again"
