"""Log-in by personal account, and the session of each request under /console (I05: no shared log-ins)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.csrf import SESSION_CSRF
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline import events, logs
from hotline.errors import NotAllowed
from hotline.i18n import _
from hotline.security import DUMMY_PASSWORD_HASH, hash_token, new_token, verify_password
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import LoginSession, Role, Unit, User

log = logs.get(__name__)

COOKIE = "hotline_staff"
STAFF = "staff"
"""request[STAFF]: the logged-in person."""
MAX_TRIES = 5
LOCK_TIME = timedelta(minutes=15)
_OPEN_PATHS = frozenset({"/console/login"})
_hashing = asyncio.Semaphore(2)  # argon2 takes memory and a core; a flood of log-ins must not take them all


@dataclass(frozen=True)
class Staff:
    """Who is logged in, as pages show it and services take it."""

    user: User
    actor: Actor
    session_id: int
    unit_name: str

    @property
    def role(self) -> Role:
        """The one role of the account."""
        return Role(self.user.role)


def staff(request: web.Request) -> Staff:
    """The logged-in person of this request."""
    person: Staff = request[STAFF]
    return person


def require(request: web.Request, *roles: Role) -> Staff:
    """The logged-in person if the role is one of `roles`, else `NotAllowed`."""
    person = staff(request)
    if person.role not in roles:
        raise NotAllowed(_("您的岗位没有这个页面或操作的权限"))
    return person


async def log_in(core: Core, session: AsyncSession, login: str, password: str, hours: int) -> str | None:
    """A new session token, or None. One answer for unknown, wrong, locked and inactive, in about the same time.

    The caller commits in both cases: failed tries are counted. The row lock makes parallel guesses count one by one.
    """
    now = core.clock.now()
    user = await session.scalar(select(User).where(User.login == login.strip()).with_for_update())
    stored = user.password_hash if user else DUMMY_PASSWORD_HASH
    async with _hashing:
        fits = await asyncio.to_thread(verify_password, stored, password)
    if user is None:
        return None
    who = staff_actor(user).who
    if user.locked_until and user.locked_until > now:
        await events.record(session, at=now, name="login.refused", subject="user", subject_id=user.id, who=who, data={"reason": "locked"})
        return None
    if not fits or not user.active:
        await _count_failure(core, session, user)
        return None
    user.failed_logins, user.locked_until = 0, None
    await session.execute(delete(LoginSession).where(LoginSession.user_id == user.id, LoginSession.expires_at <= now))
    token = new_token()
    session.add(
        LoginSession(
            token_hash=hash_token(token),
            user_id=user.id,
            csrf_token=secrets.token_urlsafe(24),
            created_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    await events.record(session, at=now, name="login.done", subject="user", subject_id=user.id, who=who)
    return token


async def _count_failure(core: Core, session: AsyncSession, user: User) -> None:
    now = core.clock.now()
    if user.locked_until:  # an old lock is over: counting starts again
        user.failed_logins, user.locked_until = 0, None
    user.failed_logins += 1
    name = "login.failed"
    if user.failed_logins >= MAX_TRIES:
        user.locked_until = now + LOCK_TIME
        name = "login.locked"
    await events.record(session, at=now, name=name, subject="user", subject_id=user.id, who=staff_actor(user).who)


async def find_session(core: Core, session: AsyncSession, token: str) -> tuple[Staff, str] | None:
    """The person behind a cookie and the CSRF token of the session; None when it is unknown, over or switched off."""
    query = (
        select(LoginSession, User, Unit.name)
        .join(User, User.id == LoginSession.user_id)
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(LoginSession.token_hash == hash_token(token), LoginSession.expires_at > core.clock.now(), User.active)
    )
    row = (await session.execute(query)).first()
    if row is None:
        return None
    login, user, unit_name = row
    return Staff(user, staff_actor(user), login.id, unit_name or ""), login.csrf_token


async def log_out(session: AsyncSession, session_id: int) -> None:
    """End one session."""
    await session.execute(delete(LoginSession).where(LoginSession.id == session_id))


def set_session_cookie(request: web.Request, response: web.Response, token: str) -> None:
    """Give the browser its token; sent to /console only."""
    settings = request.app[SETTINGS]
    response.set_cookie(
        COOKIE, token, max_age=settings.session_hours * 3600, path="/console", httponly=True, samesite="Lax", secure=settings.cookie_secure
    )


def safe_next(target: str) -> str:
    """Where to go after log-in: only inside the console, whatever the link said."""
    ok = target.startswith("/console") and "\\" not in target and not any(ord(char) < 32 for char in target)
    return target if ok and not target.startswith("/console/log") else "/console"


@web.middleware
async def session_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the session of requests under /console; without one the person is sent to log in."""
    if not (request.path == "/console" or request.path.startswith("/console/")):
        return await handler(request)
    token = request.cookies.get(COOKIE, "")
    if token:
        async with request.app[DATABASE].transaction() as session:
            found = await find_session(request.app[CORE], session, token)
        if found:
            request[STAFF], request[SESSION_CSRF] = found
    if STAFF not in request and request.path not in _OPEN_PATHS:
        target = request.path_qs if request.method == "GET" and "stream" not in request.path else "/console"
        login = "/console/login?next=" + quote(target)
        if request.headers.get("HX-Request") == "true":
            return web.Response(status=401, headers={"HX-Redirect": login})
        if request.path.endswith("/stream"):
            return web.Response(status=204)  # tells EventSource to stop
        raise web.HTTPSeeOther(login)
    return await handler(request)
