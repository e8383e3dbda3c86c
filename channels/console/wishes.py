"""提醒设置: how a person of the staff is told, group by group; own quiet hours; when the digest comes, and what it would say now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.queue_page import queue_label
from channels.console.session import staff
from channels.web.hours import hour_of, quiet_of
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.people.models import Role
from ticketing.supervision import digest, rules, wishes
from ticketing.words import word

PATH = "/console/me/notices"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/me/notices."""
    return await _respond(request)


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/me/notices."""
    person, form = staff(request), {name: str(value)[:20] for name, value in (await request.post()).items()}
    core = request.app[CORE]
    try:
        choice = wishes.Choice(
            hows={name.removeprefix("how_"): value for name, value in form.items() if name.startswith("how_")},
            quiet=quiet_of(form.get("quiet_from", ""), form.get("quiet_to", "")),
            digest=form.get("digest") == "yes",
            digest_at=_digest_at(form),
        )
        async with request.app[DATABASE].transaction() as session:
            await wishes.choose(core, session, person.actor, choice)
    except InvalidInput as problem:
        return await _respond(request, problem=problem, entered=form)
    return see_other(request, PATH, "wishes_saved")


def _digest_at(form: Mapping[str, str]) -> time:
    found = hour_of(form.get("digest_at", ""))
    if found is None and form.get("digest") == "yes":
        raise InvalidInput(_("请写成08:30这样的时间"), field="digest_at")
    return found or wishes.load().digest.at


async def _respond(
    request: web.Request, *, problem: InvalidInput | None = None, entered: Mapping[str, str] | None = None
) -> web.StreamResponse:
    person, core = staff(request), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        wish = await wishes.own(session, person.actor)
        now = await digest.contents(core, session, person.actor, since=core.clock.now() - timedelta(days=1))
    return page(
        request,
        "console/wishes.html",
        nav="me",
        status=problem.status if problem else 200,
        groups=[(group, word("notice_group", group), _chosen(entered, group, how)) for group, how in wish.groups.items()],
        hows=[(how.value, word("notice_how", how.value)) for how in wishes.How],
        loud=[word("staff_notice", kind) for kind in sorted(rules.load().notices.at_once)],
        form=dict(entered) if entered is not None else _form(wish),
        city_quiet=core.staff_quiet_hours,
        parts=digest_parts(now, person.role),
        errors=problem.errors if problem else {},
    )


def _chosen(entered: Mapping[str, str] | None, group: str, how: wishes.How) -> str:
    return (entered or {}).get(f"how_{group}", how.value)


def _form(wish: wishes.Wish) -> dict[str, str]:
    quiet = [moment.strftime("%H:%M") for moment in wish.quiet or ()] or ["", ""]
    return {
        "quiet_from": quiet[0],
        "quiet_to": quiet[1],
        "digest": "yes" if wish.digest else "",
        "digest_at": wish.digest_at.strftime("%H:%M"),
    }


def digest_parts(data: Mapping[str, Any], role: Role) -> list[tuple[str, str, int]]:
    """Address, words and number of each part of a digest: what waits on the desk, then what came for the digest, in the file's order."""
    file = wishes.load()
    queues, groups = data.get("queues", {}), data.get("groups", {})
    waiting = [queue for queue in file.digest.queues.get(role, ()) if queue in queues]
    told = [group for group in file.groups if group in groups]
    return [
        *((f"/console/tickets?queue={queue}", queue_label(queue, role), queues[queue]) for queue in waiting),
        *((f"/console/notices?group={group}", word("notice_group", group), groups[group]) for group in told),
    ]
