"""The working calendar: what is known, importing next year's list with a preview, office hours."""

from __future__ import annotations

import asyncio
import re
from datetime import date

from aiohttp import web
from aiohttp.web_request import FileField
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import to_city
from hotline.errors import Conflict, HotlineError, InvalidInput
from hotline.i18n import _
from ticketing.calendar import changes, lists, versions
from ticketing.calendar.changes import Preview
from ticketing.calendar.lists import DayList
from ticketing.calendar.models import CalendarChange, CalendarDay
from ticketing.calendar.service import work_calendar
from ticketing.deadline.models import OPEN, Deadline
from ticketing.people.models import User

CHANGES_SHOWN = 20
_SHOWN = 400
"""Days of a preview that are listed; a list has about forty that are not as their weekday says."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/calendar."""
    require_may(request, "calendar.import")
    return await _respond(request)


async def preview(request: web.Request) -> web.StreamResponse:
    """POST /console/calendar/preview: what a file or the package would change. Writes nothing."""
    require_may(request, "calendar.import")
    form = await request.post()
    entered = {name: str(form.get(name, ""))[:200_000] for name in ("text", "years") if not isinstance(form.get(name), FileField)}
    try:
        years = _years(entered.get("years", ""))
        if form.get("source") == "package":
            wanted = changes.from_package(request.app[CORE], years=years)
        else:
            wanted = lists.read(await _content(form.get("file"), entered.get("text", "")), years=years)
        return await _preview(request, wanted)
    except InvalidInput as problem:
        return await _respond(request, problem=problem, entered=entered)


async def apply(request: web.Request) -> web.StreamResponse:
    """POST /console/calendar/apply: write the list of the preview; the clocks follow within seconds."""
    person = require_may(request, "calendar.import")
    form = await request.post()
    try:
        wanted = lists.read(str(form.get("list", "")))
        base, note = whole_number(str(form.get("version", ""))), str(form.get("note", ""))
        async with request.app[DATABASE].transaction() as session:
            await changes.apply(request.app[CORE], session, person.actor, wanted, base_version=-1 if base is None else base, note=note)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem=problem)
    return see_other(request, "/console/calendar", "calendar_changed")


async def hours(request: web.Request) -> web.StreamResponse:
    """POST /console/calendar/hours: the office hours of every working day."""
    person = require_may(request, "calendar.import")
    form = await request.post()
    typed, note = str(form.get("periods", ""))[:200], str(form.get("note", ""))
    try:
        periods = lists.read_periods(typed)
        async with request.app[DATABASE].transaction() as session:
            await changes.set_periods(request.app[CORE], session, person.actor, periods, note=note)
    except InvalidInput as problem:
        return await _respond(request, problem=problem, entered={"periods": typed})
    return see_other(request, "/console/calendar", "calendar_changed")


def _years(text: str) -> set[int] | None:
    """The years that a list covers whole, as typed. Raises InvalidInput."""
    parts = [part for part in re.split(r"[\s,，、]+", text.strip()) if part]
    numbers = [whole_number(part) for part in parts]
    found = {number for number in numbers if number is not None and lists.FIRST.year <= number <= lists.LAST.year}
    if len(found) < len(set(parts)) or len(found) > 5:
        raise InvalidInput(_("年份应写成2027，最多5个"), field="years")
    return found or None


async def _content(file: object, text: str) -> bytes | str:
    if isinstance(file, FileField) and file.filename:
        return await asyncio.to_thread(file.file.read, lists.MAX_BYTES + 1)
    return text


async def _preview(request: web.Request, wanted: DayList) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        found: Preview = await changes.preview(session, wanted)
        clocks = await session.scalar(select(func.count()).select_from(Deadline).where(Deadline.state.in_(OPEN)))
    return page(
        request,
        "console/calendar_preview.html",
        nav="calendar",
        found=found,
        special=found.special[:_SHOWN],
        changed=found.changed[:_SHOWN],
        source=wanted.source,
        years=sorted(wanted.years),
        text=wanted.as_text(),
        clocks=clocks,
    )


async def _respond(request: web.Request, *, problem: HotlineError | None = None, entered: dict[str, str] | None = None) -> web.Response:
    today = to_city(request.app[CORE].clock.now()).date()
    async with request.app[DATABASE].transaction() as session:
        version = (await versions.current(session)).calendar
        calendar = await work_calendar(session)
        years = await changes.years_known(session)
        special = await _special(session, today)
        rows = await session.execute(
            select(CalendarChange, User.name)
            .outerjoin(User, User.id == CalendarChange.by_id)
            .order_by(CalendarChange.version.desc())
            .limit(CHANGES_SHOWN)
        )
        past = [(row.CalendarChange, row.name or _("系统")) for row in rows]
        waiting = await session.scalar(
            select(func.count()).select_from(Deadline).where(Deadline.state.in_(OPEN), Deadline.calendar_version < version)
        )
        provisional = await session.scalar(
            select(func.count()).select_from(Deadline).where(Deadline.state.in_(OPEN), Deadline.provisional.is_(True))
        )
    return page(
        request,
        "console/calendar.html",
        nav="calendar",
        status=problem.status if problem else 200,
        version=version,
        years=years,
        special=special,
        past=past,
        waiting=waiting,
        provisional=provisional,
        periods=", ".join(f"{_time(period.start)}-{_time(period.end)}" for period in calendar.periods),
        problem=str(problem) if problem else "",
        field=problem.field if problem else "",
        entered=entered or {},
    )


async def _special(session: AsyncSession, today: date) -> list[CalendarDay]:
    """The days from this year on that are not as their weekday says."""
    weekday = func.extract("isodow", CalendarDay.day) < 6
    statement = select(CalendarDay).where(CalendarDay.day >= date(today.year, 1, 1), CalendarDay.is_work != weekday)
    return list(await session.scalars(statement.order_by(CalendarDay.day).limit(_SHOWN)))


def _time(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"
