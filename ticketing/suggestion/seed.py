"""The seed catalogue (seed/catalogue.yaml) into the table. Idempotent: rows are added only to a table that has none."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.models import Unit
from ticketing.suggestion.catalogue import read_rules
from ticketing.taxonomy.models import Category, DispatchRule


async def load_catalogue(core: Core, session: AsyncSession) -> int:
    """Bring the rows in, after units and categories; returns how many there are. What an administrator changed stays."""
    if await session.scalar(select(DispatchRule.id).limit(1)):
        return 0
    units = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
    owners = {category.code: category.unit_id for category in await session.scalars(select(Category))}
    rows = read_rules()
    for row in rows:
        unknown = [code for code in (*row.co, *([row.lead] if row.lead else [])) if code not in units]
        if unknown or row.category not in owners:
            raise InvalidInput(
                _("派单目录里类别 {code} 的单位或类别不存在：{units}"), code=row.category, units="、".join(unknown) or row.category
            )
        session.add(
            DispatchRule(
                category_code=row.category,
                words=" ".join(row.words),
                district=row.district,
                street=row.street,
                line=row.line,
                lead_unit_id=units[row.lead] if row.lead else owners[row.category],
                co_unit_ids=[units[code] for code in row.co],
                handling_kind=row.handling,
                dispatch_mode=row.mode,
                valid_from=to_city(core.clock.now()).date(),
                note=row.note,
            )
        )
    await session.flush()
    return len(rows)
