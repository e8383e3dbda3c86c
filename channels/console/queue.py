"""The board of the queue: who waits, who is on duty, today's figures; roster and telephones; the nuisance list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.missed import load_missed
from channels.console.pages import fragment, page, see_other
from channels.console.session import Staff, require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.clock import CITY_ZONE
from hotline.errors import Conflict, HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.call_flow import nuisance, versions
from ticketing.call_flow.document import Document
from ticketing.context import Core
from ticketing.conversation.models import Call, CallState
from ticketing.duty import roster
from ticketing.duty.models import Duty, Skill
from ticketing.duty.service import ANSWERING, set_phone, set_skills
from ticketing.people.lines import calls_of, numbers_of
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.queue import figures
from ticketing.queue.models import Waiting
from ticketing.queue.service import wished_tongue


@dataclass(frozen=True)
class Waiter:
    """Somebody who waits, as the board shows them: without a number."""

    position: int
    row: Waiting
    seconds: int
    agent: str
    """Whose telephone rings."""
    tongue: str
    """What they wish to speak, in words; empty for Mandarin."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/queue."""
    return await _board(request, require_may(request, "queue.see"))


async def _board(request: web.Request, person: Staff, problem: HotlineError | None = None) -> web.Response:
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        document = await versions.current(session)
        lines = sorted(await numbers_of(session, person.actor.line)) if person.actor.line else None
        options = next(iter(document.queues.values()))
        values: dict[str, Any] = {
            "level": await figures.level(core, session, servicelevel=options.servicelevel, lines=lines),
            "servicelevel": options.servicelevel,
            "waiters": await _waiters(core, session, person, document),
            "seats": await figures.seats(core, session),
            "talking": await _talking(session, person),
            **await load_missed(core, session, person.actor),
            "at": core.clock.now(),
            "queues": document.queues,
            "may_manage": may(person.actor, "duty.manage"),
            "may_supervise": may(person.actor, "call.supervise"),
            "problem": str(problem) if problem else "",
        }
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_queue.html", **values)
    return page(request, "console/queue.html", nav="queue", status=problem.status if problem else 200, **values)


async def _waiters(core: Core, session: AsyncSession, person: Staff, document: Document) -> list[Waiter]:
    rows, now = await figures.waiting(session, person.actor), core.clock.now()
    ids = [row.offered_to_id for row, _call in rows if row.offered_to_id]
    names = {user.id: user.name for user in await session.scalars(select(User).where(User.id.in_(ids)))}
    return [
        Waiter(
            place, row, max(0, int((now - row.entered_at).total_seconds())), names.get(row.offered_to_id or 0, ""),
            wished_tongue(row, document),
        )
        for place, (row, _call) in enumerate(rows, 1)
    ]  # fmt: skip


async def _talking(session: AsyncSession, person: Staff) -> dict[int, Call]:
    """The calls that go on, by the agent who has them."""
    live = select(Call).where(Call.state == CallState.TALKING.value, calls_of(person.actor))
    return {int(call.data["agent_id"]): call for call in await session.scalars(live) if "agent_id" in call.data}


# roster, telephones, skills


async def show_roster(request: web.Request) -> web.StreamResponse:
    """GET /console/queue/roster."""
    require_may(request, "duty.manage")
    return await _roster(request)


async def _roster(request: web.Request, problem: HotlineError | None = None) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        roles = [role.value for role in ANSWERING]
        found = select(User, Duty).outerjoin(Duty, Duty.user_id == User.id).where(User.active, User.role.in_(roles))
        people = [(row.User, row.Duty) for row in await session.execute(found.order_by(User.staff_number).limit(500))]
        skills: dict[tuple[int, str], list[str]] = {}
        for skill in await session.scalars(select(Skill).order_by(Skill.code)):
            skills.setdefault((skill.user_id, skill.kind), []).append(skill.code)
        shifts = await roster.shifts(request.app[CORE], session)
    return page(
        request, "console/queue_roster.html", nav="queue", status=problem.status if problem else 200,
        people=people, skills=skills, shifts=shifts, problem=str(problem) if problem else "",
    )  # fmt: skip


async def save_shift(request: web.Request) -> web.StreamResponse:
    """POST /console/queue/roster: one more shift."""
    person, form = require_may(request, "duty.manage"), await request.post()
    try:
        user = whole_number(str(form.get("user", "")))
        if user is None:
            raise InvalidInput(_("请选择坐席"), field="user")
        starts, ends = (_moment(str(form.get(name, "")), name) for name in ("starts_at", "ends_at"))
        async with request.app[DATABASE].transaction() as session:
            await roster.add_shift(request.app[CORE], session, person.actor, user, starts, ends)
    except (InvalidInput, Conflict, NotFound) as problem:
        return await _roster(request, problem)
    return see_other(request, "/console/queue/roster", "roster_saved")


async def drop_shift(request: web.Request) -> web.StreamResponse:
    """POST /console/queue/roster/{id}/drop."""
    person = require_may(request, "duty.manage")
    async with request.app[DATABASE].transaction() as session:
        await roster.drop_shift(request.app[CORE], session, person.actor, int(request.match_info["id"]))
    return see_other(request, "/console/queue/roster", "roster_saved")


async def save_seat(request: web.Request) -> web.StreamResponse:
    """POST /console/queue/seats/{user}: telephone and skills of an agent."""
    person, form, user = require_may(request, "duty.manage"), await request.post(), int(request.match_info["user"])
    try:
        async with request.app[DATABASE].transaction() as session:
            await set_phone(request.app[CORE], session, person.actor, user, str(form.get("phone", ""))[:200])
            for kind in ("line", "language", "dialect"):
                codes = [part for part in re.split(r"[\s,，、;；]+", str(form.get(kind, ""))[:200]) if part]
                await set_skills(request.app[CORE], session, person.actor, user, kind, codes)
    except (InvalidInput, NotFound) as problem:
        return await _roster(request, problem)
    return see_other(request, "/console/queue/roster", "roster_saved")


def _moment(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE)
    except ValueError:
        raise InvalidInput(_("请填写开始和结束时间"), field=field) from None


# nuisance list


async def show_nuisance(request: web.Request) -> web.StreamResponse:
    """GET /console/queue/nuisance."""
    require_may(request, "nuisance.manage")
    return await _nuisance(request)


async def _nuisance(request: web.Request, problem: HotlineError | None = None, entered: dict[str, str] | None = None) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        rows = await nuisance.listed(request.app[CORE], session)
        refused = await session.scalar(select(func.count()).select_from(Call).where(Call.end_reason == "nuisance")) or 0
    return page(
        request, "console/queue_nuisance.html", nav="queue", status=problem.status if problem else 200,
        rows=rows, refused=refused, longest=nuisance.LONGEST_DAYS, problem=str(problem) if problem else "", entered=entered or {},
    )  # fmt: skip


async def add_nuisance(request: web.Request) -> web.StreamResponse:
    """POST /console/queue/nuisance."""
    person, form = require_may(request, "nuisance.manage"), await request.post()
    entered = {name: str(form.get(name, ""))[:300] for name in ("number", "days", "reason")}
    try:
        async with request.app[DATABASE].transaction() as session:
            days = whole_number(entered["days"]) or 0
            await nuisance.add(request.app[CORE], session, person.actor, entered["number"], days=days, reason=entered["reason"])
    except (InvalidInput, Conflict) as problem:
        return await _nuisance(request, problem, entered)
    return see_other(request, "/console/queue/nuisance", "nuisance_saved")


async def lift_nuisance(request: web.Request) -> web.StreamResponse:
    """POST /console/queue/nuisance/{id}/lift."""
    person = require_may(request, "nuisance.manage")
    async with request.app[DATABASE].transaction() as session:
        await nuisance.lift(request.app[CORE], session, person.actor, int(request.match_info["id"]))
    return see_other(request, "/console/queue/nuisance", "nuisance_saved")
