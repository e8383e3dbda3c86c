"""Log-in, log-out and the way to a role's first page."""

from __future__ import annotations

from aiohttp import web

from channels.api.limits import Limiter
from channels.console.navigation import home
from channels.console.pages import see_other
from channels.console.session import COOKIE, STAFF, safe_next, set_session_cookie, staff
from channels.web.address import address_of
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.web.templating import render
from hotline import logs
from hotline.i18n import _
from ticketing.people.service import log_in, log_out, refused

log = logs.get(__name__)
TRIES: web.AppKey[Limiter] = web.AppKey("console_login_tries")


async def show_login(request: web.Request) -> web.StreamResponse:
    """GET /console/login."""
    target = safe_next(request.query.get("next", ""))
    if STAFF in request:
        raise web.HTTPSeeOther(target)
    return render(request, "console/login.html", target=target, login="", problem="")


async def do_login(request: web.Request) -> web.StreamResponse:
    """POST /console/login: one answer for every kind of failure; failures are counted by address, and wrong passwords by account."""
    form = await request.post()
    login, password = str(form.get("login", ""))[:100], str(form.get("password", ""))[:200]
    target = safe_next(str(form.get("next", "")))
    address, tries = address_of(request), request.app[TRIES]
    wait = tries.wait_seconds(address)
    if wait:
        problem = _("这个网络地址试的次数太多，请{seconds}秒后再试").format(seconds=wait)
        response = render(request, "console/login.html", status=429, target=target, login=login, problem=problem)
        response.headers["Retry-After"] = str(wait)
        return response
    hours = request.app[SETTINGS].session_hours
    found = await log_in(request.app[CORE], request.app[DATABASE], login=login, password=password, hours=hours)
    if found is None:
        log.info("log-in refused")
        return render(request, "console/login.html", status=422, target=target, login=login, problem=str(refused()))
    tries.give_back(address)
    answer = see_other(request, target)
    set_session_cookie(request, answer, found.token)
    return answer


async def do_logout(request: web.Request) -> web.StreamResponse:
    """POST /console/logout."""
    async with request.app[DATABASE].transaction() as session:
        await log_out(request.app[CORE], session, request.cookies.get(COOKIE, ""))
    response = see_other(request, "/console/login")
    response.del_cookie(COOKIE, path="/console")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def go_home(request: web.Request) -> web.StreamResponse:
    """GET /console: the first page of the role."""
    raise web.HTTPSeeOther(home(staff(request).role))
