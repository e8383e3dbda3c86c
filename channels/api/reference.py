"""Who am I, units, categories, policies, calendar, people who may be named."""

from __future__ import annotations

import datetime as dt
from datetime import date
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from channels.api.call import Call, Operation
from channels.api.models import Query, Told
from channels.api.ticket_answers import UnitRef, unit_ref
from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.calendar.models import CalendarDay
from ticketing.calendar.service import work_calendar
from ticketing.deadline.models import PolicyVersion
from ticketing.people.models import Unit
from ticketing.people.permissions import load
from ticketing.taxonomy.models import Category

TAG = "基础数据"


class Me(Told):
    """Whose token this is, and what it may be used for."""

    user: str
    staff_number: str
    role: str
    unit: UnitRef | None
    line: str | None
    scope: str
    token: str = Field(description="令牌的名称")
    expires_at: dt.datetime
    permissions: list[str]


class UnitOut(UnitRef):
    """A unit and its place in the tree."""

    parent_id: int | None
    level: int
    active: bool


class Units(Told):
    """All units."""

    items: list[UnitOut]


class CategoryOut(Told):
    """A second-level category and the unit that normally handles it."""

    code: str
    group: str
    name: str
    unit_id: int
    active: bool


class Categories(Told):
    """All categories."""

    items: list[CategoryOut]


class PolicyOut(Told):
    """The newest decided version of a deadline policy."""

    key: str
    version: int
    document: dict[str, Any]


class Policies(Told):
    """The policies in force."""

    items: list[PolicyOut]


class Day(Told):
    """One day of the city's calendar."""

    day: date
    is_work: bool
    name: str
    official: bool = Field(description="官方日历已公布；否则按周末推算")


class Days(Told):
    """Days in order, and the office hours of working days."""

    items: list[Day]
    office_hours: list[list[int]] = Field(description="[开始, 结束)，从零点起的分钟数")


class Period(Query):
    """At most 400 days."""

    first: Annotated[date | None, Field(description="从哪天起，默认今天")] = None
    last: Annotated[date | None, Field(description="到哪天止（含），默认起始日后30天")] = None


async def me(call: Call) -> Me:
    """The caller."""
    user, token, actor = call.bearer.user, call.bearer.token, call.actor
    unit = await call.session.get(Unit, user.unit_id) if user.unit_id else None
    held = sorted(name for name, scopes in load().permissions.items() if user.role in scopes)
    return Me(
        user=user.name, staff_number=user.staff_number, role=user.role, unit=unit_ref(unit), line=actor.line, scope=token.scope,
        token=token.name, expires_at=token.expires_at, permissions=held,
    )  # fmt: skip


async def units(call: Call) -> Units:
    """The unit tree."""
    rows = await call.session.scalars(select(Unit).order_by(Unit.level, Unit.id))
    return Units(
        items=[
            UnitOut(id=each.id, code=each.code, name=each.name, parent_id=each.parent_id, level=each.level, active=each.active)
            for each in rows
        ]
    )


async def categories(call: Call) -> Categories:
    """The catalogue."""
    rows = await call.session.scalars(select(Category).order_by(Category.code))
    return Categories(
        items=[
            CategoryOut(code=each.code, group=each.group_name, name=each.name, unit_id=each.unit_id, active=each.active) for each in rows
        ]
    )


async def policies(call: Call) -> Policies:
    """Deadline policies as documents."""
    decided = select(PolicyVersion).where(PolicyVersion.state == "in_force", PolicyVersion.valid_from <= call.core.clock.now())
    newest = decided.ext(distinct_on(PolicyVersion.key)).order_by(PolicyVersion.key, PolicyVersion.version.desc())
    rows = await call.session.scalars(newest)
    return Policies(items=[PolicyOut(key=each.key, version=each.version, document=dict(each.document)) for each in rows])


async def calendar(call: Call) -> Days:
    """Working days and holidays."""
    asked = call.asked(Period)
    first = asked.first or to_city(call.core.clock.now()).date()
    if not date(2000, 1, 1) <= first <= date(2200, 1, 1):
        raise InvalidInput(_("日期应在2000年到2200年之间"), field="first")
    last = asked.last or first + dt.timedelta(days=30)
    if not first <= last <= first + dt.timedelta(days=400):
        raise InvalidInput(_("last不能早于first，也不能晚400天以上"), field="last")
    known = {each.day: each for each in await call.session.scalars(select(CalendarDay).where(CalendarDay.day.between(first, last)))}
    table = await work_calendar(call.session)
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    items = [Day(day=day, is_work=table.is_work(day), name=known[day].name if day in known else "", official=day in known) for day in days]
    return Days(items=items, office_hours=[[period.start, period.end] for period in table.periods])


OPERATIONS = (
    Operation("GET", "/me", me, "getMe", TAG, "令牌是谁的、能做什么", answer=Me),
    Operation("GET", "/units", units, "listUnits", TAG, "单位", answer=Units),
    Operation("GET", "/categories", categories, "listCategories", TAG, "类别", answer=Categories),
    Operation("GET", "/policies", policies, "listPolicies", TAG, "时限规则", answer=Policies),
    Operation("GET", "/calendar", calendar, "listDays", TAG, "工作日历", answer=Days, query=Period),
)
