"""Keeping a citizen's files: with the conversation, and with the ticket that they belong to."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.affairs import SUPPLEMENTED, waiting_for_citizen
from channels.web import files
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.ticket.models import Attachment, Ticket

_SUPPLEMENT = timedelta(minutes=30)
"""A file that comes this soon after a ticket was registered belongs to it; later ones wait for the next appeal."""


async def keep(core: Core, settings: Settings, session: AsyncSession, conversation: Conversation, body: bytes, name: str) -> UUID:
    """Store a file once per conversation, however often it is tried; raises as `channels.web.files.store`.

    It gets its ticket here, or when the next one is registered from this conversation.
    """
    digest = hashlib.sha256(body).hexdigest()
    same = select(Attachment.id).where(Attachment.conversation_id == conversation.id, Attachment.sha256 == digest)
    known = (await session.scalars(same)).first()
    if known is not None:
        return known
    ticket_id = await _fresh_ticket(core, session, conversation)
    stored = await files.store(
        core, settings, session, body=body, file_name=name, from_citizen=True, conversation_id=conversation.id, ticket_id=ticket_id
    )
    return stored.id


async def _fresh_ticket(core: Core, session: AsyncSession, conversation: Conversation) -> int | None:
    """The ticket that was registered or added to just now, else the one that waits for what the citizen was asked for."""
    if conversation.draft is not None:
        return None
    since = core.clock.now() - _SUPPLEMENT
    added = conversation.bot_state.get(SUPPLEMENTED)
    if added and datetime.fromisoformat(added["at"]) > since:
        return int(added["ticket"])
    fresh = select(Ticket.id).where(Ticket.id == conversation.ticket_id, Ticket.received_at > since)
    if conversation.ticket_id is not None and (found := (await session.scalars(fresh)).first()) is not None:
        return found
    asked = await waiting_for_citizen(session, conversation.citizen_id) if conversation.citizen_id else None
    return asked.id if asked is not None else None
