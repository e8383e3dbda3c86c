"""What happens when a window of the citizen or the centre is over. Called by the sweep for `ClockKind.is_window`.

A window ends by itself: no card is given for it, but for a hand-over after which nobody asks again and again. Where somebody has to
act, the matter comes back to him with a clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assignment import procedure
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.deadline.service import resume_clocks, start_dispatch_clock, start_window
from ticketing.people.actor import SYSTEM
from ticketing.request.suspension import resume
from ticketing.supervision import emergencies
from ticketing.ticket import refusal
from ticketing.ticket.dispatch import MAX_INFO_REQUESTS, go_on
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import take_step


async def expire(core: Core, session: AsyncSession, ticket: Ticket, deadline: Deadline) -> None:
    """End the window `deadline` of the locked `ticket`. A ticket that has gone on meanwhile is left alone."""
    kind = ClockKind(deadline.kind)
    deadline.state, deadline.stopped_at, deadline.next_stage_at = ClockState.LATE.value, core.clock.now(), None
    await session.flush()
    if kind is ClockKind.STATUTE:  # in whatever state the ticket is: the procedure outlives it
        await procedure.overdue(core, session, ticket, deadline.assignment_id)
        return
    state, end = _ENDS[kind]
    if ticket.state == state.value:
        await end(core, session, ticket, deadline)


async def _evaluation(core: Core, session: AsyncSession, ticket: Ticket, _window: Deadline) -> None:
    """T30: nobody rated the answer within three days."""
    await take_step(core, session, SYSTEM, ticket, "answer_window_over", no_callback_reason="evaluation_window_over")


async def _objection(core: Core, session: AsyncSession, ticket: Ticket, _window: Deadline) -> None:
    """T32: no objection to the refusal."""
    await refusal.make_final(core, session, ticket)


async def _supplement(core: Core, session: AsyncSession, ticket: Ticket, _window: Deadline) -> None:
    """T5: five working days without an answer. After the first notice it goes on with what is known.

    After the second the dispatcher is told and decides: goes on all the same (T6), or closes as 无法联系 (T33). His clock runs again,
    with its warnings and cards.
    """
    if ticket.info_requests < MAX_INFO_REQUESTS:
        await go_on(core, session, SYSTEM, ticket, {"window_over": True})
        return
    if not await resume_clocks(core, session, ticket.id, ClockKind.DISPATCH):
        await start_dispatch_clock(core, session, ticket)
    await emergencies.silent(core, session, ticket)


async def _suspension(core: Core, session: AsyncSession, ticket: Ticket, _window: Deadline) -> None:
    """T17: the review date of a suspension has come."""
    await resume(core, session, SYSTEM, ticket, note="")


async def _follow_up(core: Core, session: AsyncSession, ticket: Ticket, window: Deadline) -> None:
    """T31: thirty minutes after the hand-over nobody has asked the emergency line yet. The next thirty begin, until somebody has."""
    await emergencies.not_asked(core, session, ticket, window)
    await start_window(core, session, ticket, ClockKind.FOLLOW_UP)


_ENDS: dict[ClockKind, tuple[TicketState, Callable[[Core, AsyncSession, Ticket, Deadline], Awaitable[None]]]] = {
    ClockKind.EVALUATION: (TicketState.ANSWERED, _evaluation),
    ClockKind.OBJECTION: (TicketState.REJECTED, _objection),
    ClockKind.SUPPLEMENT: (TicketState.NEED_INFO, _supplement),
    ClockKind.SUSPENSION: (TicketState.SUSPENDED, _suspension),
    ClockKind.FOLLOW_UP: (TicketState.EMERGENCY_OUT, _follow_up),
}
