"""What the pages of figures share: the period and filters of an address, names of places, figures in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.inputs import whole_number
from channels.web.keys import CORE
from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _, texts
from ticketing.people.models import Unit
from ticketing.statistics.figures import SECRET, Cut, Figure, Filter
from ticketing.statistics.indicator import Indicator, Measure
from ticketing.statistics.period import Period, PeriodKind, containing, parse
from ticketing.statistics.scope import Scope
from ticketing.taxonomy.models import Category
from ticketing.words import word

KIND_WORDS = texts({PeriodKind.DAY: "日", PeriodKind.WEEK: "周", PeriodKind.MONTH: "月", PeriodKind.YEAR: "年", PeriodKind.FREE: "近30天"})


@dataclass(frozen=True)
class Names:
    """Names of units and categories, for tables."""

    units: dict[int, str]
    categories: dict[str, str]
    groups: dict[str, str]

    def of(self, cut: Cut, value: str) -> str:
        """The value of a split in words."""
        if value == SECRET:
            return _("（保密工单，不分列）")
        if value == "":
            return _("（未填）") if cut is not Cut.UNIT else _("（未派单）")
        match cut:
            case Cut.UNIT:
                return self.units.get(int(value), value)
            case Cut.CATEGORY:
                return f"{value} {self.categories.get(value, '')}"
            case Cut.GROUP:
                return self.groups.get(value, value)
            case Cut.CHANNEL:
                return word("channel", value)
            case _:
                return value


async def load_names(session: AsyncSession) -> Names:
    """All names, in two statements."""
    units = {row.id: row.name for row in await session.execute(select(Unit.id, Unit.name).order_by(Unit.level, Unit.id))}
    rows = list(await session.execute(select(Category.code, Category.name, Category.group_name).order_by(Category.code)))
    return Names(units, {row.code: row.name for row in rows}, {row.code[:2]: row.group_name for row in rows})


def period_of(request: web.Request, usual: PeriodKind = PeriodKind.MONTH) -> Period:
    """`?period=2026-11`, or `?first=…&last=…`, or the current one of the kind."""
    today = to_city(request.app[CORE].clock.now()).date()
    first, last = request.query.get("first", "").strip(), request.query.get("last", "").strip()
    if first and last:
        return parse(f"{first}..{last}")
    text = request.query.get("period", "").strip()
    if text in {kind.value for kind in PeriodKind}:
        return containing(PeriodKind(text), today)
    return parse(text) if text else containing(usual, today)


def filter_of(request: web.Request, scope: Scope) -> Filter:
    """The filters of the address; a unit's people have none for units."""
    query = request.query
    category = query.get("category", "").strip()
    if category and not (category.isascii() and category.isdigit() and len(category) in (2, 4)):
        raise InvalidInput(_("类别代码是2位或4位数字"), field="category")
    unit = whole_number(query.get("unit")) if scope.unit_id is None else None
    return Filter(
        line=query.get("line", "").strip()[:20], unit_id=unit, category=category, district=query.get("district", "").strip()[:50],
        channel=query.get("channel", "").strip()[:20],
    )  # fmt: skip


def link(path: str, period: Period, only: Filter, **more: object) -> str:
    """An address with period and filters."""
    values: dict[str, object] = {"period": period.key, "line": only.line, "unit": only.unit_id, "category": only.category,
                                 "district": only.district, "channel": only.channel, **more}  # fmt: skip
    return f"{path}?{urlencode({key: value for key, value in values.items() if value not in ('', None)})}"


def shown(figure: Figure) -> str:
    """A figure as it is written: `97.3%`, `1,204`, `12.5秒`, a dash when there is nothing to divide by."""
    return value_text(figure.indicator, figure.value)


def value_text(indicator: Indicator, value: float | None) -> str:
    """A value in its unit."""
    if value is None:
        return "—"
    match indicator.measure:
        case Measure.COUNT:
            return f"{value:,.0f}"
        case Measure.RATE | Measure.PER_THOUSAND:
            return f"{value:.1f}{_(indicator.unit)}"
        case _:
            return f"{value:,.1f}{_(indicator.unit)}"


def change_text(now: float | None, before: float | None, indicator: Indicator) -> tuple[str, str]:
    """How a figure moved against the period before: the words, and up, down or empty for good, bad or neither."""
    if now is None or before is None:
        return "", ""
    move = now - before
    if indicator.measure is Measure.COUNT:
        if not before:
            return "", ""
        text = f"{100 * move / before:+.0f}%"
    else:
        text = f"{move:+.1f}"
    if indicator.higher_is_better is None or abs(move) < 0.05:
        return text, ""
    return text, "up" if (move > 0) == indicator.higher_is_better else "down"


def neighbours(period: Period, request: web.Request) -> tuple[Period, Period | None]:
    """The periods before and after; none after the current one."""
    today = to_city(request.app[CORE].clock.now()).date()
    after = period.next()
    return period.previous(), after if after.first <= today else None


def is_running(period: Period, request: web.Request) -> bool:
    """Whether the period is not over yet: its rates are of what fell due so far."""
    return period.end > request.app[CORE].clock.now() - timedelta(0)
