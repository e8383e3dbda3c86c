"""A call that the callback robot put through (回访转人工): its ticket, on the desk of the one whose telephone rings or who talks.

Only of one's own call, and only while it lasts: an agent needs no right to the ticket for it, as with a caller's earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.session import Staff
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.duty.models import ON_CALL, Duty, DutyState
from ticketing.ticket.access import closed_conversations, visible
from ticketing.ticket.models import Ticket


@dataclass(frozen=True)
class Handed:
    """What the desk shows of it, beside the transcript with what the robot asked and was told."""

    call: Call
    ticket: Ticket
    opens: bool
    """Whether this person may open the ticket."""
    rings: bool
    """It is not answered yet."""


async def load_handed(core: Core, session: AsyncSession, person: Staff) -> Handed | None:
    """The person's own call, when the robot began it; None when there is none, or a secret ticket closes it."""
    duty = await session.get(Duty, person.user.id)
    if duty is None or duty.call_id is None or DutyState(duty.state) not in ON_CALL:
        return None
    call = await session.get_one(Call, duty.call_id)
    if call.direction != "out" or call.data.get("purpose") != "callback" or "ticket" not in call.data or not _mine(call, person, duty):
        return None
    ticket = await session.scalar(select(Ticket).where(Ticket.number == call.data["ticket"]))
    if ticket is None or await closed_conversations(core, session, person.actor, [call.conversation_id]):
        return None
    opens = await session.scalar(select(Ticket.id).where(Ticket.id == ticket.id, visible(core, person.actor))) is not None
    return Handed(call, ticket, opens, duty.state == DutyState.RINGING.value)


def _mine(call: Call, person: Staff, duty: Duty) -> bool:
    """It rings for this person, or they have taken it; who listens to a colleague's call sees no ticket here."""
    return duty.state == DutyState.RINGING.value or call.data.get("agent_id") == person.user.id
