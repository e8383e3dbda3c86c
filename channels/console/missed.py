"""The list of missed callers as the desk, the callback desk and the board of the queue show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.due import Due, describe_moment
from ticketing.callback.missed import missed_calls
from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.ticket.models import Ticket


@dataclass(frozen=True)
class Missed:
    """One caller who was promised a call."""

    task: ReturnCall
    ticket: Ticket
    due: Due
    """How much of the hour is left; overdue is marked."""


async def load_missed(core: Core, session: AsyncSession, actor: Actor) -> dict[str, Any]:
    """What the template `console/_missed.html` needs."""
    now = core.clock.now()
    owed = [
        Missed(task, ticket, describe_moment(task.created_at, task.due_at, now))
        for task, ticket in await missed_calls(core, session, actor)
    ]
    return {"owed": owed, "may_dial": may(actor, "call.dial")}
