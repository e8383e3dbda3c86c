"""The hotline's figures for everybody: the issued monthly brief, small cells covered."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from channels.portal.preferences import page
from channels.web.charts import bars
from channels.web.keys import DATABASE
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.statistics.period import PeriodKind, parse
from ticketing.statistics.published import published_month, published_months
from ticketing.words import word


async def show(request: web.Request) -> web.StreamResponse:
    """GET /figures?month=2026-11."""
    async with request.app[DATABASE].transaction() as session:
        months = await published_months(session)
        asked = request.query.get("month", "").strip()
        first = _first(asked) if asked else months[0] if months else None
        found = await published_month(session, first) if first else None
    if asked and found is None:
        raise NotFound(_("这个月的数据没有公布，请选择其他月份"))
    pictures = {}
    if found is not None:
        for key, title, cells in (("groups", _("各类诉求"), found.groups), ("districts", _("各区县"), found.districts)):
            points = [(cell.name, float(cell.count)) for cell in cells if cell.count]
            if points:
                pictures[key] = bars(points, title=title, unit=_("件"))
    channels = [(word("channel", cell.name), cell.count) for cell in found.channels] if found else []
    return page(request, "portal/figures.html", months=months, found=found, pictures=pictures, channels=channels)


def _first(text: str) -> date | None:
    try:
        period = parse(text)
    except InvalidInput:
        raise NotFound(_("这个月的数据没有公布，请选择其他月份")) from None
    return period.first if period.kind is PeriodKind.MONTH else None
