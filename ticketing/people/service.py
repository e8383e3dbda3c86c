"""Log-in and sessions.

Five wrong passwords or codes lock an account for fifteen minutes; an address that fails often has to wait. The answer is the
same for any reason. Accounts are kept by `ticketing.people.accounts`, the second factor by `ticketing.people.second_factor`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, ClassVar

from sqlalchemy import DateTime, bindparam, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.errors import HotlineError
from hotline.events import record
from hotline.i18n import _
from hotline.security import DUMMY_PASSWORD_HASH, hash_token, new_token, verify_password
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.deputies import standing_for
from ticketing.people.models import LoginAddress, LoginSession, Unit, User

MAX_FAILURES = 5
LOCK = timedelta(minutes=15)
ADDRESS_BURST = 20
"""Failed tries that one network address may make at once: a whole office may come through it."""
ADDRESS_INTERVAL = timedelta(seconds=15)
"""After those, one try in so long."""
SECOND_FACTOR_WITHIN = timedelta(minutes=5)
SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last use of a session is known; written seldom, since every request would write otherwise."""


class LoginRefused(HotlineError):
    """Wrong name, wrong password, locked or switched off: the person is not told which."""

    status, code = 401, "login_refused"


class TooManyTries(HotlineError):
    """The network address failed too often; `seconds` says how long to wait."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "too_many_tries"

    def __init__(self, seconds: int) -> None:
        """`seconds`: how long the address has to wait."""
        super().__init__(_("这个网络地址试的次数太多，请{seconds}秒后再试"), seconds=seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class LoggedIn:
    """A new browser session. The token exists in clear only here."""

    user: User
    token: str
    csrf_token: str
    second_factor_due: bool = False
    """The one-time code is still awaited."""


@dataclass(frozen=True)
class Visit:
    """From where a log-in comes: shown to the person in the list of sessions, and slowed down by address."""

    address: str = ""
    browser: str = ""


async def log_in(core: Core, database: Database, *, login: str, password: str, hours: int, visit: Visit | None = None) -> LoggedIn | None:
    """Check a password and start a session; None when it is refused. Raises TooManyTries.

    Two short transactions with the slow hash between them: argon2 takes 50 ms of a core, and held in one transaction a crowd at the
    door would use up every connection of the pool, so that citizens would be turned away too.
    """
    visit = visit or Visit()
    statement = select(User.id, User.password_hash).where(User.login == login.strip()[:100])
    async with database.transaction() as session:
        await _take_try(core, session, visit.address)
        known = (await session.execute(statement)).first()
    right = await asyncio.to_thread(verify_password, known.password_hash if known else DUMMY_PASSWORD_HASH, password[:200])
    if known is None:
        return None
    async with database.transaction() as session:
        user = (await session.scalars(select(User).where(User.id == known.id).with_for_update())).first()
        if user is None:
            return None
        # whoever was locked, switched off or given another password meanwhile is refused
        return await _outcome(core, session, user, visit, right=right and user.password_hash == known.password_hash, hours=hours)


async def _outcome(core: Core, session: AsyncSession, user: User, visit: Visit, *, right: bool, hours: int) -> LoggedIn | None:
    """Write down how it went; the row of the user is locked."""
    due = user.totp_sealed is not None
    if not await count_try(core, session, user, right=right, last=not due):
        return None
    now = core.clock.now()
    token, csrf = new_token(), new_token()
    session.add(
        LoginSession(
            token_hash=hash_token(token),
            user_id=user.id,
            csrf_token=csrf,
            created_at=now,
            seen_at=now,
            expires_at=now + (SECOND_FACTOR_WITHIN if due else timedelta(hours=hours)),
            browser=visit.browser[:100],
            address=visit.address[:60],
            second_factor_due=due,
        )
    )
    await _give_back_try(core, session, visit.address)
    await user_event(core, session, staff_actor(user), user, "login.password_accepted" if due else "login.accepted")
    return LoggedIn(user, token, csrf, due)


async def count_try(core: Core, session: AsyncSession, user: User, *, right: bool, last: bool = True) -> bool:
    """Whether a password or code counts as right just now; a wrong one is counted and may lock. The row of the user is locked.

    `last`: this completes the log-in, so the count starts anew. A right password before a code must not, or whoever knows it
    could go on guessing codes.
    """
    now = core.clock.now()
    locked = user.locked_until is not None and user.locked_until > now
    if right and not locked and user.active:
        if last:
            user.failed_logins, user.locked_until = 0, None
        return True
    if not locked:
        user.failed_logins += 1
        if user.failed_logins >= MAX_FAILURES:
            user.locked_until, user.failed_logins = now + LOCK, 0
    await user_event(core, session, staff_actor(user), user, "login.refused")
    return False


async def _take_try(core: Core, session: AsyncSession, address: str) -> None:
    """Count a try of this address before it is known how it goes, so that a hundred at once are counted too."""
    if not address:
        return
    now, key = core.clock.now(), core.vault.fingerprint(address, "login-address")
    limit = now + (ADDRESS_BURST - 1) * ADDRESS_INTERVAL
    later = func.greatest(LoginAddress.busy_until, literal(now, DateTime(timezone=True))) + ADDRESS_INTERVAL
    statement = (
        insert(LoginAddress)
        .values(address_hash=key, busy_until=now + ADDRESS_INTERVAL)
        .on_conflict_do_update(index_elements=["address_hash"], set_={"busy_until": later}, where=LoginAddress.busy_until <= limit)
        .returning(LoginAddress.busy_until)
    )
    if await session.scalar(statement) is None:
        until: datetime = (await session.scalars(select(LoginAddress.busy_until).where(LoginAddress.address_hash == key))).one()
        raise TooManyTries(max(1, ceil((until - limit).total_seconds())))


async def _give_back_try(core: Core, session: AsyncSession, address: str) -> None:
    """A right password does not count against the address."""
    key = core.vault.fingerprint(address, "login-address")
    earlier = LoginAddress.busy_until - ADDRESS_INTERVAL
    await session.execute(update(LoginAddress).where(LoginAddress.address_hash == key).values(busy_until=earlier))


def refused() -> LoginRefused:
    """The error that every refused log-in shows."""
    return LoginRefused(_("工号或密码不对，或账号已锁定。连续输错5次会锁定15分钟"))


_SESSION = (
    select(LoginSession, User, Unit.name.label("unit_name"))
    .join(User, User.id == LoginSession.user_id)
    .outerjoin(Unit, Unit.id == User.unit_id)
    .where(LoginSession.token_hash == bindparam("token"), User.active)
    .where(LoginSession.expires_at > bindparam("now"), LoginSession.seen_at > bindparam("used_since"))
)
"""Asked at every request: built once."""


async def find_session(
    core: Core, session: AsyncSession, token: str, *, idle: timedelta | None = None
) -> tuple[Actor, LoginSession, User, str] | None:
    """Who is behind a cookie, with the name of the unit; None: unknown, over, unused for `idle`, or the account was switched off."""
    now = core.clock.now()
    used_since = now - idle if idle is not None else datetime.min.replace(tzinfo=UTC)
    row = (await session.execute(_SESSION, {"token": hash_token(token), "now": now, "used_since": used_since})).first()
    if row is None:
        return None
    user, login = row.User, row.LoginSession
    if now - login.seen_at >= SEEN_EVERY:
        await session.execute(update(LoginSession).where(LoginSession.id == login.id).values(seen_at=now))
    stands_in = await standing_for(core, session, user)
    return staff_actor(user, stands_in), login, user, row.unit_name or ""


async def session_stands(core: Core, session: AsyncSession, session_id: int, *, idle: timedelta | None) -> bool:
    """Whether a log-in still stands, for who holds its number instead of its cookie (the telephone gateway). Counts as no use of it."""
    now = core.clock.now()
    statement = (
        select(LoginSession.id)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.id == session_id, LoginSession.expires_at > now, User.active, ~LoginSession.second_factor_due)
    )
    if idle is not None:
        statement = statement.where(LoginSession.seen_at > now - idle)
    return await session.scalar(statement) is not None


async def log_out(core: Core, session: AsyncSession, token: str) -> None:
    """End the session; also throws away sessions and waits of addresses that are over."""
    now = core.clock.now()
    await session.execute(delete(LoginSession).where((LoginSession.token_hash == hash_token(token)) | (LoginSession.expires_at < now)))
    await session.execute(delete(LoginAddress).where(LoginAddress.busy_until < now))


async def sessions_of(core: Core, session: AsyncSession, user_id: int) -> list[LoginSession]:
    """The sessions of one account that still last, the last used first."""
    lasting = (LoginSession.user_id == user_id) & (LoginSession.expires_at > core.clock.now())
    return list(await session.scalars(select(LoginSession).where(lasting).order_by(LoginSession.seen_at.desc(), LoginSession.id.desc())))


async def end_session(core: Core, session: AsyncSession, actor: Actor, session_id: int) -> bool:
    """End one of the actor's own sessions; False when it is not the actor's, or over already."""
    own = (LoginSession.id == session_id) & (LoginSession.user_id == actor.user_id)
    ended = (await session.execute(delete(LoginSession).where(own).returning(LoginSession.id))).first() is not None
    if ended:
        user = (await session.scalars(select(User).where(User.id == actor.user_id))).one()
        await user_event(core, session, actor, user, "login.session_ended")
    return ended


async def end_sessions(session: AsyncSession, user_id: int, *, but: int | None = None) -> int:
    """End every session of an account, except the one with id `but`; returns how many."""
    which = LoginSession.user_id == user_id
    if but is not None:
        which &= LoginSession.id != but
    return len((await session.execute(delete(LoginSession).where(which).returning(LoginSession.id))).all())


async def user_event(core: Core, session: AsyncSession, actor: Actor, user: User, name: str, data: dict[str, Any] | None = None) -> None:
    """Write an event of an account."""
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="user", subject_id=user.id, who=actor.who, data=data)
