"""Keeping the dispatch catalogue: rows are added, changed and switched off with a reason, and each change is an event."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.people.permissions import ensure
from ticketing.taxonomy.models import Category, DispatchRule
from ticketing.ticket.states import DispatchMode, HandlingKind

MAX_NOTE, MAX_WORDS, MAX_NAME = 200, 200, 50
LOCAL_STREET = "local-street"


@dataclass(frozen=True)
class RuleDraft:
    """A row as it is entered."""

    category_code: str
    lead_unit_id: int
    co_unit_ids: tuple[int, ...] = ()
    words: str = ""
    district: str = ""
    street: str = ""
    line: str = ""
    handling_kind: str = ""
    dispatch_mode: str = DispatchMode.PHONE.value
    valid_from: date | None = None
    """None: from today."""
    note: str = ""


async def save_rule(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    draft: RuleDraft,
    reason: str,
    *,
    rule_id: int | None = None,
    version: int | None = None,
) -> DispatchRule:
    """Add a row (`rule_id` None) or change one. Raises NotAllowed, NotFound, Conflict, or InvalidInput naming every field."""
    ensure(actor, "catalogue.manage")
    await _check(session, draft, reason)
    rule = await _rule(session, rule_id, version) if rule_id is not None else DispatchRule(category_code=draft.category_code)
    before = _told(rule) if rule_id is not None else {}
    rule.category_code, rule.lead_unit_id = draft.category_code, draft.lead_unit_id
    rule.co_unit_ids = list(dict.fromkeys(draft.co_unit_ids))
    rule.words = " ".join(draft.words.split())
    rule.district, rule.street, rule.line = (value.strip() or None for value in (draft.district, draft.street, draft.line))
    rule.handling_kind = draft.handling_kind or None
    rule.dispatch_mode, rule.note = draft.dispatch_mode, draft.note.strip()
    rule.valid_from = draft.valid_from or to_city(core.clock.now()).date()
    session.add(rule)
    await _flush(session)
    data: dict[str, object] = {"before": before, "after": _told(rule), "reason": reason.strip()}
    await _tell(core, session, actor, rule, "catalogue.changed" if before else "catalogue.added", data)
    return rule


async def switch_rule(
    core: Core, session: AsyncSession, actor: Actor, rule_id: int, reason: str, *, active: bool, version: int | None = None
) -> DispatchRule:
    """Switch a row off or on again."""
    ensure(actor, "catalogue.manage")
    if len(reason.strip()) < 4:
        raise InvalidInput(_("请写明理由，至少4个字"), field="reason")
    rule = await _rule(session, rule_id, version)
    if rule.active != active:
        rule.active = active
        await _flush(session)
        await _tell(core, session, actor, rule, "catalogue.switched", {"active": active, "reason": reason.strip()})
    return rule


async def rules(session: AsyncSession, *, category_code: str = "", before: int | None = None, limit: int = 50) -> list[DispatchRule]:
    """Rows, newest first, those switched off among them; `before`: only those with a lower id."""
    statement = select(DispatchRule).order_by(DispatchRule.id.desc()).limit(limit)
    if category_code:
        statement = statement.where(DispatchRule.category_code == category_code)
    return list(await session.scalars(statement if before is None else statement.where(DispatchRule.id < before)))


async def _rule(session: AsyncSession, rule_id: int, version: int | None) -> DispatchRule:
    rule = await session.get(DispatchRule, rule_id, with_for_update=True)
    if rule is None:
        raise NotFound(_("目录里没有这一行"))
    if version is not None and rule.version != version:
        raise Conflict(_("这一行刚刚有人改过，请看过新的内容再改"))
    return rule


async def _flush(session: AsyncSession) -> None:
    """Raises Conflict for a second row of the same case; the transaction is then over."""
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(_("目录里已有同样条件的一行，请修改那一行")) from error


async def _check(session: AsyncSession, draft: RuleDraft, reason: str) -> None:
    errors: dict[str, str] = {}
    if await session.get(Category, draft.category_code) is None:
        errors["category_code"] = _("请选择类别")
    wanted = {draft.lead_unit_id, *draft.co_unit_ids}
    known = {row.id: row for row in await session.scalars(select(Unit).where(Unit.id.in_(wanted), Unit.level > 1))}
    usable = {number for number, unit in known.items() if unit.active or unit.code == LOCAL_STREET}
    if draft.lead_unit_id not in usable:
        errors["lead_unit_id"] = _("请选择主办单位")
    if set(draft.co_unit_ids) - usable or draft.lead_unit_id in draft.co_unit_ids:
        errors["co_unit_ids"] = _("协办单位不存在，或与主办单位相同")
    if draft.handling_kind and draft.handling_kind not in {kind.value for kind in HandlingKind}:
        errors["handling_kind"] = _("请选择办理类型")
    if draft.dispatch_mode not in {mode.value for mode in DispatchMode}:
        errors["dispatch_mode"] = _("请选择怎么交办")
    lengths = {"note": MAX_NOTE, "words": MAX_WORDS, "district": MAX_NAME, "street": MAX_NAME, "line": MAX_NAME}
    for name, limit in lengths.items():
        if len(getattr(draft, name)) > limit or "\0" in getattr(draft, name):
            errors[name] = _("这里最多{limit}个字").format(limit=limit)
    if not 4 <= len(reason.strip()) <= MAX_NOTE:
        errors["reason"] = _("请写明理由，4到200个字")
    if errors:
        raise InvalidInput(errors=errors)


def _told(rule: DispatchRule) -> dict[str, object]:
    draft = RuleDraft(
        rule.category_code,
        rule.lead_unit_id,
        tuple(rule.co_unit_ids),
        rule.words,
        rule.district or "",
        rule.street or "",
        rule.line or "",
        rule.handling_kind or "",
        rule.dispatch_mode,
        rule.valid_from,
        rule.note,
    )
    return {**asdict(draft), "co_unit_ids": list(draft.co_unit_ids), "valid_from": str(draft.valid_from)}


async def _tell(core: Core, session: AsyncSession, actor: Actor, rule: DispatchRule, name: str, data: dict[str, object]) -> None:
    await record(session, at=core.clock.now(), name=name, subject="dispatch_rule", subject_id=rule.id, who=actor.who, data=data)
