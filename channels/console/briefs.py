"""Briefs: the list, one as page, spreadsheet or print, and issuing a further version."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.reporting import KIND_WORDS, link, load_names, value_text
from channels.console.session import require, staff
from channels.web.charts import bars, columns
from channels.web.formats import record_time
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.people.models import Role
from ticketing.statistics.brief import KINDS, READERS, THREE_RATES, access_brief, issue, list_briefs, period_of, title_of
from ticketing.statistics.figures import Filter
from ticketing.statistics.indicator import GROUP_WORDS, Group
from ticketing.statistics.indicators import BY_KEY, INDICATORS
from ticketing.statistics.models import Brief
from ticketing.statistics.period import PeriodKind, parse
from ticketing.tables.exports import note_export, stamp
from ticketing.tables.pdf import MAIN, Heading, brief_pdf, find_font
from ticketing.tables.statistics import brief_tables
from ticketing.tables.writer import write_xlsx
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

LIST = "/console/statistics/list"


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/brief?kind=month: issued briefs, newest first."""
    person = require(request, *READERS)
    asked = request.query.get("kind", "")
    kind = PeriodKind(asked) if asked in {each.value for each in KINDS} else None
    async with request.app[DATABASE].transaction() as session:
        briefs = await list_briefs(session, person.actor, kind=kind)
    rows = [(brief, title_of(brief)) for brief in briefs]
    kinds = [(each.value, KIND_WORDS[each]) for each in KINDS]
    return page(request, "console/briefs.html", nav="figures", rows=rows, kinds=kinds, kind=kind.value if kind else "")


async def _brief(request: web.Request, session: AsyncSession) -> Brief:
    number = whole_number(request.match_info["id"])
    if number is None:
        raise NotFound(_("没有找到这份简报"))
    return await access_brief(session, staff(request).actor, number)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/brief/{id}."""
    person = require(request, *READERS)
    async with request.app[DATABASE].transaction() as session:
        brief = await _brief(request, session)
        names = await load_names(session)
        titles = await _titles(request, session, [each["number"] for each in brief.content["overdue"]])
    content = brief.content
    pictures = {"days": "", "topics": ""}
    if content["days"]:
        points = [(label[5:] if len(label) > 7 else label, float(value)) for label, value in content["days"]]
        only = Filter(line=brief.line)
        links = [link(LIST, parse(label), only, indicator="received") for label, _value in content["days"]]
        pictures["days"] = columns(points, title=_("诉求量"), unit=_("件"), links=links)
    if content["topics"]:
        hottest = content["topics"][:10]
        tops = [(each["name"], float(each["count"])) for each in hottest]
        links = [link(LIST, period_of(brief), Filter(line=brief.line, category=each["code"]), indicator="received") for each in hottest]
        pictures["topics"] = bars(tops, title=_("热点类别"), unit=_("件"), links=links)
    return page(
        request, "console/brief.html", nav="figures", brief=brief, content=content, title_text=title_of(brief), pictures=pictures,
        indicators=INDICATORS, by_key=BY_KEY, groups=[(group, _(GROUP_WORDS[group])) for group in Group], main=MAIN, rates=THREE_RATES,
        value_text=value_text, period=period_of(brief), names=names, titles=titles, may_issue=person.role in (Role.SUPERVISOR, Role.LEADER),
    )  # fmt: skip


async def _titles(request: web.Request, session: AsyncSession, numbers: list[str]) -> dict[str, str]:
    """Titles of today, of the tickets that the reader may see: the brief itself keeps none."""
    seen = visible(request.app[CORE], staff(request).actor)
    rows = await session.execute(select(Ticket.number, Ticket.title).where(Ticket.number.in_(numbers), seen))
    return {row.number: row.title for row in rows}


async def download(request: web.Request) -> web.StreamResponse:
    """GET /console/brief/{id}.{xlsx|pdf}: the same numbers as a file; leaves an event."""
    person = require(request, *READERS)
    core, form = request.app[CORE], request.match_info["form"]
    font = find_font(request.app[SETTINGS].pdf_font) if form == "pdf" else None
    async with request.app[DATABASE].transaction() as session:
        brief = await _brief(request, session)
        await note_export(core, session, person.actor, "brief", {"brief": brief.id, "form": form})
    mark, title = stamp(core, person.actor), title_of(brief)
    if font is not None:
        issued = _("{city}政务服务便民热线　第{v}版　{at}发布").format(
            city=request.app[SETTINGS].city_name, v=brief.version, at=record_time(brief.issued_at)
        )
        body = await brief_pdf(brief.content, Heading(title, issued, mark), font)
    else:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "brief.xlsx"
            await write_xlsx(brief_tables(brief.content, mark), path)
            body = path.read_bytes()
    kind = "application/pdf" if form == "pdf" else "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return web.Response(body=body, content_type=kind, headers=attachment(f"{title}-第{brief.version}版.{form}"))


def attachment(name: str) -> dict[str, str]:
    """Headers of a download: never shown in the page, never kept by a cache."""
    ascii_name = "".join(char if char.isascii() and (char.isalnum() or char in ".-_") else "_" for char in name)
    return {
        "Content-Disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


async def issue_again(request: web.Request) -> web.StreamResponse:
    """POST /console/brief: issue a brief, or with a reason a further version."""
    person = require(request, Role.SUPERVISOR, Role.LEADER)
    form = await request.post()
    period = parse(str(form.get("period", "")).strip())
    async with request.app[DATABASE].transaction() as session:
        brief = await issue(
            request.app[CORE], session, person.actor, period, line=person.actor.line or "", reason=str(form.get("reason", ""))
        )
    return see_other(request, f"/console/brief/{brief.id}", "brief_issued")
