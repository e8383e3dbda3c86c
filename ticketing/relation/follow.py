"""What happens to a master is told to every person whose ticket was merged into it, under that person's own number.

Only the steps of the matter: what the master's citizen said himself stays his. The answer reaches everybody.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import record
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState

FOLLOWED = frozenset(
    {
        "ticket.dispatched", "ticket.suspended", "ticket.resumed", "extension.approved", "reply.accepted",
        "ticket.answered", "ticket.redo", "ticket.reopened", "ticket.closed", "ticket.closed_disputed",
    }
)  # fmt: skip
_SAFE = ("review_on", "due", "mode")
"""What of the event's data may be said to another citizen. Not the states: the merged ticket stays merged."""


async def followers(session: AsyncSession, master: Ticket, name: str) -> list[Ticket]:
    """The merged tickets that hear of this event of their master, locked in order."""
    if master.interest_count <= 1 or name not in FOLLOWED:
        return []
    statement = select(Ticket).where(Ticket.master_id == master.id, Ticket.state == TicketState.MERGED.value)
    return list(await session.scalars(statement.order_by(Ticket.id).with_for_update()))


async def follow(core: Core, session: AsyncSession, actor: Actor, master: Ticket, each: Ticket, name: str, data: dict[str, Any]) -> None:
    """Write the event under the merged ticket's number; an answer becomes its answer too."""
    if name in ("reply.accepted", "ticket.answered", "ticket.closed", "ticket.closed_disputed"):
        each.answer = master.answer
    await record(
        session,
        at=core.clock.now(),
        name=name,
        subject="ticket",
        subject_id=each.id,
        who=actor.who,
        data={**{key: data[key] for key in _SAFE if key in data}, "master": master.number},
        public=True,
        notify={"number": each.number, "state": each.state},
    )
