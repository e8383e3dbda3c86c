"""The board of figures: the numbers of a period with the list behind each, charts with axes, score cards of the units."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page
from channels.console.reporting import Names, change_text, is_running, link, load_names, neighbours, period_of, shown
from channels.console.session import Staff, staff
from channels.web.charts import bars, columns, line
from channels.web.keys import CORE, DATABASE
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.permissions import ensure
from ticketing.statistics import hot
from ticketing.statistics.figures import EVERYTHING, SECRET, Cut, compute, total
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.period import Period, PeriodKind
from ticketing.statistics.scope import Scope, may_compare, scope_of
from ticketing.statistics.scores import WEIGHTS, score_cards

CARDS = ("received", "closed", "on_time", "responded", "solved", "satisfied")
"""The numbers on top; the last three are 三率."""
TOP = 10


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/figures?period=2026-11."""
    person = staff(request)
    ensure(person.actor, "statistics.board")
    scope = scope_of(person.actor)
    core, period = request.app[CORE], period_of(request)
    before, after = neighbours(period, request)
    wanted = [BY_KEY[key] for key in CARDS]
    async with request.app[DATABASE].transaction() as session:
        figures = await total(core, session, scope, period, wanted)
        earlier = await total(core, session, scope, before, wanted)
        names = await load_names(session)
        pictures = await _pictures(core, session, scope, period, names)
        scores = await score_cards(core, session, scope, period)
        rises = [topic for topic in await hot.topics(core, session, scope, period) if topic.sudden] if may_compare(person.actor) else []
    cards = []
    for one in wanted:
        now, then = figures[one.key], earlier[one.key]
        cards.append(
            (now, *change_text(now.value, then.value, one), link("/console/statistics/list", period, EVERYTHING, indicator=one.key))
        )
    return page(
        request, "console/figures.html", nav="figures", period=period, before=before, after=after, running=is_running(period, request),
        cards=cards, pictures=pictures, scores=scores, weights=WEIGHTS, by_key=BY_KEY, rises=rises, names=names, shown=shown, link=link,
        everything=EVERYTHING, tabs=_tabs(person),
    )  # fmt: skip


def _tabs(person: Staff) -> list[str]:
    return ["board", "table", "brief"] if may_compare(person.actor) else ["board", "table"]


async def _pictures(core: Core, session: AsyncSession, scope: Scope, period: Period, names: Names) -> dict[str, Markup]:
    """The four charts; one that has nothing to show is missing."""
    found: dict[str, Markup] = {}
    series = await _series(core, session, scope, period)
    if any(value for _label, value in series):
        found["series"] = columns(series, title=_("每天诉求量") if period.kind is not PeriodKind.YEAR else _("每月诉求量"), unit=_("件"))
    for key, cut in (("categories", Cut.CATEGORY), ("districts", Cut.DISTRICT)):
        lines = await compute(core, session, scope, period, [BY_KEY["received"]], by=(cut,))
        rows = [(each.at[0], each.figures["received"].denominator) for each in lines if each.at[0] not in ("", SECRET)]
        rows.sort(key=lambda row: (-row[1], row[0]))
        if rows:
            title = _("诉求最多的类别") if cut is Cut.CATEGORY else _("各区县诉求量")
            shown_rows = [(names.categories.get(code, code) if cut is Cut.CATEGORY else code, number) for code, number in rows[:TOP]]
            found[key] = bars(shown_rows, title=title, unit=_("件"))
    trend = await _trend(core, session, scope, period)
    if sum(value is not None for _label, value in trend) >= 2:
        found["trend"] = line(trend, title=_("按时办结率"))
    return found


async def _series(core: Core, session: AsyncSession, scope: Scope, period: Period) -> list[tuple[str, float]]:
    """Appeals by day, in a year by month; days without any are there with 0."""
    cut = Cut.MONTH if period.days > 92 else Cut.DAY
    lines = await compute(core, session, scope, period, [BY_KEY["received"]], by=(cut,))
    counts = {each.at[0]: each.figures["received"].denominator for each in lines}
    return [(key[5:] if cut is Cut.DAY else key, counts.get(key, 0)) for key in _keys(period, cut)]


async def _trend(core: Core, session: AsyncSession, scope: Scope, period: Period) -> list[tuple[str, float | None]]:
    cut = Cut.MONTH if period.days > 92 else Cut.DAY
    lines = await compute(core, session, scope, period, [BY_KEY["on_time"]], by=(cut,))
    rates = {each.at[0]: each.figures["on_time"].value for each in lines}
    return [(key[5:] if cut is Cut.DAY else key, rates.get(key)) for key in _keys(period, cut)]


def _keys(period: Period, cut: Cut) -> list[str]:
    days: list[date] = [period.first + timedelta(days=number) for number in range(period.days)]
    return list(dict.fromkeys(f"{day:%Y-%m}" if cut is Cut.MONTH else day.isoformat() for day in days))
