"""特急: who hears of it at once, and what follows when nobody asks what became of a hand-over (domain.md E02, T3, T31).

The clocks tell too, but only when half of their time is over; danger is told in the transaction in which it is known.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Event
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.deadline.models import Deadline
from ticketing.people.actor import SYSTEM
from ticketing.people.models import Role
from ticketing.supervision import cards
from ticketing.supervision.cards import NewCard
from ticketing.supervision.models import StaffNotice
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState, Urgency
from ticketing.ticket.steps import tell

DESK = (Role.DISPATCHER, Role.SUPERVISOR)
"""Who acts on danger: all of the line, whether a page is open or not. One who is off duty finds it with the first look."""
AGAIN = timedelta(minutes=30)
"""Who writes of danger ten times in a row is heard once."""
MISSED_FOR_CARD = 2
"""Windows in a row in which nobody asked the emergency line."""


async def alert(core: Core, session: AsyncSession, ticket: Ticket) -> int:
    """Tell the desk of a 特急 ticket that waits, once in its life; returns how many people. The row of the ticket is held."""
    if ticket.urgency != Urgency.EMERGENCY.value or not TicketState(ticket.state).is_open:
        return 0
    before = select(StaffNotice.id).where(StaffNotice.ticket_id == ticket.id, StaffNotice.kind == NoticeKind.EMERGENCY.value)
    if await session.scalar(before.limit(1)) is not None:
        return 0
    return await _tell_desk(core, session, ticket, NoticeKind.EMERGENCY)


async def alert_again(core: Core, session: AsyncSession, ticket: Ticket) -> int:
    """Danger comes up on a ticket that is known or dispatched: the desk and the units at work hear of it, at most once in half an hour."""
    if not TicketState(ticket.state).is_open:
        return 0
    lately = StaffNotice.created_at > core.clock.now() - AGAIN
    told = select(StaffNotice.id).where(StaffNotice.ticket_id == ticket.id, StaffNotice.kind == NoticeKind.EMERGENCY.value, lately)
    if await session.scalar(told.limit(1)) is not None:
        return 0
    directory = await Directory.load(session)
    owing = [state.value for state in AssignmentState if state.is_open]
    units = await session.scalars(select(Assignment.unit_id).where(Assignment.ticket_id == ticket.id, Assignment.state.in_(owing)))
    people = [*directory.of_role(ticket.line, *DESK), *(user for unit in units for user in directory.of_unit(unit, ticket.line))]
    return await tell_people(core, session, people, NoticeKind.EMERGENCY, ticket)


async def not_asked(core: Core, session: AsyncSession, ticket: Ticket, window: Deadline) -> None:
    """T31: half an hour after the hand-over nobody has asked the emergency line. Who handed over and the desk hear of it.

    From the second time on the centre has a yellow card for it. The caller starts the window again.
    """
    times = 1 + await times_since(session, ticket, "ticket.follow_up_due", "ticket.emergency_transferred")
    await tell(core, session, SYSTEM, ticket, "ticket.follow_up_due", {"times": times})
    await _tell_desk(core, session, ticket, NoticeKind.FOLLOW_UP_DUE, times=times)
    if times == MISSED_FOR_CARD:
        await _card(core, session, ticket, window)


async def silent(core: Core, session: AsyncSession, ticket: Ticket) -> None:
    """T33: asked twice, and the citizen has not sent what is missing. The dispatcher decides; the dispatch clock runs again."""
    await tell(core, session, SYSTEM, ticket, "ticket.info_overdue", {"notices": ticket.info_requests})
    await _tell_desk(core, session, ticket, NoticeKind.INFO_OVERDUE, roles=(Role.DISPATCHER,))


async def times_since(session: AsyncSession, ticket: Ticket, name: str, since: str) -> int:
    """How often the event `name` has happened since the last `since`."""
    mine = (Event.subject == "ticket") & (Event.subject_id == str(ticket.id))
    last = select(func.coalesce(func.max(Event.seq), 0)).where(mine, Event.name == since).scalar_subquery()
    return await session.scalar(select(func.count()).where(mine, Event.name == name, Event.seq > last)) or 0


async def _tell_desk(
    core: Core, session: AsyncSession, ticket: Ticket, kind: NoticeKind, *, roles: tuple[Role, ...] = DESK, **data: object
) -> int:
    people = (await Directory.load(session)).of_role(ticket.line, *roles)
    if kind is NoticeKind.FOLLOW_UP_DUE:
        people = [*people, *await _who_handed_over(session, ticket)]
    return await tell_people(core, session, people, kind, ticket, **data)


async def _who_handed_over(session: AsyncSession, ticket: Ticket) -> list[int]:
    handed = select(Event.actor_id).where(
        Event.subject == "ticket",
        Event.subject_id == str(ticket.id),
        Event.name == "ticket.emergency_transferred",
        Event.actor_kind == "staff",
        Event.actor_id.is_not(None),
    )
    return [user for user in await session.scalars(handed.order_by(Event.seq.desc()).limit(1)) if user is not None]


async def _card(core: Core, session: AsyncSession, ticket: Ticket, window: Deadline) -> None:
    """The centre's own: no unit owes anything yet. With another yellow one of the centre it makes a red one, as always."""
    directory = await Directory.load(session)
    for card in await cards.give(core, session, [NewCard(ticket.id, None, "yellow", window.kind, deadline_id=window.id)]):
        data = {"card": card.id, "unit": None, "cause": card.reason}
        if card.deadline_id is not None:
            data = {"card": card.id, "unit": None, "clock": window.kind, "due": window.due_at.isoformat()}
        await tell(core, session, SYSTEM, ticket, f"supervise.{card.colour}", data)
        await tell_people(core, session, directory.of_role(ticket.line, *DESK), NoticeKind(card.colour), ticket, clock=card.reason)


__all__ = ["alert", "alert_again", "not_asked", "silent", "times_since"]
