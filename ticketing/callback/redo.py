"""One more round at the same units: after 不满意 (T23), or reopened by the citizen (T25)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.policy import ONCE_MORE
from ticketing.deadline.service import policies, policy_of, start_clock
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.relation.investigation import begin_when_due
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import move, take_step


async def redo(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str, action: str = "redo") -> None:
    """T23/T25: one more round at the same units, with the short clock of the policy (lesson 25a)."""

    async def clocks() -> None:
        await _back_to_the_units(core, session, actor, ticket)

    await take_step(
        core,
        session,
        actor,
        ticket,
        action,
        data={"round": ticket.round + 1, "reason": reason},
        clocks=clocks,
        round=ticket.round + 1,
        satisfaction=None,
        solved=None,
        no_callback_reason=None,
        closed_at=None,
    )
    await begin_when_due(core, session, actor, ticket)


async def _back_to_the_units(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    limit = (await policy_of(session, ticket)).redo
    units = select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.state == AssignmentState.ACCEPTED.value)
    for assignment in await session.scalars(units):
        await move(session, actor, assignment, "redo")
        assignment.replied_at, assignment.accepted_at = None, None
        await start_clock(core, session, ticket, ClockKind.HANDLE, limit, assignment_id=assignment.id)
    await session.flush()


async def may_order(session: AsyncSession, actor: Actor, ticket: Ticket) -> bool:
    """T23: whether this person may order the ticket's next round.

    A supervisor any; a callback clerk the first one, where the ticket's policy leads to another round at all (`after`).
    """
    if actor.has(Role.SUPERVISOR):
        return True
    return actor.has(Role.CALLBACK) and ticket.round < 2 and (await policy_of(session, ticket)).after in ONCE_MORE


async def reopen_days(core: Core, session: AsyncSession) -> int:
    """How many days after the end a citizen may have it taken up again; data of the centre's policy."""
    return (await policies(session, core.clock.now())).centre.reopen_days


async def may_reopen(core: Core, session: AsyncSession, ticket: Ticket) -> bool:
    """Whether the ticket was closed so short a time ago that it can be taken up again."""
    if ticket.closed_at is None:
        return False
    return core.clock.now() <= ticket.closed_at + timedelta(days=await reopen_days(core, session))


async def reopen(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str) -> None:
    """T25: within the days of the centre's policy (seven), back to the same units with the short clock."""
    closed = ticket.state == TicketState.CLOSED.value  # in any other state the engine says what can be done
    if closed and not await may_reopen(core, session, ticket):
        raise IllegalStep(_("办结已超过{days}天，请作为新的事项反映").format(days=await reopen_days(core, session)))
    if closed and ticket.policy_key is None:
        raise IllegalStep(_("这件事没有派过单，请作为新的事项反映"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请说明没有解决的情况"), field="reason")
    await redo(core, session, actor, ticket, reason.strip()[:1000], action="reopen")
