"""Statistics: the indicators with their formulas, figures of a period by any split, the list behind a figure, score cards of units."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from channels.api import cursors
from channels.api.call import Call, Operation
from channels.api.models import Id, Page, Query, Told, text
from channels.console.reporting import Names, load_names
from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.people.permissions import ensure
from ticketing.statistics.drill import Item, Part, drill
from ticketing.statistics.figures import Cut, Figure, Filter, Line, compute
from ticketing.statistics.indicator import GROUP_WORDS, Indicator
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.period import Period, PeriodKind, containing, parse
from ticketing.statistics.scope import Scope, scope_of
from ticketing.statistics.scores import WEIGHTS, Card, score_cards

TAG = "统计"
PeriodText = Annotated[
    str,
    Field(
        pattern=r"^([0-9]{4}|[0-9]{4}-[0-9]{2}|[0-9]{4}-W[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?)?$",
        description="2026、2026-11、2026-W47、2026-11-18或2026-11-01..2026-11-18；不填是本月",
    ),
]
Key = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$", description="指标的key")]


class By(StrEnum):
    """How figures are split."""

    LINE = "line"
    UNIT = "unit"
    GROUP = "group"
    CATEGORY = "category"
    DISTRICT = "district"
    CHANNEL = "channel"
    DAY = "day"
    MONTH = "month"
    UNIT_CATEGORY = "unit_category"
    UNIT_MONTH = "unit_month"

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The columns of the split."""
        match self:
            case By.UNIT_CATEGORY:
                return (Cut.UNIT, Cut.CATEGORY)
            case By.UNIT_MONTH:
                return (Cut.UNIT, Cut.MONTH)
            case _:
                return (Cut(self.value),)


class Narrowed(Query):
    """A period and what is counted of it; all filters must fit."""

    period: PeriodText = ""
    line: Annotated[str, Field(pattern=r"^([0-9]{3,8})?$")] = ""
    unit: Annotated[Id | None, Field(description="承办单位；承办单位的账号总是本单位，不能填")] = None
    category: Annotated[str, Field(pattern=r"^([0-9]{2}|[0-9]{4})?$", description="大类2位，类别4位")] = ""
    district: Annotated[str, text(0, 50)] = ""
    channel: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,20}$")] = ""


class FiguresQuery(Narrowed):
    """Which indicators, how split."""

    indicators: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}(,[a-z0-9_]{1,40}){0,49}$", description="指标的key，用逗号分开")]
    by: Annotated[By | None, Field(description="怎样分列；不填是合计")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="一页最多几行")] = 500
    cursor: Annotated[str, Field(max_length=1000, description="上一页的next；不填从头开始")] = ""


class ItemsQuery(Narrowed, Page):
    """Which side of which figure."""

    indicator: Key
    part: Annotated[Part, Field(description="分子或分母")] = Part.NUMERATOR


class ScoresQuery(Query):
    """Of which period."""

    period: PeriodText = ""


class IndicatorOut(Told):
    """A documented formula."""

    key: str
    name: str
    group: str
    group_name: str
    measure: str
    unit: str
    numerator: str = Field(description="分子，文字")
    denominator: str = Field(description="分母，文字")
    exclusions: str
    target: float | None
    higher_is_better: bool | None
    formula: str = Field(description="公式（SQL）")


class Indicators(Told):
    """What the caller may ask for."""

    items: list[IndicatorOut]


class FigureOut(Told):
    """One number with what it was made of."""

    indicator: str
    value: float | None = Field(description="没有分母时是null")
    numerator: float | None
    denominator: float
    excluded: int = Field(description="经审核不计入的件数")


class PlaceOut(Told):
    """One column of a split."""

    by: str
    value: str
    name: str


class FigureRow(Told):
    """The figures of one place."""

    at: list[PlaceOut]
    figures: list[FigureOut]


class Figures(Told):
    """Rows in the order of their places."""

    period: str
    first: dt.date
    last: dt.date
    items: list[FigureRow]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class ItemOut(Told):
    """One thing that was counted. Without a ticket: a call or a conversation."""

    item: str
    at: dt.datetime
    number: str | None
    title: str | None
    state: str | None
    unit: str | None
    value: float


class Items(Told):
    """Exactly the rows that a figure counts, newest first."""

    figure: FigureOut
    count: int
    amount: float
    hidden: int = Field(description="计入但你不能看的件数")
    items: list[ItemOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class ScoreCardOut(Told):
    """A unit's score with what it is made of."""

    unit_id: int
    unit: str
    score: float | None
    band: str | None = Field(description="样本太小时是null")
    rank: int | None
    small: bool
    figures: list[FigureOut]


class ScoreCards(Told):
    """Ranked units first, best first."""

    period: str
    weights: dict[str, float]
    items: list[ScoreCardOut]


def asked_period(call: Call, key: str) -> Period:
    """The period that was asked for, this month without one. Raises InvalidInput."""
    return parse(key) if key else containing(PeriodKind.MONTH, to_city(call.core.clock.now()).date())


def _filter(asked: Narrowed, scope: Scope) -> Filter:
    if asked.unit is not None and scope.unit_id is not None:
        raise InvalidInput(_("承办单位的账号只统计本单位，请去掉unit"), field="unit")
    return Filter(line=asked.line, unit_id=asked.unit, category=asked.category, district=asked.district, channel=asked.channel)


def _indicator(key: str, field: str) -> Indicator:
    found = BY_KEY.get(key)
    if found is None:
        raise InvalidInput(_("没有这项统计：{key}"), field=field, key=key)
    return found


def _figure(figure: Figure) -> FigureOut:
    return FigureOut(
        indicator=figure.indicator.key, value=figure.value, numerator=figure.numerator, denominator=figure.denominator,
        excluded=figure.excluded,
    )  # fmt: skip


async def list_indicators(call: Call) -> Indicators:
    """The indicators that the caller may ask for, with their formulas."""
    items = [
        IndicatorOut(
            key=one.key, name=one.name, group=one.group.value, group_name=GROUP_WORDS[one.group], measure=one.measure.value, unit=one.unit,
            numerator=one.numerator_words, denominator=one.denominator_words, exclusions=one.exclusions, target=one.target,
            higher_is_better=one.higher_is_better, formula=one.sql,
        )
        for one in scope_of(call.actor).indicators
    ]  # fmt: skip
    return Indicators(items=items)


async def figures(call: Call) -> Figures:
    """Figures of a period, in all or split."""
    asked, scope = call.asked(FiguresQuery), scope_of(call.actor)
    only, period = _filter(asked, scope), asked_period(call, asked.period)
    wanted = [_indicator(key, "indicators") for key in dict.fromkeys(asked.indicators.split(","))]
    cuts = asked.by.cuts if asked.by else ()
    if (scope.person_id is not None and cuts) or (scope.unit_id is not None and Cut.UNIT in cuts):
        raise InvalidInput(_("你的统计范围不能这样分列，请换一个by"), field="by")
    listed = asked.model_dump_json(exclude={"cursor", "limit"})
    place = cursors.read(call.core, listed, asked.cursor)
    lines = await compute(call.core, call.session, scope, period, wanted, by=cuts, only=only)
    lines = [line for line in lines if place is None or line.at > tuple(place)]
    shown = lines[: asked.limit]
    names = await load_names(call.session)
    following = cursors.write(call.core, listed, list(shown[-1].at)) if len(lines) > asked.limit else None
    rows = [_row(line, cuts, names, wanted) for line in shown]
    return Figures(period=period.key, first=period.first, last=period.last, items=rows, next=following)


def _row(line: Line, cuts: tuple[Cut, ...], names: Names, wanted: list[Indicator]) -> FigureRow:
    places = [PlaceOut(by=cut.value, value=value, name=names.of(cut, value)) for cut, value in zip(cuts, line.at, strict=True)]
    return FigureRow(at=places, figures=[_figure(line.figures[one.key]) for one in wanted])


async def items(call: Call) -> Items:
    """What stands behind a figure."""
    asked, scope = call.asked(ItemsQuery), scope_of(call.actor)
    only, period, indicator = _filter(asked, scope), asked_period(call, asked.period), _indicator(asked.indicator, "indicator")
    listed = asked.model_dump_json(exclude={"cursor", "limit"})
    place = cursors.read(call.core, listed, asked.cursor)
    after = (dt.datetime.fromisoformat(place[0]), str(place[1])) if place else None
    found = await drill(call.core, call.session, call.actor, indicator, period, part=asked.part, only=only, after=after, limit=asked.limit)
    [line] = await compute(call.core, call.session, scope, period, [indicator], only=only)
    last = found.items[-1] if found.items else None
    following = cursors.write(call.core, listed, [last.at.isoformat(), last.item]) if found.more and last else None
    return Items(
        figure=_figure(line.figures[indicator.key]), count=found.count, amount=found.amount, hidden=found.hidden,
        items=[_item(each) for each in found.items], next=following,
    )  # fmt: skip


def _item(item: Item) -> ItemOut:
    return ItemOut(item=item.item, at=item.at, number=item.number, title=item.title, state=item.state, unit=item.unit, value=item.value)


async def scores(call: Call) -> ScoreCards:
    """The score cards of the units that the caller's figures reach."""
    ensure(call.actor, "statistics.board")
    period = asked_period(call, call.asked(ScoresQuery).period)
    cards = await score_cards(call.core, call.session, scope_of(call.actor), period)
    return ScoreCards(period=period.key, weights=WEIGHTS, items=[_card(card) for card in cards])


def _card(card: Card) -> ScoreCardOut:
    return ScoreCardOut(
        unit_id=card.unit_id, unit=card.unit, score=card.score, band=card.band.value if card.band else None, rank=card.rank,
        small=card.small, figures=[_figure(figure) for figure in card.figures.values()],
    )  # fmt: skip


OPERATIONS = (
    Operation("GET", "/statistics/indicators", list_indicators, "listIndicators", TAG, "指标及其公式", answer=Indicators),
    Operation("GET", "/statistics/figures", figures, "getFigures", TAG, "一个时段的统计，可分列", answer=Figures, query=FiguresQuery),
    Operation("GET", "/statistics/items", items, "listCounted", TAG, "一个数字背后的清单", answer=Items, query=ItemsQuery),
    Operation("GET", "/statistics/scores", scores, "listScores", TAG, "单位评分", answer=ScoreCards, query=ScoresQuery),
)
