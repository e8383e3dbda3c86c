"""Log-in: right password, wrong password, lock, sessions."""

from __future__ import annotations

from sqlalchemy import update

from hotline.security import hash_password
from tests.ticketing.conftest import City
from ticketing.people.models import User
from ticketing.people.service import MAX_FAILURES, LoggedIn, find_session, log_in, log_out

PASSWORD = "right-horse-battery"


async def try_login(city: City, password: str, login: str = "agent") -> LoggedIn | None:
    async with city.database.transaction() as session:
        return await log_in(city.core, session, login=login, password=password, hours=10)


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


async def test_wrong_and_unknown_are_refused_alike_and_five_failures_lock(city: City) -> None:
    await with_password(city)
    assert await try_login(city, "wrong", "nobody") is None
    for _ in range(MAX_FAILURES):
        assert await try_login(city, "wrong") is None
    assert await try_login(city, PASSWORD) is None  # locked
    city.clock.advance(minutes=16)
    assert await try_login(city, PASSWORD) is not None
