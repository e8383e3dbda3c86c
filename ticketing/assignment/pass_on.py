"""A level-2 unit passes a part on to a unit below it (matrix 4b: «O to level 3»). It stays responsible and replies itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.service import access_assignment, at_work
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.people.units import may_dispatch_to
from ticketing.ticket.dispatch import assign

_AT_WORK = (AssignmentState.SIGNED.value, AssignmentState.WORKING.value, AssignmentState.REDO.value)


async def pass_on(
    core: Core, session: AsyncSession, actor: Actor, assignment_id: int, unit_id: int, instruction: str, until: datetime | None = None
) -> Assignment:
    """Give a part of the signed work to a unit below, to be done by `until`; None: the policy's limit for co-units.

    Raises IllegalStep, InvalidInput, NotFound.
    """
    parent, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    if parent.state not in _AT_WORK:
        raise IllegalStep(_("签收以后、答复以前才能转给下级单位"))
    if len(instruction.strip()) < 5:
        raise InvalidInput(_("请写明要下级单位做什么"), field="instruction")
    unit = await session.get(Unit, unit_id)
    if unit is None or not unit.active or unit.id == parent.unit_id or not await may_dispatch_to(session, actor, unit):
        raise InvalidInput(_("请选择本单位下面的单位"), field="unit_id")
    if unit.id == ticket.reported_unit_id:
        raise InvalidInput(_("不能派给被反映的单位"), field="unit_id")
    gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    there = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == unit.id, Assignment.state.not_in(gone))
    if await session.scalar(there.limit(1)) is not None:
        raise IllegalStep(_("这个单位已经在办理这张工单"))
    return await assign(core, session, actor, ticket, unit.id, lead=False, instruction=instruction, until=until, parent_id=parent.id)
