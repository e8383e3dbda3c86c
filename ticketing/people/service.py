"""Accounts and log-in. Five wrong passwords lock an account for fifteen minutes; the answer is the same for any reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.errors import HotlineError
from hotline.events import record
from hotline.i18n import _
from hotline.security import DUMMY_PASSWORD_HASH, hash_token, new_token, verify_password
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import LoginSession, User

MAX_FAILURES = 5
LOCK = timedelta(minutes=15)


class LoginRefused(HotlineError):
    """Wrong name, wrong password, locked or switched off: the person is not told which."""

    status, code = 401, "login_refused"


@dataclass(frozen=True)
class LoggedIn:
    """A new browser session. The token exists in clear only here."""

    user: User
    token: str
    csrf_token: str


async def log_in(core: Core, database: Database, *, login: str, password: str, hours: int) -> LoggedIn | None:
    """Check a password and start a session; None when it is refused.

    Two short transactions with the slow hash between them: argon2 takes 50 ms of a core, and held in one transaction a crowd at the
    door would use up every connection of the pool, so that citizens would be turned away too.
    """
    statement = select(User.id, User.password_hash).where(User.login == login.strip()[:100])
    async with database.transaction() as session:
        known = (await session.execute(statement)).first()
    right = await asyncio.to_thread(verify_password, known.password_hash if known else DUMMY_PASSWORD_HASH, password[:200])
    if known is None:
        return None
    async with database.transaction() as session:
        user = (await session.scalars(select(User).where(User.id == known.id).with_for_update())).first()
        if user is None:
            return None
        # whoever was locked, switched off or given another password meanwhile is refused
        return await _outcome(core, session, user, right=right and user.password_hash == known.password_hash, hours=hours)


async def _outcome(core: Core, session: AsyncSession, user: User, *, right: bool, hours: int) -> LoggedIn | None:
    """Write down how it went; the row of the user is locked."""
    now = core.clock.now()
    locked = user.locked_until is not None and user.locked_until > now
    if not right or locked or not user.active:
        if not locked:
            user.failed_logins += 1
            if user.failed_logins >= MAX_FAILURES:
                user.locked_until, user.failed_logins = now + LOCK, 0
        await _event(core, session, user, "login.refused")
        return None
    user.failed_logins, user.locked_until = 0, None
    token, csrf = new_token(), new_token()
    session.add(
        LoginSession(
            token_hash=hash_token(token), user_id=user.id, csrf_token=csrf, created_at=now, expires_at=now + timedelta(hours=hours)
        )
    )
    await _event(core, session, user, "login.accepted")
    return LoggedIn(user, token, csrf)


def refused() -> LoginRefused:
    """The error that every refused log-in shows."""
    return LoginRefused(_("工号或密码不对，或账号已锁定。连续输错5次会锁定15分钟"))


async def find_session(core: Core, session: AsyncSession, token: str) -> tuple[Actor, LoginSession, User] | None:
    """Who is behind a cookie; None when it is unknown, over, or the account was switched off."""
    statement = (
        select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.token_hash == hash_token(token), LoginSession.expires_at > core.clock.now(), User.active)
    )
    row = (await session.execute(statement)).first()
    return (staff_actor(row.User), row.LoginSession, row.User) if row else None


async def log_out(core: Core, session: AsyncSession, token: str) -> None:
    """End the session; also throws away sessions that are over."""
    await session.execute(
        delete(LoginSession).where((LoginSession.token_hash == hash_token(token)) | (LoginSession.expires_at < core.clock.now()))
    )


async def _event(core: Core, session: AsyncSession, user: User, name: str) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="user", subject_id=user.id, who=staff_actor(user).who)
