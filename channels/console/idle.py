"""What the desk shows between two calls: the own day, own tickets that fall due, chats that wait, what is special today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.due import Due, describe_moment
from channels.console.session import Staff
from channels.web.keys import CORE
from knowledge.article.topics import active_topics
from ticketing.conversation.models import Conversation, Owner
from ticketing.conversation.service import waiting
from ticketing.duty.my_day import my_day, my_due_tickets
from ticketing.supervision.inbox import inbox
from ticketing.ticket.access import closed_conversations
from ticketing.ticket.models import Ticket

MOST_CHATS, MOST_NEWS = 5, 4


@dataclass(frozen=True)
class Own:
    """A ticket that the person registered."""

    ticket: Ticket
    due: Due


async def load_idle(request: web.Request, session: AsyncSession, person: Staff) -> dict[str, Any]:
    """What the template `console/_idle.html` needs."""
    core = request.app[CORE]
    now = core.clock.now()
    chats = [item for item in await waiting(session, person.actor) if item.channel != "phone" and _theirs(item, person)]
    closed = await closed_conversations(core, session, person.actor, [item.id for item in chats])
    chats = [item for item in chats if item.id not in closed]
    due = [
        Own(ticket, describe_moment(ticket.received_at, ticket.next_due_at, now))
        for ticket in await my_due_tickets(core, session, person.actor)
        if ticket.next_due_at is not None
    ]
    return {
        "day": await my_day(core, session, person.actor),
        "due_tickets": due,
        "chats": sum(item.owner == Owner.QUEUE.value for item in chats),
        "chat_lines": [
            (item, max(0, int((now - (item.queued_at or item.created_at)).total_seconds())), item.owner != Owner.QUEUE.value)
            for item in sorted(chats, key=lambda one: (one.owner == Owner.QUEUE.value, one.queued_at or one.created_at))[:MOST_CHATS]
        ],
        "topics": await active_topics(core, session),
        "news": await inbox(core, session, person.actor, unread=True, limit=MOST_NEWS),
    }


def _theirs(conversation: Conversation, person: Staff) -> bool:
    return conversation.owner == Owner.QUEUE.value or conversation.agent_id == person.user.id
