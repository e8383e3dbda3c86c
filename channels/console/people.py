"""The accounts: list, add, change, switch off, unlock, reset (domain.md 4b, users)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.navigation import ROLE_NAMES, role_name
from channels.console.pages import page, see_other
from channels.console.session import Staff, require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people import accounts
from ticketing.people.accounts import PAGE_SIZE, Account, Made, access_user, grantable, people_statement
from ticketing.people.actor import Actor
from ticketing.people.lines import active_lines
from ticketing.people.models import LoginSession, Role, Unit, User
from ticketing.people.permissions import Scope, scope_of
from ticketing.people.service import sessions_of
from ticketing.people.units import below

_FIELDS = ("login", "name", "staff_number", "role", "unit", "line")


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/people?q=…&after=…: the accounts that this person keeps."""
    person = require_may(request, "users.manage")
    words, after = request.query.get("q", "")[:100], whole_number(request.query.get("after")) or 0
    now = request.app[CORE].clock.now()
    async with request.app[DATABASE].transaction() as session:
        rows = [(row[0], row[1] or "") for row in await session.execute(people_statement(person.actor, words, after))]
        shown = rows[:PAGE_SIZE]
        online = await _online(session, [user.id for user, _unit in shown], now)
    return page(
        request,
        "console/people.html",
        nav="accounts",
        people=[(user, unit, role_name(user.role), _trouble(user, now)) for user, unit in shown],
        online=online,
        words=words,
        after=after,
        more=shown[-1][0].id if len(rows) > PAGE_SIZE else 0,
    )


async def _online(session: AsyncSession, ids: list[int], now: datetime) -> dict[int, datetime]:
    statement = (
        select(LoginSession.user_id, func.max(LoginSession.seen_at))
        .where(LoginSession.expires_at > now, LoginSession.user_id.in_(ids))
        .group_by(LoginSession.user_id)
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


def _trouble(user: User, now: datetime) -> str:
    if not user.active:
        return _("已停用")
    if user.locked_until and user.locked_until > now:
        return _("已锁定")
    return _("待改初始密码") if user.must_change_password else ""


async def show_new(request: web.Request) -> web.StreamResponse:
    """GET /console/people/new."""
    person = require_may(request, "users.manage")
    async with request.app[DATABASE].transaction() as session:
        return await _form(request, session, person, None, {})


async def create(request: web.Request) -> web.StreamResponse:
    """POST /console/people/new: the page that follows shows the initial password, once."""
    person = require_may(request, "users.manage")
    entered = await _entered(request)
    try:
        async with request.app[DATABASE].transaction() as session:
            made = await accounts.add_account(request.app[CORE], session, person.actor, _account(entered))
    except (InvalidInput, Conflict) as problem:
        async with request.app[DATABASE].transaction() as session:
            return await _form(request, session, person, None, entered, problem=problem)
    return await _detail(request, person, made.user.id, made=made)


async def show_person(request: web.Request) -> web.StreamResponse:
    """GET /console/people/{id}."""
    person = require_may(request, "users.manage")
    return await _detail(request, person, _id(request))


async def step(request: web.Request) -> web.StreamResponse:
    """POST /console/people/{id}/{step}."""
    person = require_may(request, "users.manage")
    core, user_id, key = request.app[CORE], _id(request), request.match_info["step"]
    entered = await _entered(request) if key == "change" else {}
    try:
        async with request.app[DATABASE].transaction() as session:
            if key == "change":
                await accounts.change_account(core, session, person.actor, user_id, _account(entered))
                made = None
            else:
                made = await STEPS[key](core, session, person.actor, user_id)
    except (InvalidInput, Conflict, NotAllowed) as problem:
        return await _detail(request, person, user_id, problem=problem, entered=entered)
    if isinstance(made, Made):
        return await _detail(request, person, user_id, made=made)
    async with request.app[DATABASE].transaction() as session:
        try:
            await access_user(session, person.actor, user_id)
        except NotFound:  # moved to where this person keeps no accounts
            return see_other(request, "/console/people", "account_changed")
    return see_other(request, f"/console/people/{user_id}", "account_changed")


async def _switch_off(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> None:
    await accounts.set_active(core, session, actor, user_id, active=False)


async def _switch_on(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> None:
    await accounts.set_active(core, session, actor, user_id, active=True)


STEPS: dict[str, Callable[[Core, AsyncSession, Actor, int], Awaitable[object]]] = {
    "off": _switch_off,
    "on": _switch_on,
    "unlock": accounts.unlock,
    "reset": accounts.reset_password,
    "second": accounts.reset_second_factor,
    "sessions": accounts.end_all_sessions,
}


def _id(request: web.Request) -> int:
    found = whole_number(request.match_info["id"])
    if found is None:
        raise NotFound(_("没有找到这个账号"))
    return found


async def _entered(request: web.Request) -> dict[str, str]:
    form = await request.post()
    return {name: str(form.get(name, "")).strip()[:100] for name in _FIELDS}


def _account(entered: dict[str, str]) -> Account:
    """What was typed; a role that does not exist is refused here, all else by the service."""
    try:
        role = Role(entered["role"])
    except ValueError:
        raise InvalidInput(_("请选择岗位"), field="role") from None
    unit, line = whole_number(entered["unit"]), entered["line"] or None
    return Account(entered["login"].lower(), " ".join(entered["name"].split()), entered["staff_number"], role, unit, line)


async def _choices(session: AsyncSession, actor: Actor) -> dict[str, Any]:
    units = select(Unit).where(Unit.active).order_by(Unit.level, Unit.id)
    everything = scope_of(actor, "users.manage") is Scope.ALL
    if not everything and actor.unit_id is not None:
        units = units.where(Unit.id.in_(below(actor.unit_id)))
    return {
        "roles": {role.value: _(ROLE_NAMES[role]) for role in grantable(actor)},
        "units": list(await session.scalars(units)),
        "lines": await active_lines(session) if everything else [],
    }


async def _form(
    request: web.Request,
    session: AsyncSession,
    person: Staff,
    user: User | None,
    entered: dict[str, str],
    *,
    problem: HotlineError | None = None,
    made: Made | None = None,
) -> web.Response:
    """The form of an account, new or known. `made`: with the initial password, shown this once."""
    if user is not None and not entered:
        entered = {"login": user.login, "name": user.name, "staff_number": user.staff_number, "role": user.role,
                   "unit": str(user.unit_id or ""), "line": user.line or ""}  # fmt: skip
    errors = problem.errors if isinstance(problem, InvalidInput) else {}
    now = request.app[CORE].clock.now()
    return page(
        request,
        "console/person.html",
        nav="accounts",
        status=problem.status if problem else 200,
        user=user,
        trouble=_trouble(user, now) if user else "",
        sessions=await sessions_of(request.app[CORE], session, user.id) if user else [],
        entered=entered,
        errors=errors,
        problem=str(problem) if problem and not errors else "",
        made=made,
        **await _choices(session, person.actor),
    )


async def _detail(
    request: web.Request,
    person: Staff,
    user_id: int,
    *,
    problem: HotlineError | None = None,
    entered: dict[str, str] | None = None,
    made: Made | None = None,
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        user = await access_user(session, person.actor, user_id)
        return await _form(request, session, person, user, entered or {}, problem=problem, made=made)
