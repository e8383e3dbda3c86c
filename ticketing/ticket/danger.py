"""Danger that was heard on a call or comes up later: the ticket is 特急 while nobody has dispatched it, and tells it.

A person is still in danger while nothing is typed, so what is known is written down at once: who waits in the queue or leaves a
message has no ticket yet (`danger_of`, read by `ticketing.ticket.service.register`), who was registered a moment ago has one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import record
from ticketing.context import Core
from ticketing.conversation.models import Call, Conversation
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import start_dispatch_clock, stop_clocks
from ticketing.people.actor import SYSTEM
from ticketing.suggestion.emergency import alarm_in
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState, Urgency
from ticketing.ticket.steps import tell

EVENT = "danger.heard"
"""Event of the ticket."""
_UNDISPATCHED = frozenset({TicketState.REGISTERED.value, TicketState.TO_DISPATCH.value})


class Help(StrEnum):
    """How far help has come."""

    HEARD = "heard"
    """words of danger; nothing could be offered"""
    OFFERED = "offered"
    """the caller was asked whether to be connected"""
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    """the emergency line did not answer"""


async def note_danger(core: Core, session: AsyncSession, call_id: UUID, help_: Help, *, danger: str, line: str) -> None:
    """Write down what was heard or done on a call. `danger`: a key of `Danger`, `line`: the emergency number, empty without one."""
    ticket = await _ticket_of(session, call_id)  # locked before the call, as everywhere
    call = await session.get_one(Call, call_id, with_for_update=True, populate_existing=True)
    found = {"danger": danger, "line": line, "help": help_.value}
    call.data = {**call.data, "danger": found}
    await session.flush()
    await record(
        session,
        at=core.clock.now(),
        name=f"call.emergency_{help_.value}",
        subject="call",
        subject_id=call.id,
        who=SYSTEM.who,
        data=found,
        notify={"state": call.state, "conversation": str(call.conversation_id)},
    )
    if ticket is not None and help_ is not Help.CONNECTING:
        await _raise(core, session, ticket)
        await tell(core, session, SYSTEM, ticket, EVENT, found)


async def hear(core: Core, session: AsyncSession, ticket: Ticket, words: str) -> None:
    """What is said of a ticket after its registration (supplement, urging, rating, objection, reopening) is listened to as that was."""
    alarm = alarm_in(words)
    if alarm is None or not TicketState(ticket.state).is_open:
        return
    await _raise(core, session, ticket)
    found = {"danger": alarm.danger.value, "line": alarm.line or "", "help": Help.HEARD.value}
    await tell(core, session, SYSTEM, ticket, EVENT, found)


async def danger_of(session: AsyncSession, conversation_id: UUID | None) -> dict[str, Any] | None:
    """What was heard on the call of this conversation: danger, line, help; None without a call or danger."""
    if conversation_id is None:
        return None
    data = await session.scalar(select(Call.data["danger"]).where(Call.conversation_id == conversation_id).limit(1))
    return data if isinstance(data, dict) else None


async def _ticket_of(session: AsyncSession, call_id: UUID) -> Ticket | None:
    of_call = select(Conversation.ticket_id).join(Call, Call.conversation_id == Conversation.id).where(Call.id == call_id)
    found = select(Ticket).where(Ticket.id == of_call.scalar_subquery())
    return (await session.scalars(found.with_for_update(of=Ticket))).first()


async def _raise(core: Core, session: AsyncSession, ticket: Ticket) -> None:
    """特急, with the clock that belongs to it, as long as nobody has dispatched it; afterwards the event tells those who work on it."""
    if ticket.urgency == Urgency.EMERGENCY.value or ticket.state not in _UNDISPATCHED:
        return
    ticket.urgency, ticket.updated_at = Urgency.EMERGENCY.value, core.clock.now()
    await session.flush()
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH, cancelled=True)
    await start_dispatch_clock(core, session, ticket)


__all__ = ["EVENT", "Help", "danger_of", "note_danger"]
