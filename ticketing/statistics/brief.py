"""Briefs (简报): daily, weekly, monthly and yearly, computed once, kept as issued, for page, spreadsheet and print alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role, Unit, User
from ticketing.statistics import hot
from ticketing.statistics.figures import Cut, Figure, Filter, compute, total
from ticketing.statistics.indicators import BY_KEY, INDICATORS
from ticketing.statistics.models import Brief
from ticketing.statistics.period import Period, PeriodKind, containing, current
from ticketing.statistics.scope import CITY
from ticketing.statistics.scores import Card, score_cards
from ticketing.supervision import bursts
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

KINDS = (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.YEAR)
READERS = (Role.LEADER, Role.SUPERVISOR, Role.DISPATCHER)
WAIT = timedelta(minutes=30)
"""A period's brief is issued so long after its end: what happened at 23:59 is written down by then."""
THREE_RATES = ("responded", "solved", "satisfied")
"""三率：响应率、解决率、满意率"""
SCHEMA = 1


async def compose(core: Core, session: AsyncSession, period: Period, *, line: str = "") -> dict[str, Any]:
    """What a brief says about a period: plain numbers and names, without any citizen."""
    only = Filter(line=line)
    figures = await total(core, session, CITY, period, INDICATORS, only=only)
    before = await total(core, session, CITY, period.previous(), INDICATORS, only=only)
    names = {row.code: row.name for row in await session.execute(select(Category.code, Category.name))}
    topics = await hot.topics(core, session, CITY, period, only=only)
    return {
        "schema": SCHEMA,
        "period": period.key,
        "line": line,
        "made_at": core.clock.now().isoformat(),
        "figures": _plain(figures),
        "before": _plain(before),
        "topics": [_topic(topic, names) for topic in topics[:15]],
        "rises": [_topic(topic, names) for topic in topics if topic.sudden],
        "words": [list(each) for each in await hot.words(session, period, line=line)],
        "places": [list(each) for each in await hot.places(session, period, line=line)],
        "bursts": await bursts.of_period(session, period.start, period.end, line=line),
        "days": await _series(core, session, period, only),
        "groups": await _groups(core, session, period, only),
        "districts": await _split(core, session, period, Cut.DISTRICT, only),
        "channels": await _split(core, session, period, Cut.CHANNEL, only),
        "units": [_unit(card) for card in await score_cards(core, session, CITY, period, only=only)],
        "overdue": await _overdue(core, session, line),
    }


def _plain(figures: dict[str, Figure]) -> dict[str, Any]:
    return {
        key: {"numerator": figure.numerator, "denominator": figure.denominator, "excluded": figure.excluded, "value": figure.value}
        for key, figure in figures.items()
    }


def _topic(topic: hot.Topic, names: dict[str, str]) -> dict[str, Any]:
    return {"code": topic.code, "name": names.get(topic.code, topic.code), "count": topic.count, "mean": round(topic.mean, 1),
            "deviations": round(topic.deviations, 1)}  # fmt: skip


def _unit(card: Card) -> dict[str, Any]:
    return {
        "unit_id": card.unit_id, "unit": card.unit, "score": card.score, "band": card.band.value if card.band else None, "rank": card.rank,
        "figures": _plain(card.figures),
    }  # fmt: skip


async def _series(core: Core, session: AsyncSession, period: Period, only: Filter) -> list[list[Any]]:
    """Appeals by day, in a year by month; days without any are there with 0. Empty for one day."""
    if period.kind is PeriodKind.DAY:
        return []
    cut = Cut.MONTH if period.kind is PeriodKind.YEAR else Cut.DAY
    lines = await compute(core, session, CITY, period, [BY_KEY["received"]], by=(cut,), only=only)
    counts = {line.at[0]: int(line.figures["received"].denominator) for line in lines}
    if cut is Cut.MONTH:
        return [[key, counts.get(key, 0)] for key in (f"{period.first.year}-{month:02d}" for month in range(1, 13))]
    days = ((period.first + timedelta(days=number)).isoformat() for number in range(period.days))
    return [[day, counts.get(day, 0)] for day in days]


async def _split(core: Core, session: AsyncSession, period: Period, cut: Cut, only: Filter) -> list[list[Any]]:
    wanted = [BY_KEY[key] for key in ("received", "on_time", *THREE_RATES)]
    lines = await compute(core, session, CITY, period, wanted, by=(cut,), only=only)
    rows = [[line.at[0], *(line.figures[one.key].value for one in wanted)] for line in lines]
    return sorted(rows, key=lambda row: (-(row[1] or 0), row[0]))


async def _groups(core: Core, session: AsyncSession, period: Period, only: Filter) -> list[list[Any]]:
    """First-level groups by number of appeals, named as the catalogue names them today."""
    names = {row.code[:2]: row.group_name for row in await session.execute(select(Category.code, Category.group_name))}
    lines = await compute(core, session, CITY, period, [BY_KEY["received"]], by=(Cut.GROUP,), only=only)
    found = [[names.get(line.at[0], line.at[0]), int(line.figures["received"].denominator)] for line in lines]
    return sorted(found, key=lambda row: (-row[1], row[0]))


async def _overdue(core: Core, session: AsyncSession, line: str, *, most: int = 50) -> list[dict[str, Any]]:
    """The longest overdue handling clocks at the moment of issue, for the leaders; secret tickets stay out.

    Without titles: a brief is kept for ever, and what citizens wrote must be erasable.
    """
    statement = (
        select(Ticket.number, Unit.name, Deadline.due_at, Deadline.stage)
        .join(Assignment, Assignment.id == Deadline.assignment_id)
        .join(Ticket, Ticket.id == Deadline.ticket_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(
            Deadline.kind == ClockKind.HANDLE.value,
            Deadline.state == ClockState.RUNNING.value,
            Deadline.due_at <= core.clock.now(),
            Ticket.confidentiality != Confidentiality.SECRET.value,
        )
    )
    if line:
        statement = statement.where(Ticket.line == line)
    rows = await session.execute(statement.order_by(Deadline.due_at, Deadline.id).limit(most))
    return [{"number": row.number, "unit": row.name, "due_at": row.due_at.isoformat(), "stage": row.stage} for row in rows]


async def issue(core: Core, session: AsyncSession, actor: Actor, period: Period, *, line: str = "", reason: str = "") -> Brief:
    """Compute a brief and keep it: the first version, or with a reason a further one. Issued ones are never changed.

    Raises InvalidInput for a period that is not over or a further version without a reason; NotAllowed for other roles.
    """
    if actor is not SYSTEM and not actor.has(Role.SUPERVISOR, Role.LEADER):
        raise NotAllowed(_("只有督办和领导可以重新生成简报"))
    if actor.line and actor.line != line:
        raise NotAllowed(_("只能生成本线路的简报"))
    if period.kind not in KINDS or period.end > core.clock.now():
        raise InvalidInput(_("这个时段还没有结束，结束后才能生成简报"), field="period")
    await session.execute(text("SELECT set_config('statement_timeout', '600000', true)"))  # a year of a large city takes minutes
    # two schedulers, or a scheduler and a person: one after the other
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"brief:{period.kind}:{period.first}:{line}", 0))))
    latest = await session.scalar(
        select(func.max(Brief.version)).where(Brief.kind == period.kind.value, Brief.first == period.first, Brief.line == line)
    )
    if latest and len(reason.strip()) < 5:
        raise InvalidInput(_("这个时段的简报已经发布。重新生成请写明理由，至少5个字"), field="reason")
    brief = Brief(
        kind=period.kind.value, first=period.first, last=period.last, line=line, version=(latest or 0) + 1, issued_at=core.clock.now(),
        issued_by_id=actor.user_id, reason=reason.strip()[:300], content=await compose(core, session, period, line=line),
    )  # fmt: skip
    session.add(brief)
    await session.flush()
    data = {"period": period.key, "version": brief.version, "line": line, "reason": brief.reason}
    await record(session, at=core.clock.now(), name="brief.issued", subject="brief", subject_id=brief.id, who=actor.who, data=data)
    return brief


async def issue_due(core: Core, database: Database) -> int:
    """What the scheduler calls: the last finished day, week, month and year, for the city and for each line with people of its own.

    Each in its own transaction. Nothing is issued for a time in which the hotline had no ticket.
    """
    issued = 0
    for kind in KINDS:
        period = containing(kind, current(kind, core.clock.now() - WAIT).first - timedelta(days=1))
        async with database.transaction() as session:
            wanted = await _missing(session, period)
        for line in wanted:
            async with database.transaction() as session:
                if line in await _missing(session, period):
                    await issue(core, session, SYSTEM, period, line=line)
                    issued += 1
    return issued


async def _missing(session: AsyncSession, period: Period) -> list[str]:
    began = await session.scalar(select(func.min(Ticket.received_at)))
    if began is None or began >= period.end:
        return []
    lines = ["", *await session.scalars(select(User.line).where(User.line.is_not(None), User.active).distinct().order_by(User.line))]
    there = set(await session.scalars(select(Brief.line).where(Brief.kind == period.kind.value, Brief.first == period.first)))
    return [line for line in lines if line is not None and line not in there]


async def access_brief(session: AsyncSession, actor: Actor, brief_id: int) -> Brief:
    """The one door to a brief: leaders, supervisors and dispatchers, those of a line to their line's. Raises NotFound."""
    found = await session.get(Brief, brief_id)
    if found is None or not actor.has(*READERS) or (actor.line and actor.line != found.line):
        raise NotFound(_("没有找到这份简报"))
    return found


async def list_briefs(
    session: AsyncSession, actor: Actor, *, kind: PeriodKind | None = None, after: tuple[date, str, int] | None = None, limit: int = 60
) -> Sequence[Brief]:
    """The newest briefs that the actor may read; `after`: last day, kind and version of the last one of the page before.

    Raises NotAllowed for roles that read none.
    """
    if not actor.has(*READERS):
        raise NotAllowed(_("这个岗位不能看简报"))
    statement = select(Brief).where(Brief.line == (actor.line or ""))
    if kind is not None:
        statement = statement.where(Brief.kind == kind.value)
    if after is not None:
        last, after_kind, version = after
        same_day = (Brief.kind > after_kind) | ((Brief.kind == after_kind) & (Brief.version < version))
        statement = statement.where((Brief.last < last) | ((Brief.last == last) & same_day))
    return (await session.scalars(statement.order_by(Brief.last.desc(), Brief.kind, Brief.version.desc()).limit(limit))).all()


def period_of(brief: Brief) -> Period:
    """The period of a brief."""
    return Period(PeriodKind(brief.kind), brief.first, brief.last)


def title_of(brief: Brief) -> str:
    """Its heading."""
    names = {"day": _("热线日报"), "week": _("热线周报"), "month": _("热线月报"), "year": _("热线年报")}
    return f"{names[brief.kind]} {period_of(brief).label}"
