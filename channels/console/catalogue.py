"""The dispatch catalogue: which unit handles which category where. Rows are added, changed and switched off with a reason."""

from __future__ import annotations

from datetime import date

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, InvalidInput
from hotline.i18n import _
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category, DispatchRule
from ticketing.taxonomy.service import LOCAL_STREET, RuleDraft, save_rule, switch_rule

_TEXTS = (
    "category_code", "lead_unit_id", "words", "district", "street", "line", "handling_kind", "dispatch_mode", "valid_from", "note", "reason"
)  # fmt: skip


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/catalogue?category=…&edit=…."""
    require_may(request, "catalogue.manage")
    return await _respond(request, edit=whole_number(request.query.get("edit")))


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/catalogue: a new row, or the changed row `id`."""
    person, core = require_may(request, "catalogue.manage"), request.app[CORE]
    form = await request.post()
    entered = {name: str(form.get(name, "")).strip()[:300] for name in _TEXTS}
    rule_id, version = whole_number(str(form.get("id", ""))), whole_number(str(form.get("version", "")))
    try:
        async with request.app[DATABASE].transaction() as session:
            await save_rule(core, session, person.actor, _draft(form, entered), entered["reason"], rule_id=rule_id, version=version)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem=problem, entered=entered, edit=rule_id)
    return see_other(request, "/console/catalogue", "catalogue_saved")


async def switch(request: web.Request) -> web.StreamResponse:
    """POST /console/catalogue/{id}/{off|on}."""
    person, core = require_may(request, "catalogue.manage"), request.app[CORE]
    rule_id, active = whole_number(request.match_info["id"]) or 0, request.match_info["step"] == "on"
    reason = str((await request.post()).get("reason", ""))[:200]
    try:
        async with request.app[DATABASE].transaction() as session:
            await switch_rule(core, session, person.actor, rule_id, reason, active=active)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem=problem)
    return see_other(request, "/console/catalogue", "catalogue_saved")


def _draft(form: MultiDictProxy[str | bytes | bytearray | web.FileField], entered: dict[str, str]) -> RuleDraft:
    try:
        day = date.fromisoformat(entered["valid_from"]) if entered["valid_from"] else None
    except ValueError as error:
        raise InvalidInput(errors={"valid_from": _("日期应写成2026-12-01这样")}) from error
    helpers = (whole_number(str(value)) for value in form.getall("co_unit_ids", []))
    return RuleDraft(
        entered["category_code"],
        whole_number(entered["lead_unit_id"]) or 0,
        tuple(value for value in helpers if value is not None),
        entered["words"],
        entered["district"],
        entered["street"],
        entered["line"],
        entered["handling_kind"],
        entered["dispatch_mode"],
        day,
        entered["note"],
    )


async def _respond(
    request: web.Request, *, problem: HotlineError | None = None, entered: dict[str, str] | None = None, edit: int | None = None
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        categories = list(await session.scalars(select(Category).order_by(Category.code)))
        rules = list(await session.scalars(select(DispatchRule).order_by(DispatchRule.category_code, DispatchRule.id)))
        units = await _units(session)
    changed = next((rule for rule in rules if rule.id == edit), None)
    by_category: dict[str, list[DispatchRule]] = {}
    for rule in rules:
        by_category.setdefault(rule.category_code, []).append(rule)
    return page(
        request,
        "console/catalogue.html",
        nav="accounts",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else "",
        errors=problem.errors if isinstance(problem, InvalidInput) else {},
        categories=categories,
        rules=by_category,
        units=units,
        names={unit.id: unit.name for unit in units},
        changed=changed,
        entered=entered or _entered(changed),
    )


async def _units(session: AsyncSession) -> list[Unit]:
    """Units that may handle something, and «the street office of the place»."""
    usable = Unit.active | (Unit.code == LOCAL_STREET)
    return list(await session.scalars(select(Unit).where(usable, Unit.level > 1).order_by(Unit.level, Unit.id)))


def _entered(rule: DispatchRule | None) -> dict[str, str]:
    if rule is None:
        return {}
    return {name: "" if name == "reason" else str(getattr(rule, name) or "") for name in _TEXTS if name != "reason"}
