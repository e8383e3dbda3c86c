"""A person's own account: password, sessions, second factor, deputy."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import PASSWORD_PATH, Staff, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.clock import CITY_ZONE, to_city
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _, languages
from hotline.security import InvalidToken
from ticketing.context import Core
from ticketing.people import accounts, deputies, second_factor
from ticketing.people.passwords import MIN_LENGTH
from ticketing.people.service import end_session, end_sessions, sessions_of, user_event

OFFER_LASTS = timedelta(minutes=10)
LANGUAGE_NAMES = {"zh": "中文", "en": "English"}
"""Each in itself, so that whoever reads it finds it."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/me."""
    return await _respond(request)


async def show_password(request: web.Request) -> web.StreamResponse:
    """GET /console/me/password: the form alone; whoever has an initial password gets no further before it is changed."""
    return page(request, "console/password.html", nav="me", problem="", wrong_field="", min_length=MIN_LENGTH, due=_due(request))


async def change_password(request: web.Request) -> web.StreamResponse:
    """POST /console/me/password: with the old password; every other session ends."""
    person, form = staff(request), await request.post()
    old, new, again = (str(form.get(name, ""))[:300] for name in ("old", "password", "again"))
    try:
        if new != again:
            raise InvalidInput(_("两次输入的新密码不一样"), field="again")
        async with request.app[DATABASE].transaction() as session:
            user = await accounts.confirm_password(request.app[CORE], session, person.actor, old)
            if user is not None:
                await accounts.change_password(request.app[CORE], session, person.actor, user, new, session_id=person.session_id)
        if user is None:
            raise _wrong_password("old")
    except InvalidInput as problem:
        wrong = problem.field or ""
        return page(
            request,
            "console/password.html",
            nav="me",
            status=problem.status,
            problem=str(problem),
            wrong_field=wrong,
            min_length=MIN_LENGTH,
            due=_due(request),
        )
    return see_other(request, "/console/me", "password_changed")


def _due(request: web.Request) -> bool:
    return staff(request).user.must_change_password


def _wrong_password(field: str) -> InvalidInput:
    return InvalidInput(_("现在的密码不对，或账号已锁定。连续输错5次会锁定15分钟"), field=field)


async def step(request: web.Request) -> web.StreamResponse:
    """POST /console/me/{step}."""
    handlers = {
        "end-session": _end_session,
        "end-others": _end_others,
        "second-on": _second_on,
        "second-off": _second_off,
        "deputy": _deputy,
        "deputy-end": _deputy_end,
        "language": _choose_language,
    }
    key = request.match_info["step"]
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    try:
        return await handlers[key](request, staff(request), form)
    except InvalidInput as problem:
        return await _respond(request, problem=problem, opened=key, entered=form)


async def _choose_language(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        await accounts.choose_language(session, person.actor, form.get("language", ""))
    return see_other(request, "/console/me", "language_chosen")


async def _end_session(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        if not await end_session(request.app[CORE], session, person.actor, whole_number(form.get("session")) or 0):
            raise NotFound(_("这个登录已经结束"))
    return see_other(request, "/console/me", "session_ended")


async def _end_others(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        ended = await end_sessions(session, person.user.id, but=person.session_id)
        await user_event(request.app[CORE], session, person.actor, person.user, "login.sessions_ended", {"count": ended})
    return see_other(request, "/console/me", "session_ended")


async def _second_on(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    core = request.app[CORE]
    secret = _offered(core, person, form.get("offer", ""))
    async with request.app[DATABASE].transaction() as session:
        codes = await second_factor.set_up(core, session, person.actor, secret, form.get("code", "")[:20])
    return await _respond(request, codes=codes)


async def _second_off(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        user = await accounts.confirm_password(core, session, person.actor, form.get("password", ""))
        if user is not None:
            await second_factor.switch_off(core, session, person.actor, user)
    if user is None:
        raise _wrong_password("password")
    return see_other(request, "/console/me", "second_off")


async def _deputy(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    starts, ends = _day(form.get("starts", ""), "starts"), _day(form.get("ends", ""), "ends")
    core = request.app[CORE]
    starts_at = max(datetime.combine(starts, time(0), CITY_ZONE), core.clock.now()) if starts else core.clock.now()
    ends_at = datetime.combine(ends + timedelta(days=1), time(0), CITY_ZONE)
    async with request.app[DATABASE].transaction() as session:
        chosen = whole_number(form.get("deputy")) or 0
        await deputies.name_deputy(core, session, person.actor, deputy_id=chosen, starts_at=starts_at, ends_at=ends_at)
    return see_other(request, "/console/me", "deputy_named")


async def _deputy_end(request: web.Request, person: Staff, form: dict[str, str]) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        await deputies.end_deputy(request.app[CORE], session, person.actor, whole_number(form.get("arrangement")) or 0)
    return see_other(request, "/console/me", "deputy_ended")


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(_("请选择日期"), field=field) from None


def _offer(core: Core, person: Staff, secret: str) -> str:
    """The offered secret, sealed into the form: it is nobody's before a code of it was typed in."""
    until = (core.clock.now() + OFFER_LASTS).timestamp()
    return core.vault.seal(json.dumps({"secret": secret, "user": person.user.id, "until": until})).decode()


def _offered(core: Core, person: Staff, sealed: str) -> str:
    try:
        offer = json.loads(core.vault.open(sealed.encode()))
        if offer["user"] == person.user.id and offer["until"] > core.clock.now().timestamp():
            return str(offer["secret"])
    except (InvalidToken, ValueError, KeyError, TypeError):
        pass  # forged or broken: the same answer as too late
    raise InvalidInput(_("页面放得太久，请用新的密钥再来一次"), field="code")


async def _respond(
    request: web.Request,
    *,
    problem: HotlineError | None = None,
    opened: str = "",
    entered: dict[str, str] | None = None,
    codes: list[str] | None = None,
) -> web.Response:
    person, core = staff(request), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        user = await session.get_one(type(person.user), person.user.id)
        sessions = await sessions_of(core, session, user.id)
        candidates = await deputies.candidates(session, person.actor)
        arranged = await deputies.arrangements(core, session, user.id)
        left = await second_factor.recovery_codes_left(session, user.id)
    values: dict[str, Any] = {"offer": None, "offer_sealed": ""}
    if user.totp_sealed is None:
        city = request.app[SETTINGS].city_name
        values["offer"] = second_factor.offer(user, f"{city}{core.line}")
        values["secret_shown"] = " ".join(values["offer"].secret[start : start + 4] for start in range(0, 32, 4))
        values["offer_sealed"] = _offer(core, person, values["offer"].secret)
    return page(
        request,
        "console/me.html",
        nav="me",
        status=problem.status if problem else 200,
        user=user,
        sessions=sessions,
        this_session=person.session_id,
        candidates=candidates,
        arranged=arranged,
        codes_left=left,
        codes=codes or [],
        today=to_city(core.clock.now()).date(),
        problem=str(problem) if problem else "",
        opened=opened,
        entered=entered or {},
        password_path=PASSWORD_PATH,
        languages=[(name, LANGUAGE_NAMES.get(name, name)) for name in languages()],
        **values,
    )
