"""Log-in: right password, wrong password, lock, sessions."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hotline.database import Database
from hotline.events import Event
from hotline.security import hash_password
from tests.ticketing.conftest import City
from ticketing.people import service
from ticketing.people.models import LoginSession, User
from ticketing.people.service import MAX_FAILURES, LoggedIn, find_session, log_in, log_out, session_stands

PASSWORD = "right-horse-battery"


async def try_login(city: City, password: str, login: str = "agent") -> LoggedIn | None:
    return await log_in(city.core, city.database, login=login, password=password, hours=10)


async def with_password(city: City) -> None:
    async with city.database.transaction() as session:
        await session.execute(update(User).values(password_hash=hash_password(PASSWORD)))


async def test_a_session_begins_and_ends(city: City) -> None:
    await with_password(city)
    logged_in = await try_login(city, PASSWORD)
    assert logged_in is not None
    async with city.database.transaction() as session:
        found = await find_session(city.core, session, logged_in.token)
        assert found is not None
        assert found[0].user_id == city.agent.user_id
        await log_out(city.core, session, logged_in.token)
        assert await find_session(city.core, session, logged_in.token) is None


async def test_a_session_is_over_after_its_hours_and_when_the_account_is_switched_off(city: City) -> None:
    await with_password(city)
    first, second = await try_login(city, PASSWORD), await try_login(city, PASSWORD, "clerk")
    assert first is not None
    assert second is not None
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.login == "clerk").values(active=False))
        assert await find_session(city.core, session, second.token) is None
        city.clock.advance(hours=10)
        assert await find_session(city.core, session, first.token) is None


async def test_who_holds_a_sessions_number_learns_when_it_is_unused_or_over(city: City) -> None:
    """The telephone gateway asks so: an agent who talks clicks nowhere, one who has left must not be rung."""
    await with_password(city)
    logged_in = await try_login(city, PASSWORD)
    assert logged_in is not None
    idle = timedelta(hours=2)
    async with city.database.transaction() as session:
        found = await find_session(city.core, session, logged_in.token)
        assert found is not None
        number = found[1].id
        assert await session_stands(city.core, session, number, idle=idle)
        city.clock.advance(hours=3)
        assert not await session_stands(city.core, session, number, idle=idle)
        assert await session_stands(city.core, session, number, idle=None)
        await session.execute(update(LoginSession).where(LoginSession.id == number).values(second_factor_due=True))
        assert not await session_stands(city.core, session, number, idle=None)
        await session.execute(update(LoginSession).where(LoginSession.id == number).values(second_factor_due=False))
        await session.execute(update(User).where(User.id == city.agent.user_id).values(active=False))
        assert not await session_stands(city.core, session, number, idle=None)


async def test_wrong_and_unknown_are_refused_alike_and_five_failures_lock(city: City) -> None:
    await with_password(city)
    assert await try_login(city, "wrong", "nobody") is None
    for _ in range(MAX_FAILURES):
        assert await try_login(city, "wrong") is None
    assert await try_login(city, PASSWORD) is None  # locked
    city.clock.advance(minutes=16)
    assert await try_login(city, PASSWORD) is not None


async def test_while_passwords_are_checked_no_connection_and_no_row_is_held(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd at the door used up the pool, and every other page answered 503."""
    await with_password(city)
    started, go_on, real = threading.Event(), threading.Event(), service.verify_password

    def slowly(stored: str, password: str) -> bool:
        started.set()
        assert go_on.wait(30)
        return real(stored, password)

    monkeypatch.setattr(service, "verify_password", slowly)
    crowd = Database(city.database.url)
    tries = [asyncio.create_task(log_in(city.core, crowd, login="agent", password=PASSWORD, hours=10)) for _ in range(25)]
    try:
        assert await asyncio.to_thread(started.wait, 30)
        async with crowd.transaction() as session:  # 20 connections at most: with one held by each, this would be refused
            user = (await session.scalars(select(User).where(User.login == "agent").with_for_update(nowait=True))).one()
            assert user.locked_until is None
    finally:
        go_on.set()
        found = await asyncio.gather(*tries)
        await crowd.close()
    assert all(found)


async def test_wrong_passwords_at_once_are_all_counted_and_lock(city: City) -> None:
    await with_password(city)
    assert await asyncio.gather(*(try_login(city, "wrong") for _ in range(MAX_FAILURES))) == [None] * MAX_FAILURES
    assert await try_login(city, PASSWORD) is None
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(Event.name))).count("login.refused") == MAX_FAILURES + 1


@pytest.mark.parametrize("change", [{"active": False}, {"password_hash": "another"}])
async def test_who_is_switched_off_or_renewed_while_the_password_is_checked_is_refused(
    city: City, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    await with_password(city)
    started, go_on, real = threading.Event(), threading.Event(), service.verify_password

    def slowly(stored: str, password: str) -> bool:
        started.set()
        assert go_on.wait(30)
        return real(stored, password)

    monkeypatch.setattr(service, "verify_password", slowly)
    running = asyncio.create_task(try_login(city, PASSWORD))
    assert await asyncio.to_thread(started.wait, 30)
    async with city.database.transaction() as session:
        await session.execute(update(User).where(User.login == "agent").values(**change))
    go_on.set()
    assert await running is None
