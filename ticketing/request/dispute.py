"""争议会商 (T13): after two returns, or when duties overlap, a supervisor (or leader) rules within one working day.

The ruling names the lead and the co-units and cannot be returned. The handling clocks go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.assignment.co_date import date
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.service import reply_ready
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import clocks_of_new_lead, start_window, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role, Unit
from ticketing.relation.investigation import open_investigation
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind
from ticketing.ticket.dispatch import Order, assign, check_units
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import move, take_step

_OF_THE_LEAD = (ClockKind.CONTACT, ClockKind.ON_SITE, ClockKind.PLAN)
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


@dataclass(frozen=True)
class Overlap:
    """Which units' duties overlap (职责交叉), and who is asked to rule."""

    unit_ids: tuple[int, ...]
    by_leader: bool = False
    """The leader and nobody else, for what a supervisor cannot decide between two departments."""


async def open_dispute(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str, overlap: Overlap) -> Request:
    """The dispatcher sees an overlap of duties: at least two units, by name. Raises InvalidInput, IllegalStep, NotAllowed."""
    wanted = set(overlap.unit_ids)
    known = set(await session.scalars(select(Unit.id).where(Unit.id.in_(wanted), Unit.active, Unit.level > 1)))
    if len(known) < 2 or wanted - known:
        raise InvalidInput(_("请选出职责有交叉的单位，至少两个"), field="unit_ids")
    return await _open(core, session, actor, ticket, reason, {"units": sorted(known), "by_leader": overlap.by_leader})


async def dispute_return(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str, assignment: Assignment) -> Request:
    """A unit's return after another's was approved is no return any more: the supervisor rules between them (T11)."""
    returned = select(Assignment.unit_id).where(Assignment.ticket_id == ticket.id, Assignment.state == AssignmentState.RETURNED.value)
    units = sorted({assignment.unit_id, *(await session.scalars(returned))})
    data = {"unit": assignment.unit_id, "units": units, "by_leader": False}
    return await _open(core, session, actor, ticket, reason, data, assignment)


async def _open(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str, data: dict[str, Any],
    assignment: Assignment | None = None,
) -> Request:  # fmt: skip
    request = await requests.ask(core, session, actor, ticket, RequestKind.DISPUTE, reason=reason, assignment=assignment, data=data)
    await take_step(core, session, actor, ticket, "open_dispute", data={"request": request.id, "reason": request.reason, **data})
    await requests.withdraw_pending(core, session, ticket, RequestKind.RETURN)  # the ruling decides who handles it
    await start_window(core, session, ticket, ClockKind.DISPUTE)
    return request


async def rule(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, order: Order, *, grounds: str) -> Request:
    """The ruling: who leads, who helps, and why. Units that are not named are released.

    Raises InvalidInput, NotAllowed (what was brought to the leader is the leader's to rule), IllegalStep.
    """
    if len(grounds.strip()) < 10:
        raise InvalidInput(_("请写明裁定的依据，至少10个字"), field="grounds")
    request = await requests.only_pending(session, ticket, RequestKind.DISPUTE)
    if request.data.get("by_leader") and not actor.has(Role.LEADER):
        raise NotAllowed(_("这件争议提请领导裁定，由领导决定"))
    await check_units(session, actor, ticket, order)
    units = {"lead": order.unit_id, "co_units": [co.unit_id for co in order.co_units]}
    await requests.close(core, session, actor, ticket, request, approve=True, note=grounds, data=units)
    await take_step(core, session, actor, ticket, "rule_dispute", data={"grounds": grounds.strip()[:1000], **units})
    await stop_clocks(core, session, ticket.id, ClockKind.DISPUTE)
    kept, led = await _release_others(core, session, actor, ticket, order)
    investigated = await open_investigation(session, ticket) is not None  # the supervisor owns it then, every unit only helps (D06)
    for unit_id, until in [(order.unit_id, None), *((co.unit_id, co.until) for co in order.co_units)]:
        lead = unit_id == order.unit_id and not investigated
        if unit_id in kept:
            await _keep(core, session, ticket, kept[unit_id], lead=lead, led=unit_id == led)
            if until is not None:
                await date(core, session, kept[unit_id], until)
        else:
            await assign(core, session, actor, ticket, unit_id, lead=lead, instruction=order.instruction, until=until, by_ruling=True)
    await session.flush()
    await reply_ready(core, session, ticket)
    return request


async def _keep(core: Core, session: AsyncSession, ticket: Ticket, assignment: Assignment, *, lead: bool, led: bool) -> None:
    """A unit that had a part keeps it, with the clocks of its new role; who led and now helps need not contact the citizen any more."""
    assignment.lead, assignment.by_ruling = lead, True
    if not AssignmentState(assignment.state).is_open:
        return
    if lead and not led:
        await clocks_of_new_lead(core, session, ticket, assignment)
    elif led and not lead:
        await stop_clocks(core, session, ticket.id, *_OF_THE_LEAD, assignment_id=assignment.id, cancelled=True)


async def _release_others(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, order: Order
) -> tuple[dict[int, Assignment], int]:
    """Release who is not named, and take the lead from everybody so that the new lead can have it (one lead at a time).

    Returns whose parts stay, by unit, and the unit that led (0: none).
    """
    kept: dict[int, Assignment] = {}
    led = 0
    current = select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.state.not_in(_GONE)).with_for_update()
    for assignment in await session.scalars(current):
        led = assignment.unit_id if assignment.lead else led
        if assignment.unit_id in order.unit_ids:
            kept[assignment.unit_id] = assignment
            assignment.lead = False
            continue
        await move(session, SYSTEM, assignment, "cancel")
        await stop_clocks(core, session, ticket.id, assignment_id=assignment.id, cancelled=True)
        await requests.withdraw_pending(core, session, ticket, assignment_id=assignment.id)
    await session.flush()
    return kept, led
