"""The inbox of a person: what supervision has to say to them."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import staff
from channels.console.wishes import digest_parts
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from ticketing.people.permissions import may
from ticketing.supervision import inbox, wishes
from ticketing.supervision.notices import NoticeKind

_DIGEST = NoticeKind.DIGEST.value


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/notices?all=1&group=…&before=…: newest first, unread unless all are asked for."""
    person = staff(request)
    everything, asked = request.query.get("all") == "1", request.query.get("group", "")
    group = asked if asked in wishes.load().groups else ""
    before = whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        lines = await inbox.inbox(
            request.app[CORE], session, person.actor, unread=not everything, group=group, before=before, limit=inbox.PAGE + 1
        )
    return page(
        request,
        "console/notices.html",
        nav="notices",
        lines=[(line, digest_parts(line.notice.data, person.role) if line.notice.kind == _DIGEST else []) for line in lines[: inbox.PAGE]],
        group=group,
        more=len(lines) > inbox.PAGE,
        all=everything,
        may_cards=may(person.actor, "card.see"),
    )


async def read(request: web.Request) -> web.StreamResponse:
    """POST /console/notices/read: one (`id`) or all."""
    person = staff(request)
    form = await request.post()
    chosen = form.get("id")
    notice_id = whole_number(chosen) if isinstance(chosen, str) and chosen else None
    async with request.app[DATABASE].transaction() as session:
        await inbox.mark_read(request.app[CORE], session, person.actor, notice_id)
    return see_other(request, "/console/notices", "notices_read")
