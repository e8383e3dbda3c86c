"""Log-in, log-out and the way to a role's first page."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from channels.console.navigation import home
from channels.console.pages import see_other
from channels.console.session import CODE_PATH, COOKIE, STAFF, safe_next, set_session_cookie, staff
from channels.web.address import address_of, describe_browser
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.web.templating import render
from hotline import logs
from ticketing.duty.service import leave
from ticketing.people.second_factor import check_second_factor, wrong_code
from ticketing.people.service import TooManyTries, Visit, log_in, log_out, refused

log = logs.get(__name__)


async def show_login(request: web.Request) -> web.StreamResponse:
    """GET /console/login."""
    target = safe_next(request.query.get("next", ""))
    if STAFF in request:
        raise web.HTTPSeeOther(target)
    return render(request, "console/login.html", target=target, login="", problem="")


async def do_login(request: web.Request) -> web.StreamResponse:
    """POST /console/login: one answer for every kind of failure; failures are counted by address and by account."""
    form = await request.post()
    login, password = str(form.get("login", ""))[:100], str(form.get("password", ""))[:200]
    target = safe_next(str(form.get("next", "")))
    visit = Visit(address_of(request), describe_browser(request.headers.get("User-Agent", "")))
    hours = request.app[SETTINGS].session_hours
    try:
        found = await log_in(request.app[CORE], request.app[DATABASE], login=login, password=password, hours=hours, visit=visit)
    except TooManyTries as problem:
        response = render(request, "console/login.html", status=429, target=target, login=login, problem=str(problem))
        response.headers["Retry-After"] = str(problem.seconds)
        return response
    if found is None:
        log.info("log-in refused")
        return render(request, "console/login.html", status=422, target=target, login=login, problem=str(refused()))
    answer = see_other(request, f"{CODE_PATH}?next={quote(target)}" if found.second_factor_due else target)
    set_session_cookie(request, answer, found.token)
    return answer


async def show_code(request: web.Request) -> web.StreamResponse:
    """GET /console/login/code: the one-time code of whoever has set one up."""
    if not staff(request).second_factor_due:
        raise web.HTTPSeeOther("/console")
    return render(request, "console/login_code.html", target=safe_next(request.query.get("next", "")), problem="")


async def do_code(request: web.Request) -> web.StreamResponse:
    """POST /console/login/code: a code of the app, or a recovery code. Wrong ones are counted with the wrong passwords."""
    person = staff(request)
    if not person.second_factor_due:
        raise web.HTTPSeeOther("/console")
    form = await request.post()
    target = safe_next(str(form.get("next", "")))
    async with request.app[DATABASE].transaction() as session:
        right = await check_second_factor(
            request.app[CORE], session, person.session_id, str(form.get("code", ""))[:40], hours=request.app[SETTINGS].session_hours
        )
    if right:
        return see_other(request, target)
    return render(request, "console/login_code.html", status=422, target=target, problem=str(wrong_code()))


async def do_logout(request: web.Request) -> web.StreamResponse:
    """POST /console/logout: also ends the person's duty."""
    async with request.app[DATABASE].transaction() as session:
        if (person := request.get(STAFF)) is not None:
            await leave(request.app[CORE], session, person.actor)
        await log_out(request.app[CORE], session, request.cookies.get(COOKIE, ""))
    response = see_other(request, "/console/login")
    response.del_cookie(COOKIE, path="/console")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def go_home(request: web.Request) -> web.StreamResponse:
    """GET /console: the first page of the role."""
    raise web.HTTPSeeOther(home(staff(request).role))
