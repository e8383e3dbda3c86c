"""Tables out and in: export buttons lead here, and the page on which a file is checked before anything is written."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web
from aiohttp.web_request import FileField
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.briefs import attachment
from channels.console.pages import page, see_other
from channels.console.queue_filter import chosen
from channels.console.reporting import filter_of, load_names, period_of
from channels.console.session import Staff, staff
from channels.console.statistics import CUTS, table_name, wanted
from channels.web.keys import CORE, DATABASE
from channels.web.table_files import send_table
from hotline.clock import to_city
from hotline.errors import HotlineError, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.statistics.figures import compute
from ticketing.statistics.scope import scope_of
from ticketing.tables import imports, reader
from ticketing.tables.exports import EXPORTERS, TITLES, TicketFilter, export, may_export, note_export, stamp
from ticketing.tables.kinds import IMPORTERS
from ticketing.tables.statistics import figures_table
from ticketing.tables.table import Table
from ticketing.ticket.queues import Queue

SHOWN = 200
"""Rows of a preview that are shown; all rows with errors come first."""


async def download(request: web.Request) -> web.StreamResponse:
    """GET /console/export/{kind}.{xlsx|csv}: a list as a file, written while it is read."""
    person, kind, form = staff(request), request.match_info["kind"], request.match_info["form"]
    if kind not in EXPORTERS and kind != "statistics":
        raise NotFound(_("没有这种导出"))
    async with request.app[DATABASE].transaction() as session:
        table = await (_statistics(request, session, person) if kind == "statistics" else _list(request, session, person, kind))
        when = to_city(request.app[CORE].clock.now()).strftime("%Y%m%d-%H%M")
        headers = attachment(f"{table.name}-{when}.{form}")
        return await send_table(request, table, form, headers)


async def _list(request: web.Request, session: AsyncSession, person: Staff, kind: str) -> Table:
    asked = request.query.get("queue", "")
    queue = Queue(asked) if asked in {each.value for each in Queue} else Queue.ALL
    words = request.query.get("q", "").strip()[:100]
    also = chosen(request).wanted(queue, words, request.app[CORE].clock.now())
    only = TicketFilter(queue, words, also) if kind == "tickets" else None
    return await export(request.app[CORE], session, person.actor, kind, only=only)


async def _statistics(request: web.Request, session: AsyncSession, person: Staff) -> Table:
    core, scope = request.app[CORE], scope_of(person.actor)
    if scope.person_id is not None:
        raise NotAllowed(_("这个岗位不能导出"))
    period, only = period_of(request), filter_of(request, scope)
    group, indicators, by = wanted(request, scope)
    lines = await compute(core, session, scope, period, indicators, by=CUTS[by], only=only)
    names = await load_names(session)
    await note_export(core, session, person.actor, "statistics", {"period": period.key, "group": group.value, "by": by})
    return figures_table(table_name(period, group), lines, indicators, CUTS[by], names.of, stamp(core, person.actor))


def _kinds(person: Staff) -> list[str]:
    return [kind for kind, found in IMPORTERS.items() if person.actor.has(*found.roles)]


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/import: choose what and which file; and the exports."""
    return _page(request, staff(request))


def _page(request: web.Request, person: Staff, *, problem: str = "", kind: str = "", status: int = 200, **more: object) -> web.Response:
    kinds = _kinds(person)
    exports = [each for each in EXPORTERS if may_export(person.actor, each)]
    if not kinds and not exports:
        raise NotAllowed(_("这个岗位没有权限打开本页或做这一步"))
    columns = {each: [(column.title, column.key in IMPORTERS[each].required) for column in IMPORTERS[each].columns] for each in kinds}
    values = {"preview": None, "job": None, "imported": None, **more}
    return page(
        request, "console/import.html", nav="tables", status=status, kinds=kinds, exports=exports, titles=TITLES, kind=kind,
        problem=problem,
        columns=columns, column_keys=_column_keys, most_mb=reader.MAX_BYTES // 1024 // 1024, shown_rows=SHOWN, **values,
    )  # fmt: skip


def _column_keys(kind: str) -> list[str]:
    return [column.key for column in IMPORTERS[kind].columns]


async def upload(request: web.Request) -> web.StreamResponse:
    """POST /console/import: check every row; nothing is written but the sealed file, which waits for the decision."""
    person, core, database = staff(request), request.app[CORE], request.app[DATABASE]
    form = await request.post()
    kind, file = str(form.get("kind", "")), form.get("file")
    try:
        content = file.file.read(reader.MAX_BYTES + 1) if isinstance(file, FileField) else b""
        preview = await imports.check(core, database, person.actor, kind, content)
        job = None
        if preview.ok:
            async with database.transaction() as session:
                job = await imports.keep(core, session, person.actor, kind, content, file.filename if isinstance(file, FileField) else "")
    except InvalidInput as error:
        return _page(request, person, problem=str(error), kind=kind, status=422)
    return _page(request, person, kind=kind, preview=preview, job=job, status=200 if preview.ok else 422)


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/import/{id}/{apply|drop}. New passwords are shown on the answer, once, and stored nowhere."""
    person, core, database = staff(request), request.app[CORE], request.app[DATABASE]
    try:
        job_id = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(_("没有找到这次导入")) from None
    if request.match_info["decision"] == "drop":
        async with database.transaction() as session:
            await imports.drop_kept(core, session, person.actor, job_id)
        return see_other(request, "/console/import", "import_dropped")
    try:
        async with database.transaction() as session:
            job, preview = await imports.apply_kept(core, session, person.actor, job_id)
    except HotlineError as error:
        return _page(request, person, problem=str(error), status=error.status)
    return _page(request, person, kind=job.kind, imported=preview)
