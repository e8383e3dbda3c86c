"""Sensitive words (敏感词) in a new appeal: the ticket is flagged, supervisors and leaders of its line are told. Nothing is kept out.

The words stand in ticketing/suggestion/data/sensitive.yaml by theme. What is kept and told are the themes, never the words
themselves: the ticket says them, to whom may see it (the inbox hides notices about other tickets).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.people.models import Role, User
from ticketing.suggestion.emergency import sensitive_words
from ticketing.supervision.notices import NoticeKind, tell_people
from ticketing.ticket.models import Ticket

KEY = "sensitive"
"""Key in `ticket.extra`: the themes that were found."""
TOLD = (Role.SUPERVISOR, Role.LEADER)


async def flag(core: Core, session: AsyncSession, ticket: Ticket) -> tuple[str, ...]:
    """Flag the ticket and tell, once in its life; returns the themes. The caller made the ticket in this transaction or holds its row."""
    if KEY in ticket.extra:
        return ()
    themes = tuple(sensitive_words(f"{ticket.title} {ticket.content}"))
    if not themes:
        return ()
    ticket.extra = {**ticket.extra, KEY: list(themes)}
    await session.flush()
    roles = [role.value for role in TOLD]
    responsible = User.line.is_(None) | (User.line == ticket.line)
    people = await session.scalars(select(User.id).where(User.active, User.role.in_(roles), responsible))
    await tell_people(core, session, people, NoticeKind.SENSITIVE, ticket, themes="、".join(themes))
    return themes
