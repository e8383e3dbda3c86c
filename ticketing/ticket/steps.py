"""Applying one step of the state machine to a ticket: the state, its event, and the database's last word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import record
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.notice.service import on_event
from ticketing.people.actor import Actor
from ticketing.relation.follow import follow, followers
from ticketing.request.pending import withdraw_pending
from ticketing.supervision.heed import heed
from ticketing.ticket import workflow_versions
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState


async def take_step(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    action: str,
    *,
    data: dict[str, Any] | None = None,
    clocks: Callable[[], Awaitable[object]] | None = None,
    **columns: Any,
) -> None:
    """Move `ticket` by `action`, set `columns`, write the event. Raises IllegalStep or NotAllowed.

    `clocks` starts, pauses or stops what the step does to the clocks; it runs before anybody is told, so that the notice names
    the new date.
    """
    transition = (await workflow_versions.current(session)).step(TicketState(ticket.state), action, actor)
    if transition.result is not None and columns.get(transition.result) is None:
        raise ValueError(f"{action} needs {transition.result}")
    now = core.clock.now()
    before = ticket.state
    ticket.state = transition.target.value
    ticket.updated_at = now
    if transition.target.is_closed and ticket.closed_at is None:
        ticket.closed_at = now
    for name, value in columns.items():
        setattr(ticket, name, value)
    await session.flush()
    if _moot(TicketState(before), transition.target):
        await withdraw_pending(core, session, ticket)
    if clocks is not None:
        await clocks()
    await tell(
        core, session, actor, ticket, transition.event, {"from": before, "to": ticket.state, **(data or {})}, public=transition.public
    )


_WAITING = frozenset({TicketState.REGISTERED, TicketState.NEED_INFO, TicketState.TO_DISPATCH})


def _moot(before: TicketState, after: TicketState) -> bool:
    """Whether nobody has to decide what was asked before: the wait for dispatch is over, the replies are in, or all is over."""
    return (before in _WAITING and after not in _WAITING) or after is TicketState.REPLY_REVIEW or not after.is_open


async def move(session: AsyncSession, actor: Actor, assignment: Assignment, action: str) -> None:
    """Move a unit's part by `action`. The caller writes the event. Raises IllegalStep or NotAllowed."""
    machine = (await workflow_versions.current(session)).assignment
    transition = machine.step(AssignmentState(assignment.state), action, actor)
    if action == "contact" and assignment.state != AssignmentState.SIGNED.value:
        return  # a further talk changes nothing
    assignment.state = transition.target.value


async def tell(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    name: str,
    data: dict[str, Any] | None = None,
    *,
    public: bool = False,
    told: Mapping[str, str] | None = None,
) -> None:
    """Write an event of the ticket, and give the citizen the notice that belongs to it (seed/notices.yaml).

    `public`: the citizen sees it. `told`: what only the notice may hold (the query code).
    """
    await record(
        session,
        at=core.clock.now(),
        name=name,
        subject="ticket",
        subject_id=ticket.id,
        who=actor.who,
        data=data,
        public=public,
        notify={"number": ticket.number, "state": ticket.state},
    )
    await on_event(core, session, ticket, name, data or {}, told or {})
    for each in await followers(session, ticket, name):
        await follow(core, session, actor, ticket, each, name, data or {})
    await heed(core, session, actor, ticket, name, data or {})
