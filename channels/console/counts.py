"""The numbers on the rail: what waits for this person."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.navigation import RAIL
from channels.console.pages import fragment
from channels.console.session import Staff, staff
from channels.web.keys import CORE, DATABASE
from ticketing.callback.models import ReturnCall
from ticketing.conversation.models import Call, CallState, Conversation, Owner
from ticketing.conversation.service import chats_of
from ticketing.people.lines import calls_of
from ticketing.people.models import Role
from ticketing.supervision import emergencies
from ticketing.supervision.inbox import count_unread
from ticketing.ticket.access import visible
from ticketing.ticket.lists import count_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import Queue


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/counts: one fragment per rail entry that counts something."""
    person = staff(request)
    keys = {entry.key for entry in RAIL[person.role]}
    async with request.app[DATABASE].transaction() as session:
        found = await _tickets(request, session, person, keys)
        if "desk" in keys:
            found["desk"] = await _desk(request, session, person)
        if "chats" in keys:
            waiting = select(func.count()).where(
                Conversation.owner == Owner.QUEUE.value, Conversation.channel != "phone", chats_of(person.actor)
            )
            found["chats"] = await session.scalar(waiting) or 0
        found["notices"] = await count_unread(request.app[CORE], session, person.actor)
        urgent = await _urgent(request, session, person)
    return fragment(request, "console/_counts.html", counts=found, urgent=urgent)


async def _urgent(request: web.Request, session: AsyncSession, person: Staff) -> int | None:
    """How much is 特急, on every page of those who act on it; None for the others."""
    if person.role not in emergencies.DESK:
        return None
    return (await count_tickets(request.app[CORE], session, person.actor, [Queue.EMERGENCY]))[Queue.EMERGENCY]


async def _tickets(request: web.Request, session: AsyncSession, person: Staff, keys: set[str]) -> dict[str, int]:
    wanted = {"tickets": Queue.MINE, "callbacks": Queue.CALLBACK, "board": Queue.OVERDUE}
    if person.role is Role.SUPERVISOR:
        wanted["tickets"] = Queue.REVIEW
    queues = {key: queue for key, queue in wanted.items() if key in keys and not (key == "tickets" and person.role is Role.AGENT)}
    if not queues:
        return {}
    counts = await count_tickets(request.app[CORE], session, person.actor, list(dict.fromkeys(queues.values())))
    return {key: counts[queue] for key, queue in queues.items()}


async def _desk(request: web.Request, session: AsyncSession, person: Staff) -> int:
    """Callers who wait now, and callers who were promised a call and whose ticket this person may see."""
    queued = await session.scalar(select(func.count()).where(Call.state == CallState.QUEUED.value, calls_of(person.actor))) or 0
    seen = (ReturnCall.state == "open") & visible(request.app[CORE], person.actor)
    owed = (
        await session.scalar(select(func.count()).select_from(ReturnCall).join(Ticket, Ticket.id == ReturnCall.ticket_id).where(seen)) or 0
    )
    return queued + owed
