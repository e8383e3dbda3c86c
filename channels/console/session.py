"""The session of each request under /console: who is it, and may it be here (I05: personal accounts only)?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.csrf import SESSION_CSRF
from channels.web.keys import CORE, DATABASE, HUB, READER_LANGUAGE, SETTINGS
from hotline.errors import NotAllowed
from hotline.i18n import DEFAULT_LANGUAGE, _, set_language
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.people.permissions import may
from ticketing.people.service import find_session

COOKIE = "hotline_staff"
_OPEN_PATHS = frozenset({"/console/login"})


@dataclass(frozen=True)
class Staff:
    """Who is logged in, as pages show it and services take it."""

    user: User
    actor: Actor
    unit_name: str
    session_id: int = 0
    second_factor_due: bool = False
    """The password was right, the one-time code is still awaited."""

    @property
    def role(self) -> Role:
        """The one role of the account."""
        return Role(self.user.role)


STAFF: web.RequestKey[Staff] = web.RequestKey("staff", Staff)
"""request[STAFF]: the logged-in person."""


SINCE: web.RequestKey[str] = web.RequestKey("since", str)
"""request[SINCE]: where the live numbering stood when the request came; the page's stream begins there."""


def staff(request: web.Request) -> Staff:
    """The logged-in person of this request."""
    return request[STAFF]


def language_of(request: web.Request) -> str:
    """The language that the answer is read in: the person's own, the city's where nobody is logged in."""
    language: str = request.get(READER_LANGUAGE, DEFAULT_LANGUAGE)
    return language


def require(request: web.Request, *roles: Role) -> Staff:
    """The logged-in person if the role is one of `roles`, else `NotAllowed`."""
    person = staff(request)
    if person.role not in roles:
        raise NotAllowed(_("这个岗位没有权限打开本页或做这一步"))
    return person


def require_may(request: web.Request, *permissions: str) -> Staff:
    """The logged-in person if it has one of these permissions (domain.md 4b as data), else `NotAllowed`."""
    person = staff(request)
    if not any(may(person.actor, permission) for permission in permissions):
        raise NotAllowed(_("这个岗位没有权限打开本页或做这一步"))
    return person


async def find_staff(core: Core, session: AsyncSession, token: str, *, idle: timedelta | None = None) -> tuple[Staff, str] | None:
    """The person behind a cookie and the CSRF token of the session; None when it is unknown, over or switched off."""
    found = await find_session(core, session, token, idle=idle)
    if found is None:
        return None
    actor, login, user, unit_name = found
    return Staff(user, actor, unit_name, login.id, login.second_factor_due), login.csrf_token


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


CODE_PATH = "/console/login/code"
PASSWORD_PATH = "/console/me/password"  # noqa: S105 - an address
_ALWAYS = frozenset({"/console/logout"})


def _only_what_is_due(request: web.Request) -> None:
    """Before the one-time code was given, and before a password from an administrator was changed, nothing else opens."""
    person = request[STAFF]
    due = CODE_PATH if person.second_factor_due else PASSWORD_PATH if person.user.must_change_password else ""
    if not due or request.path == due or request.path in _ALWAYS:
        return
    if request.headers.get("HX-Request") == "true" or request.method != "GET" or request.path.endswith(("/stream", "/counts")):
        raise NotAllowed(_("请先完成登录：输入验证码，或修改初始密码"))
    raise web.HTTPSeeOther(due)


@web.middleware
async def session_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the session of requests under /console; without one the person is sent to log in."""
    if not (request.path == "/console" or request.path.startswith("/console/")):
        return await handler(request)
    request[SINCE] = request.app[HUB].position  # before anything is read
    token = request.cookies.get(COOKIE, "")
    if token:
        async with request.app[DATABASE].reading() as session:
            found = await find_staff(request.app[CORE], session, token, idle=timedelta(minutes=request.app[SETTINGS].session_idle_minutes))
        if found:
            request[STAFF], request[SESSION_CSRF] = found
    if STAFF in request:
        _only_what_is_due(request)
        request[READER_LANGUAGE] = request[STAFF].user.language
        if request.method == "GET":  # who writes, writes in the city's language (decision 0232)
            set_language(request[READER_LANGUAGE])
    elif request.path not in _OPEN_PATHS:
        target = request.path_qs if request.method == "GET" and "stream" not in request.path else "/console"
        login = "/console/login?next=" + quote(target)
        if request.headers.get("HX-Request") == "true":
            return web.Response(status=401, headers={"HX-Redirect": login})
        if request.path.endswith("/stream"):
            return web.Response(status=204)  # tells EventSource to stop
        raise web.HTTPSeeOther(login)
    return await handler(request)
