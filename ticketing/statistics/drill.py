# ruff: noqa: S608 - statements are put together from constants; what people choose is a parameter
"""The list behind a number. Tickets pass `access.visible`; what the person may not see is counted, not shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, DateTime, Float, String, column, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import FromClause

from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.statistics.figures import EVERYTHING, Filter, fact, read_by_index, values_of
from ticketing.statistics.indicator import Indicator, Measure
from ticketing.statistics.period import Period
from ticketing.statistics.scope import scope_of
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

PAGE = 50


class Part(StrEnum):
    """Which side of the line."""

    NUMERATOR = "numerator"
    DENOMINATOR = "denominator"


@dataclass(frozen=True)
class Item:
    """One thing that was counted."""

    item: str
    at: datetime
    ticket_id: int | None
    number: str | None
    title: str | None
    state: str | None
    unit: str | None
    value: float


@dataclass(frozen=True)
class Drilled:
    """A page of a list."""

    items: list[Item]
    count: int
    """Rows in the figure, also those that this person may not open."""
    amount: float
    """Sum of their values: the figure itself (for a 95th percentile, the rows it was taken from)."""
    hidden: int
    """Rows that are counted but not shown: secret tickets, and what the role may not see."""
    more: bool


async def drill(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    indicator: Indicator,
    period: Period,
    *,
    part: Part = Part.NUMERATOR,
    only: Filter = EVERYTHING,
    after: tuple[datetime, str] | None = None,
    limit: int = PAGE,
) -> Drilled:
    """What stands behind a figure: exactly the rows it counts, newest first. Raises NotAllowed when the indicator is not for the actor.

    `after`: time and item of the last row of the page before.
    """
    scope = scope_of(actor)
    scope.check(indicator)
    await read_by_index(session, period)
    condition = f"({indicator.counted}) AND ({indicator.numerator})" if part is Part.NUMERATOR else f"({indicator.counted})"
    value = indicator.value if indicator.value and part is Part.NUMERATOR and indicator.measure is not Measure.P95 else "1"
    columns = f"item, at, ticket_id, unit_id, secret, ({value})::double precision AS value"
    rows = (
        text(f"SELECT {columns} FROM {fact(indicator.source, scope, only)} WHERE {condition}")
        .bindparams(**_used(fact(indicator.source, scope, only) + condition + value, values_of(core, scope, period, only)))
        .columns(
            column("item", String), column("at", DateTime(timezone=True)), column("ticket_id", BigInteger), column("unit_id", BigInteger),
            column("secret", Boolean), column("value", Float),
        )
        .subquery("counted")
    )  # fmt: skip
    joined: FromClause = rows.outerjoin(Ticket, Ticket.id == rows.c.ticket_id).outerjoin(Unit, Unit.id == rows.c.unit_id)
    seen = (rows.c.ticket_id.is_(None)) | func.coalesce(visible(core, actor), False)
    totals = select(func.count(), func.coalesce(func.sum(rows.c.value), 0.0), func.count().filter(seen)).select_from(joined)
    count, amount, shown = (await session.execute(totals)).one()
    listed = (
        select(rows.c.item, rows.c.at, rows.c.ticket_id, Ticket.number, Ticket.title, Ticket.state, Unit.name.label("unit"), rows.c.value)
        .select_from(joined)
        .where(seen)
        .order_by(rows.c.at.desc(), rows.c.item)
        .limit(limit + 1)
    )
    if after is not None:
        listed = listed.where((rows.c.at < after[0]) | ((rows.c.at == after[0]) & (rows.c.item > after[1])))
    found = [Item(*row) for row in await session.execute(listed)]
    return Drilled(found[:limit], int(count), float(amount), int(count) - int(shown), len(found) > limit)


def _used(sql: str, values: dict[str, object]) -> dict[str, object]:
    """Only the parameters that the statement names; SQLAlchemy refuses others."""
    return {name: value for name, value in values.items() if f":{name}" in sql}
