"""The sealed event log for administrator and supervisor: the days' roots to print, and who looked at a ticket."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from channels.console.pages import page
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.audit import report
from ticketing.people.permissions import may
from ticketing.ticket.access import access_ticket

_DAYS_IN_A_FILE = 366


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/audit: roots, newest first; `number` (supervisor) asks who looked at a ticket."""
    person = require_may(request, "audit.see")
    number = request.query.get("number", "").strip()[:40] if may(person.actor, "audit.looks") else ""
    looks, problem = [], ""
    async with request.app[DATABASE].transaction() as session:
        standing = await report.standing(session)
        days = await report.days(session, before=_day(request.query.get("before", "")))
        exports = await report.exports(session)
        if number:
            try:
                ticket = await access_ticket(request.app[CORE], session, person.actor, number)
                looks = await report.looks(session, ticket.id)
            except NotFound as error:
                problem = str(error)
    older = days[-1].day.isoformat() if len(days) == report.PAGE else ""
    return page(
        request, "console/audit.html", nav="audit", standing=standing, days=days, older=older, exports=exports,
        number=number, looks=looks, problem=problem, may_ask=may(person.actor, "audit.looks"),
        what={"view.revealed": _("查看联系方式"), "view.recording": _("调听录音"), "export.made": _("导出")},
    )  # fmt: skip


async def roots(request: web.Request) -> web.StreamResponse:
    """GET /console/audit/roots.txt: the roots of the last year as a file."""
    require_may(request, "audit.see")
    async with request.app[DATABASE].transaction() as session:
        days = await report.days(session, limit=_DAYS_IN_A_FILE)
    headers = {"Content-Disposition": 'attachment; filename="audit-roots.txt"', "Cache-Control": "no-store"}
    return web.Response(text=report.as_text(days, request.app[SETTINGS].city_name), headers=headers)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
