"""Moving a running ticket to another policy version: a supervisor's decision, with its own event."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.deadline.book import book, policies, policy_of
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import OPEN, ClockKind, Deadline
from ticketing.deadline.policy import Policy, PolicyError
from ticketing.deadline.recompute import compute_anew
from ticketing.deadline.service import set_terms
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell


async def move_policy(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, reason: str, key: str | None = None, version: int | None = None
) -> list[Deadline]:
    """Move a dispatched ticket to another version (the one in force unless given) or to another policy.

    Its open clocks are computed anew from their own start, with their pauses and extensions; a limit that somebody set by
    hand stays. Cards already given stay. Returns the clocks whose due time changed. Raises NotAllowed, IllegalStep,
    InvalidInput.
    """
    if not may(actor, "policy.move"):
        raise NotAllowed(_("只有督办可以调整工单适用的时限规则"))
    if ticket.policy_key is None:
        raise IllegalStep(_("工单还没有派出，没有时限规则可调整"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明调整的理由，至少5个字"), field="reason")
    old = await policy_of(session, ticket)
    try:
        wanted = key or ticket.policy_key
        new = (
            (await policies(session, core.clock.now())).by_key(wanted)
            if version is None
            else (await book(session)).version(wanted, version)
        )
    except PolicyError as error:
        raise InvalidInput(_("没有这个版本的时限规则"), field="version") from error
    if (new.key, new.version) == (old.key, old.version):
        raise InvalidInput(_("工单已经适用这个版本"), field="version")
    moved, changes = await _move_clocks(core, session, ticket, old, new)
    ticket.policy_key, ticket.policy_version, ticket.updated_at = new.key, new.version, core.clock.now()
    await session.flush()
    data = {
        "from": f"{old.key} {old.version}",
        "to": f"{new.key} {new.version}",
        "reason": reason.strip()[:500],
        "clocks": changes,
    }
    await tell(core, session, actor, ticket, "policy.moved", data)
    return moved


async def _move_clocks(
    core: Core, session: AsyncSession, ticket: Ticket, old: Policy, new: Policy
) -> tuple[list[Deadline], list[dict[str, Any]]]:
    calendar, now = await work_calendar(session), core.clock.now()
    leads = {row.id: row.lead for row in await session.execute(select(Assignment.id, Assignment.lead).filter_by(ticket_id=ticket.id))}
    statement = select(Deadline).where(Deadline.ticket_id == ticket.id, Deadline.state.in_(OPEN)).order_by(Deadline.id)
    moved, changes = [], []
    for deadline in await session.scalars(statement.with_for_update()):
        limit = _same_place(core, deadline, old, new, lead=leads.get(deadline.assignment_id or 0, True), redo=ticket.round > 1)
        if limit is None:
            continue
        before = deadline.due_at
        set_terms(core, deadline, limit, new.options)
        compute_anew(calendar, deadline, now)
        if deadline.due_at != before:
            moved.append(deadline)
            changes.append({"clock": deadline.kind, "before": before.isoformat(), "after": deadline.due_at.isoformat()})
    return moved, changes


def _same_place(core: Core, deadline: Deadline, old: Policy, new: Policy, *, lead: bool, redo: bool) -> Limit | None:
    """The limit that stands in the new policy where this clock's stood in the old; None when it did not come from there."""
    kind = ClockKind(deadline.kind)
    was, becomes = old.limits.get(kind), new.limits.get(kind)
    if kind is ClockKind.HANDLE and not lead:
        was, becomes = old.co_handle or was, new.co_handle or becomes
    if kind is ClockKind.HANDLE and redo:
        was, becomes = old.redo, new.redo
    return becomes if was is not None and _is(core, deadline, was) else None


def _is(core: Core, deadline: Deadline, limit: Limit) -> bool:
    known = Limit(deadline.limit_value, deadline.limit_unit)
    return known in (limit, limit.literal()) if core.literal_days else known == limit


__all__ = ["move_policy"]
