"""Statistics: a table of any indicators by any split, and the list behind each number."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from channels.console.pages import page
from channels.console.reporting import filter_of, is_running, link, load_names, neighbours, period_of, shown
from channels.console.session import staff
from channels.web import keyset
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput
from hotline.i18n import _, texts
from ticketing.statistics.drill import PAGE, Part, drill
from ticketing.statistics.figures import CUT_WORDS, Cut, Filter, compute, narrowed
from ticketing.statistics.indicator import GROUP_WORDS, Group, Indicator
from ticketing.statistics.indicators import BENCHMARKS, BY_KEY
from ticketing.statistics.period import Period
from ticketing.statistics.scope import Scope, scope_of

MOST_ROWS = 500
"""Rows on a page; the export has all."""
CUTS = {"": (), **{cut.value: (cut,) for cut in Cut}, "unit_category": (Cut.UNIT, Cut.CATEGORY), "unit_month": (Cut.UNIT, Cut.MONTH)}
CUT_TITLES = texts(
    {
        "": "不分列",
        **{cut.value: words for cut, words in CUT_WORDS.items()},
        "unit_category": "单位和类别",
        "unit_month": "单位和月份",
    }
)


def wanted(request: web.Request, scope: Scope) -> tuple[Group, list[Indicator], str]:
    """Which group of indicators, and the split, that the address asks for."""
    groups = list(scope.groups)
    asked = request.query.get("group", "")
    group = Group(asked) if asked in {each.value for each in groups} else groups[0]
    by = request.query.get("by", "")
    if by not in CUTS or (scope.unit_id is not None and "unit" in by) or scope.person_id is not None:
        by = ""
    return group, [one for one in scope.indicators if one.group is group], by


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/statistics?period=…&group=…&by=…: figures with the list behind each."""
    person = staff(request)
    scope = scope_of(person.actor)
    period, only = period_of(request), filter_of(request, scope)
    group, indicators, by = wanted(request, scope)
    async with request.app[DATABASE].transaction() as session:
        lines = await compute(request.app[CORE], session, scope, period, indicators, by=CUTS[by], only=only)
        names = await load_names(session)
    if by:
        lines.sort(key=lambda line: (-max((figure.denominator for figure in line.figures.values()), default=0), line.at))
    before, after = neighbours(period, request)
    rows = [
        (line, [names.of(cut, value) for cut, value in zip(CUTS[by], line.at, strict=True)], _filter(only, by, line.at)) for line in lines
    ]
    return page(
        request, "console/statistics.html", nav="figures", period=period, before=before, after=after, running=is_running(period, request),
        scope=scope, only=only, names=names, group=group, groups=[(each, _(GROUP_WORDS[each])) for each in scope.groups],
        indicators=indicators, by=by, cuts=_cuts(scope), rows=rows[:MOST_ROWS], hidden_rows=max(0, len(rows) - MOST_ROWS),
        heads=[_(CUT_WORDS[cut]) for cut in CUTS[by]], shown=shown, link=link, benchmarks=BENCHMARKS,
        exports=link("/console/export/statistics.xlsx", period, only, group=group.value, by=by),
    )  # fmt: skip


def _cuts(scope: Scope) -> list[tuple[str, str]]:
    if scope.person_id is not None:
        return [("", CUT_TITLES[""])]
    return [(key, _(CUT_TITLES[key])) for key in CUTS if scope.unit_id is None or "unit" not in key]


def _filter(only: Filter, by: str, place: tuple[str, ...]) -> Filter | None:
    """The filter that leads to the list of one row."""
    found: Filter | None = only
    for cut, value in zip(CUTS[by], place, strict=True):
        found = narrowed(found, cut, value) if found is not None else None
    return found


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/statistics/list?indicator=…&part=…: exactly what a number counts."""
    person = staff(request)
    scope = scope_of(person.actor)
    period, only = period_of(request), filter_of(request, scope)
    indicator, part = _asked(request)
    after = keyset.read(request.query.get("after"))
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        found = await drill(core, session, person.actor, indicator, period, part=part, only=only, after=after, limit=PAGE)
        figure = (await compute(core, session, scope, period, [indicator], only=only))[0].figures[indicator.key]
        names = await load_names(session)
    values: dict[str, Any] = {"indicator": indicator.key, "part": part.value}
    return page(
        request, "console/statistics_list.html", nav="figures", period=period, only=only, names=names, indicator=indicator, part=part,
        figure=figure, shown=shown, found=found, link=link, later=after is not None, page_size=PAGE, values=values,
        ended=keyset.written(found.items[-1].at, found.items[-1].item) if found.more else "",
        opens=person.role.value not in ("quality", "editor", "admin"),
    )  # fmt: skip


def _asked(request: web.Request) -> tuple[Indicator, Part]:
    key, part = request.query.get("indicator", ""), request.query.get("part", Part.NUMERATOR.value)
    if key not in BY_KEY or part not in {each.value for each in Part}:
        raise InvalidInput(_("没有这项统计"), field="indicator")
    return BY_KEY[key], Part(part)


def table_name(period: Period, group: Group) -> str:
    """Name of an exported table."""
    return f"{GROUP_WORDS[group]} {period.key}"
