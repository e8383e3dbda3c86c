"""The board of figures: the numbers of a period with the list behind each, charts with axes, score cards of the units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
from ticketing.statistics.figures import EVERYTHING, SECRET, Cut, Figure, Line, added, compute, total
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.period import Period, PeriodKind, containing
from ticketing.statistics.scope import Scope, may_compare, scope_of
from ticketing.statistics.scores import WEIGHTS, Card, score_cards

CARDS = ("received", "closed", "on_time", "responded", "solved", "satisfied")
"""The numbers on top; the last three are 三率."""
TOP = 10
LIST = "/console/statistics/list"
RATES = ("on_time", "responded", "solved", "satisfied")
SERIES = ("received", *RATES)
"""What is drawn over time."""
KEPT_FROM = 20_000
"""Appeals of a period from which its board is kept."""
KEPT_FOR = timedelta(minutes=1)


@dataclass(frozen=True)
class Board:
    """Everything that the page shows of a period, before it is said in anybody's language."""

    at: datetime
    """When it was counted."""
    figures: dict[str, Figure]
    earlier: dict[str, Figure]
    """The same of the period before."""
    scores: Sequence[Card]
    series: Sequence[Line]
    categories: Sequence[Line]
    districts: Sequence[Line]
    rises: Sequence[hot.Topic]
    """What has become more than chance explains; only for who may compare."""


class KeptBoards:
    """Boards of great periods, for a minute: counting the day's ten thousand appeals twenty ways takes a quarter of a second.

    Whoever has few gets them counted each time. One of a process; two who ask at once may both count.
    """

    def __init__(self) -> None:
        self._boards: dict[tuple[Scope, Period, bool], Board] = {}

    def get(self, key: tuple[Scope, Period, bool], now: datetime) -> Board | None:
        """The board that was counted within the last minute."""
        found = self._boards.get(key)
        return found if found is not None and timedelta(0) <= now - found.at < KEPT_FOR else None

    def put(self, key: tuple[Scope, Period, bool], board: Board) -> None:
        """Keep it when it is of many appeals; what is over is thrown away."""
        if board.figures["received"].denominator < KEPT_FROM:
            return
        self._boards = {each: kept for each, kept in self._boards.items() if timedelta(0) <= board.at - kept.at < KEPT_FOR}
        self._boards[key] = board


BOARDS: web.AppKey[KeptBoards] = web.AppKey("figures_boards", KeptBoards)


def setup(app: web.Application) -> None:
    """What the process keeps of great periods."""
    app[BOARDS] = KeptBoards()


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/figures?period=2026-11."""
    person = staff(request)
    ensure(person.actor, "statistics.board")
    scope, compares = scope_of(person.actor), may_compare(person.actor)
    core, period = request.app[CORE], period_of(request)
    before, after = neighbours(period, request)
    key = (scope, period, compares)
    async with request.app[DATABASE].transaction() as session:
        names = await load_names(session)
        board = request.app[BOARDS].get(key, core.clock.now())
        if board is None:
            board = await _count(core, session, scope, period, before, compares=compares)
            request.app[BOARDS].put(key, board)
    cards = []
    for indicator in (BY_KEY[each] for each in CARDS):
        now, then = board.figures[indicator.key], board.earlier[indicator.key]
        cards.append((now, *change_text(now.value, then.value, indicator), link(LIST, period, EVERYTHING, indicator=indicator.key)))
    return page(
        request, "console/figures.html", nav="figures", period=period, before=before, after=after, running=is_running(period, request),
        cards=cards, pictures=_pictures(board, period, names), scores=board.scores, weights=WEIGHTS, by_key=BY_KEY, rises=board.rises,
        names=names, shown=shown, link=link, everything=EVERYTHING, tabs=_tabs(person), counted_at=board.at,
    )  # fmt: skip


async def _count(core: Core, session: AsyncSession, scope: Scope, period: Period, before: Period, *, compares: bool) -> Board:
    wanted, received = [BY_KEY[key] for key in CARDS], [BY_KEY["received"]]
    drawn = [BY_KEY[key] for key in dict.fromkeys((*CARDS, *SERIES))]
    series = await compute(core, session, scope, period, drawn, by=(_cut(period),))
    return Board(
        at=core.clock.now(),
        figures=added(series, wanted),
        earlier=await total(core, session, scope, before, wanted),
        scores=await score_cards(core, session, scope, period),
        series=series,
        categories=await compute(core, session, scope, period, received, by=(Cut.CATEGORY,)),
        districts=await compute(core, session, scope, period, received, by=(Cut.DISTRICT,)),
        rises=[topic for topic in await hot.topics(core, session, scope, period) if topic.sudden] if compares else [],
    )


def _cut(period: Period) -> Cut:
    """What is drawn over time: days, or months when the period is long."""
    return Cut.MONTH if period.days > 92 else Cut.DAY


def _tabs(person: Staff) -> list[str]:
    return ["board", "table", "brief"] if may_compare(person.actor) else ["board", "table"]


def _pictures(board: Board, period: Period, names: Names) -> dict[str, tuple[str, str, Markup]]:
    """Title, width in the grid and picture of each chart; one that has nothing to show is missing. Each mark leads to its list."""
    found: dict[str, tuple[str, str, Markup]] = {}
    steps = _steps(period)
    cut = _cut(period)
    by_step = {each.at[0]: each.figures for each in board.series}
    received = [(label, float(by_step[key]["received"].denominator if key in by_step else 0)) for key, label, _step in steps]
    if any(value for _label, value in received):
        title = _("每天诉求量") if cut is Cut.DAY else _("每月诉求量")
        links = [link(LIST, step, EVERYTHING, indicator="received") for _key, _label, step in steps]
        found["series"] = (title, "g6", columns(received, title=title, unit=_("件"), links=links))
    for key in RATES:
        rates = [(label, by_step[at][key].value if at in by_step else None) for at, label, _step in steps]
        if sum(value is not None for _label, value in rates) >= 2:
            title = _(BY_KEY[key].name)
            links = [link(LIST, step, EVERYTHING, indicator=key, part="denominator") for _key, _label, step in steps]
            found[key] = (title, "g6" if key == "on_time" else "g4", line(rates, title=title, links=links))
    found |= _places(board, period, names)
    carded = [(card, card.figures[key].value or 0, key) for card in board.scores for key in ("yellow", "red")]
    carded = sorted((each for each in carded if each[1]), key=lambda each: -each[1])[:TOP]
    if carded:
        words = {"yellow": _("黄牌"), "red": _("红牌")}
        links = [link(LIST, period, EVERYTHING, unit=card.unit_id, indicator=key) for card, _count, key in carded]
        points = [(f"{words[key]} {card.unit}", count) for card, count, key in carded]
        found["cards"] = (_("黄牌和红牌"), "g6", bars(points, title=_("黄牌和红牌"), unit=_("张"), links=links))
    return found


def _places(board: Board, period: Period, names: Names) -> dict[str, tuple[str, str, Markup]]:
    """What most appeals are about, and from where."""
    found: dict[str, tuple[str, str, Markup]] = {}
    for key, lines, title in (("category", board.categories, _("诉求最多的类别")), ("district", board.districts, _("各区县诉求量"))):
        rows = [(each.at[0], each.figures["received"].denominator) for each in lines if each.at[0] not in ("", SECRET)]
        rows = sorted(rows, key=lambda row: (-row[1], row[0]))[:TOP]
        if rows:
            points = [(names.categories.get(code, code) if key == "category" else code, float(number)) for code, number in rows]
            links = [link(LIST, period, EVERYTHING, indicator="received", **{key: code}) for code, _number in rows]
            found[key] = (title, "g6", bars(points, title=title, unit=_("件"), links=links))
    return found


def _steps(period: Period) -> list[tuple[str, str, Period]]:
    """The days of the period, or its months when it is long: how a split names them, how an axis does, and the step as a period."""
    if period.days <= 92:
        days = [period.first + timedelta(days=number) for number in range(period.days)]
        return [(day.isoformat(), f"{day:%m-%d}", containing(PeriodKind.DAY, day)) for day in days]
    steps, month = [], containing(PeriodKind.MONTH, period.first)
    while month.first <= period.last:
        steps.append((month.key, month.key, _within(month, period)))
        month = month.next()
    return steps


def _within(month: Period, period: Period) -> Period:
    """The days of the month that are in the period."""
    if period.first <= month.first and month.last <= period.last:
        return month
    return Period(PeriodKind.FREE, max(month.first, period.first), min(month.last, period.last))
