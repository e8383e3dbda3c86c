"""What of this moment decides which steps are offered: windows that are open, pauses that are over, how often something was done.

The services ask the same; `tests/channels/console/test_offered.py` holds both together for every state and role.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask, TaskKind
from ticketing.callback.redo import may_order, may_reopen
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.deadline.service import policy_of
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.supervision.urging import may_urge_again
from ticketing.ticket.dispatch import MAX_INFO_REQUESTS
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState


@dataclass(frozen=True)
class Openings:
    """Each says that the step is not refused by the moment; whether the person may take it is another question."""

    answer: bool = True
    """No citizen was dissatisfied with an answer on the spot before (T30)."""
    urge: bool = True
    """This person has not urged it just now."""
    give_up: bool = False
    """Two notices went out and five working days passed without an answer (T33)."""
    reopen: bool = False
    redo: bool = False
    """The citizen is not satisfied, and another round is this person's to order (T23)."""
    send_back: bool = False
    """The own unit is still within its time for signing, and may return it (T11)."""
    extend: bool = False
    suspend: bool = False


async def load_openings(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    clocks: list[Deadline],
    part: Assignment | None,
    task: CallbackTask | None,
) -> Openings:
    """For a ticket with its clocks, the part of the person's own unit, and the latest callback task."""
    state, now = TicketState(ticket.state), core.clock.now()
    own = [clock for clock in clocks if part is not None and clock.assignment_id == part.id]
    sign_due = next((clock.due_at for clock in reversed(own) if clock.kind == ClockKind.SIGN.value), None)
    waits = any(clock.kind == ClockKind.SUPPLEMENT.value and clock.state == ClockState.RUNNING.value for clock in clocks)
    at_work = state is TicketState.IN_PROGRESS and part is not None and AssignmentState(part.state).is_open
    return Openings(
        answer=task is None or task.kind != TaskKind.EVALUATION.value,
        urge=state.is_open and may(actor, "ticket.urge") and await may_urge_again(core, session, actor, ticket),
        give_up=state is TicketState.NEED_INFO and ticket.info_requests >= MAX_INFO_REQUESTS and not waits,
        reopen=state is TicketState.CLOSED and ticket.policy_key is not None and await may_reopen(core, session, ticket),
        redo=state is TicketState.CALLBACK and await may_order(session, actor, ticket),
        send_back=state is TicketState.IN_PROGRESS and part is not None and not part.by_ruling and (sign_due is None or now < sign_due),
        extend=at_work and await _extend(core, session, ticket, own),
        suspend=at_work and part is not None and part.lead,
    )


async def _extend(core: Core, session: AsyncSession, ticket: Ticket, own: list[Deadline]) -> bool:
    """Whether the handling clock runs, is not over, and the policy gives one more extension (T15)."""
    running = (clock for clock in own if clock.kind == ClockKind.HANDLE.value and clock.state == ClockState.RUNNING.value)
    clock = next(running, None)
    if clock is None or core.clock.now() >= clock.due_at:
        return False
    return (await policy_of(session, ticket)).extension(clock.extensions) is not None
