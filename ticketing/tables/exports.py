"""What can be exported, by whom, as tables. Every export leaves an event `export.made` and a last row that says who and when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from hotline.clock import to_city
from hotline.errors import InvalidInput, NotAllowed
from hotline.events import record
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.calendar.models import CalendarDay
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.deadline.models import PolicyState, PolicyVersion
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit, User
from ticketing.tables import setting_exports
from ticketing.tables.masking import mask_text
from ticketing.tables.table import Cell, Column, Row, Table
from ticketing.taxonomy.models import Category
from ticketing.ticket import queues
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter as SearchFilter
from ticketing.ticket.search import conditions, words_condition
from ticketing.ticket.states import Confidentiality
from ticketing.words import word

PIECE = 1000
MAX_TICKETS = 100_000
"""Rows of one export; who needs more asks for the statistics, or the administrator for a copy of the database."""

KEEPERS = (Role.ADMIN, Role.SUPERVISOR, Role.DISPATCHER)
EXPORTERS: dict[str, tuple[Role, ...]] = {
    "tickets": (Role.SUPERVISOR, Role.DISPATCHER, Role.LEADER, Role.CHIEF),
    "units": KEEPERS,
    "people": (Role.ADMIN,),
    "categories": KEEPERS,
    "calendar": (Role.ADMIN, Role.SUPERVISOR),
    "policies": (Role.ADMIN, Role.SUPERVISOR),
    **{kind: table.roles for kind, table in setting_exports.TABLES.items()},
}
"""Who may carry a list out of the house. Agents, clerks and callback clerks may not (domain.md 2.9, export ban)."""
TITLES = {
    "tickets": "工单", "units": "单位", "people": "人员", "categories": "类别", "calendar": "工作日历", "policies": "时限规则",
    "statistics": "统计", **{kind: table.title for kind, table in setting_exports.TABLES.items()},
}  # fmt: skip


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets: what the list on the screen shows."""

    queue: Queue = Queue.ALL
    words: str = ""
    also: SearchFilter = field(default_factory=SearchFilter)
    """Further fields, as the API's list has them; its queue and words are not looked at."""


def may_export(actor: Actor, kind: str) -> bool:
    """Whether the actor may export this kind."""
    return actor.has(*EXPORTERS.get(kind, ()))


async def export(core: Core, session: AsyncSession, actor: Actor, kind: str, *, only: TicketFilter | None = None) -> Table:
    """The table of a kind; the event is written at once, the rows are read while the file is written.

    The session must stay open until the file is whole. Raises NotAllowed; InvalidInput for an unknown kind.
    """
    if kind not in EXPORTERS:
        raise InvalidInput(_("没有这种导出：{kind}").format(kind=kind), field="kind")
    if not may_export(actor, kind):
        raise NotAllowed(_("这个岗位不能导出"))
    if kind == "tickets":
        only = only or TicketFilter()
        await note_export(core, session, actor, kind, {"queue": only.queue.value, "words": only.words, **_filters(only)})
        return Table(TITLES[kind], TICKET_COLUMNS, _tickets(core, session, actor, only), stamp(core, actor, masked=True))
    await note_export(core, session, actor, kind, {})
    if setting := setting_exports.TABLES.get(kind):
        return Table(setting.title, setting.columns, setting.rows(core, session, actor), stamp(core, actor))
    columns, rows = _MAKERS[kind]
    return Table(TITLES[kind], columns, rows(session, actor), stamp(core, actor))


def _filters(only: TicketFilter) -> dict[str, Any]:
    """The further fields that were set, for the audit event."""
    names = ("states", "unit_id", "category_code", "district", "channel", "urgency", "kind", "line", "received_from", "received_until")
    return {"filters": {name: str(value) for name in names if (value := getattr(only.also, name))}}


def stamp(core: Core, actor: Actor, *, masked: bool = False) -> str:
    """The words of the last row."""
    what = _("个人信息已脱敏，") if masked else ""
    when = to_city(core.clock.now()).strftime("%Y-%m-%d %H:%M")
    return _("由{who}于{when}导出，{what}仅限工作使用，不得外传").format(who=actor.label, when=when, what=what)


async def note_export(core: Core, session: AsyncSession, actor: Actor, kind: str, data: dict[str, Any]) -> None:
    """The audit event. Search words are not written down: they may be a citizen's name."""
    kept = {**data, "words": bool(data.get("words"))} if "words" in data else data
    who = str(actor.user_id or "system")
    await record(
        session, at=core.clock.now(), name="export.made", subject="export", subject_id=who, who=actor.who, data={"kind": kind, **kept}
    )


TICKET_COLUMNS = (
    Column("number", "工单编号", 24), Column("state", "状态", 10), Column("line", "线路", 8), Column("channel", "渠道", 8),
    Column("kind", "类型", 8), Column("category_code", "类别代码", 10), Column("category", "类别", 18), Column("urgency", "紧急程度", 10),
    Column("title", "标题", 36), Column("content", "内容", 60), Column("district", "区县", 12), Column("street", "街道", 14),
    Column("address", "地址", 30), Column("name", "姓名（脱敏）", 12), Column("phone", "电话（脱敏）", 16), Column("unit", "主办单位", 22),
    Column("received_at", "登记时间", 20), Column("dispatched_at", "派单时间", 20), Column("closed_at", "办结时间", 20),
    Column("round", "轮次", 6), Column("satisfaction", "满意度", 10), Column("solved", "已解决", 8), Column("answer", "答复", 60),
)  # fmt: skip


async def _tickets(core: Core, session: AsyncSession, actor: Actor, only: TicketFilter) -> AsyncIterator[Sequence[Row]]:
    """By number, in pieces. Secret tickets stay inside, also for those who may open them."""
    base = (
        select(Ticket, Citizen, Unit.name, Category.name)
        .outerjoin(Citizen, Citizen.id == Ticket.citizen_id)
        .outerjoin(Assignment, (Assignment.ticket_id == Ticket.id) & Assignment.lead & Assignment.state.not_in(["returned", "cancelled"]))
        .outerjoin(Unit, Unit.id == Assignment.unit_id)
        .outerjoin(Category, Category.code == Ticket.category_code)
        .where(visible(core, actor), queues.condition(actor, only.queue, core.clock.now()))
        .where(Ticket.confidentiality != Confidentiality.SECRET.value)
        .where(*conditions(actor, replace(only.also, queue=Queue.ALL)))
    )
    if only.words.strip():
        base = base.where(words_condition(only.words.strip()))
    after, sent = 0, 0
    while sent < MAX_TICKETS:
        found = (await session.execute(base.where(Ticket.id > after).order_by(Ticket.id).limit(min(PIECE, MAX_TICKETS - sent)))).all()
        if not found:
            return
        after, sent = found[-1][0].id, sent + len(found)
        yield [_ticket_row(core, *row) for row in found]
        session.expunge_all()
    yield [[_("只导出了前{n}行，请缩小范围").format(n=MAX_TICKETS)]]


def _ticket_row(core: Core, ticket: Ticket, citizen: Citizen | None, unit: str | None, category: str | None) -> list[Cell]:
    who = person(core, citizen)
    return [
        ticket.number, word("state", ticket.state), ticket.line, word("channel", ticket.channel), word("kind", ticket.kind),
        ticket.category_code, category, word("urgency", ticket.urgency), mask_text(ticket.title), mask_text(ticket.content),
        ticket.district, ticket.street, mask_text(ticket.address), who.name, who.phone, unit, ticket.received_at, ticket.dispatched_at,
        ticket.closed_at, ticket.round, word("satisfaction", ticket.satisfaction), ticket.solved, mask_text(ticket.answer or ""),
    ]  # fmt: skip


async def _rows(session: AsyncSession, statement: Select[*tuple[Any, ...]]) -> AsyncIterator[Sequence[Row]]:
    """A short table (units, people …) in one piece."""
    yield [list(row) for row in await session.execute(statement)]


UNIT_COLUMNS = (
    Column("code", "单位代码", 18), Column("name", "单位名称", 26), Column("level", "级别", 6), Column("parent", "上级代码", 18),
    Column("active", "启用", 6),
)  # fmt: skip


def _units(session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    parent = aliased(Unit)
    statement = select(Unit.code, Unit.name, Unit.level, parent.code, Unit.active).outerjoin(parent, parent.id == Unit.parent_id)
    return _rows(session, statement.order_by(Unit.level, Unit.id))


PEOPLE_COLUMNS = (
    Column("login", "账号", 16), Column("name", "姓名", 12), Column("staff_number", "工号", 10), Column("role", "岗位", 12),
    Column("unit", "单位代码", 18), Column("line", "线路", 8), Column("active", "启用", 6),
)  # fmt: skip


def _people(session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    statement = select(User.login, User.name, User.staff_number, User.role, Unit.code, User.line, User.active)
    return _rows(session, statement.outerjoin(Unit, Unit.id == User.unit_id).order_by(User.id))


CATEGORY_COLUMNS = (
    Column("code", "类别代码", 10), Column("group_name", "大类", 18), Column("name", "类别名称", 22), Column("unit", "单位代码", 18),
    Column("keywords", "关键词", 50), Column("active", "启用", 6),
)  # fmt: skip


def _categories(session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    statement = select(Category.code, Category.group_name, Category.name, Unit.code, Category.keywords, Category.active)
    return _rows(session, statement.join(Unit, Unit.id == Category.unit_id).order_by(Category.code))


CALENDAR_COLUMNS = (Column("day", "日期", 12), Column("is_work", "是否上班", 10), Column("name", "名称", 20))


def _calendar(session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    return _rows(session, select(CalendarDay.day, CalendarDay.is_work, CalendarDay.name).order_by(CalendarDay.day))


POLICY_COLUMNS = (
    Column("key", "规则编号", 14), Column("title", "名称", 20), Column("version", "版本", 6), Column("valid_from", "生效时间", 20),
    Column("sign", "签收", 8), Column("contact", "联系", 8), Column("handle", "办结", 8), Column("review", "审核", 8),
    Column("callback", "回访", 8), Column("redo", "重办", 8), Column("document", "规则内容", 80), Column("reason", "修改理由", 30),
)  # fmt: skip


async def _policies(session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    """The newest version in force of each policy; limits for reading, the document for importing."""
    statement = (
        select(PolicyVersion)
        .where(PolicyVersion.state == PolicyState.IN_FORCE.value)
        .ext(distinct_on(PolicyVersion.key))
        .order_by(PolicyVersion.key, PolicyVersion.version.desc())
    )
    rows: list[Row] = []
    for row in await session.scalars(statement):
        limits = [_limit(row.document.get(name)) for name in ("sign", "contact", "handle", "review", "callback", "redo")]
        document = json.dumps(row.document, ensure_ascii=False, sort_keys=True)
        rows.append([row.key, str(row.document.get("title", "")), row.version, row.valid_from, *limits, document, row.reason])
    yield rows


def _limit(raw: Any) -> str:
    return f"{raw['value']:g}{raw['unit']}" if isinstance(raw, dict) and {"value", "unit"} <= set(raw) else str(raw or "")


_MAKERS: dict[str, tuple[tuple[Column, ...], Callable[[AsyncSession, Actor], AsyncIterator[Sequence[Row]]]]] = {
    "units": (UNIT_COLUMNS, _units),
    "people": (PEOPLE_COLUMNS, _people),
    "categories": (CATEGORY_COLUMNS, _categories),
    "calendar": (CALENDAR_COLUMNS, _calendar),
    "policies": (POLICY_COLUMNS, _policies),
}


def add(
    kind: str,
    title: str,
    roles: tuple[Role, ...],
    columns: tuple[Column, ...],
    rows: Callable[[AsyncSession, Actor], AsyncIterator[Sequence[Row]]],
) -> None:
    """A further kind, of a package that this one does not know."""
    EXPORTERS[kind], TITLES[kind], _MAKERS[kind] = roles, title, (columns, rows)
