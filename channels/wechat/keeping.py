"""Keeping a citizen's files: with the conversation, and with the ticket that they belong to."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

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
    if conversation.draft is not None or conversation.ticket_id is None:
        return None
    fresh = select(Ticket.id).where(Ticket.id == conversation.ticket_id, Ticket.received_at > core.clock.now() - _SUPPLEMENT)
    return (await session.scalars(fresh)).first()
