"""Tables of what the city set: dispatch catalogue, workflow versions, words of notices, inspected calls, how long data is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.notice import templates
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.quality import access
from ticketing.quality.models import QualityCheck
from ticketing.retention.models import RetentionPolicy
from ticketing.tables.table import Column, Row
from ticketing.taxonomy.models import Category, DispatchRule
from ticketing.ticket.workflow_versions import WorkflowVersion

Rows = Callable[[Core, AsyncSession, Actor], AsyncIterator[Sequence[Row]]]
PIECE = 1000


@dataclass(frozen=True)
class SettingTable:
    """A table that may be carried out of the house, and by whom."""

    title: str
    roles: tuple[Role, ...]
    columns: tuple[Column, ...]
    rows: Rows


async def _all(session: AsyncSession, statement: Select[*tuple[Any, ...]]) -> AsyncIterator[Sequence[Row]]:
    yield [list(row) for row in await session.execute(statement)]


def _catalogue(_core: Core, session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    helpers = (
        select(func.string_agg(Unit.code, " ")).where(Unit.id == func.any(DispatchRule.co_unit_ids)).correlate(DispatchRule)
    ).scalar_subquery()  # fmt: skip
    statement = (
        select(
            DispatchRule.id, DispatchRule.category_code, Category.name, DispatchRule.words, DispatchRule.district, DispatchRule.street,
            DispatchRule.line, Unit.code, helpers, DispatchRule.handling_kind, DispatchRule.dispatch_mode, DispatchRule.valid_from,
            DispatchRule.note, DispatchRule.active,
        )
        .join(Category, Category.code == DispatchRule.category_code)
        .join(Unit, Unit.id == DispatchRule.lead_unit_id)
    )  # fmt: skip
    return _all(session, statement.order_by(DispatchRule.category_code, DispatchRule.id))


def _workflows(_core: Core, session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    found = WorkflowVersion
    return _all(session, select(found.version, found.published_at, found.note, found.sha256, found.document).order_by(found.version))


async def _templates(_core: Core, session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    found = [await templates.current(session, each.key) for each in templates.load().templates]
    yield [[each.key, each.title, each.version, each.text, each.sms, " ".join(each.channels), each.required] for each in found]


async def _checks(core: Core, session: AsyncSession, actor: Actor) -> AsyncIterator[Sequence[Row]]:
    """Those that the person may see, without anybody's words: what was said about a call stays in the system."""
    after = 0
    while True:
        page = access.lines(core, actor).where(QualityCheck.id > after).order_by(QualityCheck.id).limit(PIECE)
        found = (await session.execute(page)).all()
        if not found:
            return
        after = found[-1][0].id
        yield [
            [check.id, str(call.id), agent, check.rule, check.state, check.drawn_at, check.book_version, check.score, check.first_score,
             check.upheld, check.scored_at, check.decided_at]
            for check, call, agent in found
        ]  # fmt: skip
        session.expunge_all()


def _retention(_core: Core, session: AsyncSession, _actor: Actor) -> AsyncIterator[Sequence[Row]]:
    found = RetentionPolicy
    return _all(session, select(found.kind, found.keep_days, found.ending, found.active, found.changed_at).order_by(found.kind))


TABLES: dict[str, SettingTable] = {
    "catalogue": SettingTable("派单目录", (Role.ADMIN, Role.SUPERVISOR), (
        Column("id", "编号", 8), Column("category_code", "类别代码", 10), Column("category", "类别", 18), Column("words", "提到的词", 20),
        Column("district", "区县", 12), Column("street", "街道", 14), Column("line", "线路", 8), Column("lead", "主办单位代码", 18),
        Column("co", "协办单位代码", 24), Column("handling", "办理方式", 10), Column("mode", "交办方式", 10),
        Column("valid_from", "生效日期", 12), Column("note", "说明", 30), Column("active", "启用", 6),
    ), _catalogue),
    "workflow": SettingTable("流程版本", (Role.ADMIN, Role.SUPERVISOR), (
        Column("version", "版本", 8), Column("published_at", "发布时间", 20), Column("note", "说明", 30), Column("sha256", "指纹", 66),
        Column("document", "流程内容", 80),
    ), _workflows),
    "templates": SettingTable("告知模板", (Role.ADMIN,), (
        Column("key", "模板", 20), Column("title", "名称", 16), Column("version", "版本", 6), Column("text", "文字", 60),
        Column("sms", "短信", 40), Column("channels", "渠道", 14), Column("required", "必须告知", 8),
    ), _templates),
    "quality": SettingTable("质检", (Role.SUPERVISOR,), (
        Column("id", "编号", 8), Column("call", "通话", 38), Column("agent", "话务员", 12), Column("rule", "抽中原因", 12),
        Column("state", "状态", 10), Column("drawn_at", "抽中时间", 20), Column("book", "评分表版本", 10), Column("score", "得分", 6),
        Column("first_score", "申诉前得分", 10), Column("upheld", "申诉成立", 8), Column("scored_at", "评分时间", 20),
        Column("decided_at", "申诉处理时间", 20),
    ), _checks),
    "retention": SettingTable("保存期限", (Role.ADMIN,), (
        Column("kind", "数据", 18), Column("keep_days", "保存天数", 10), Column("ending", "到期怎么办", 12), Column("active", "启用", 6),
        Column("changed_at", "修改时间", 20),
    ), _retention),
}  # fmt: skip
"""By kind, as `ticketing.tables.exports` offers them beside its own."""
