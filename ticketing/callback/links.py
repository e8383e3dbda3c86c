"""A link to the rating page for one ticket and one round: 256 random bits, stored as a hash, good once and for some days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, NotFound
from hotline.i18n import _
from hotline.security import hash_token, new_token
from ticketing.callback import book, rules
from ticketing.callback.models import CallbackLink
from ticketing.callback.questionnaire import read_answers
from ticketing.callback.visit import finish_callback
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.people.actor import citizen_actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, TicketState

PATH = "/r/"
_LINK = re.compile(PATH + r"[A-Za-z0-9_-]{20,80}")
RATABLE = (TicketState.CALLBACK.value, TicketState.ANSWERED.value)


@dataclass(frozen=True)
class Opened:
    """What stands behind a link."""

    link: CallbackLink
    ticket: Ticket
    shows_answer: bool
    """Only to a number from which the citizen called: one that was typed into a form may be somebody else's (0090)."""

    @property
    def may_rate(self) -> bool:
        """Whether it can still be used: not used, the same round, and the ticket waits for it."""
        return self.link.used_at is None and self.ticket.round == self.link.round and self.ticket.state in RATABLE


def without_token(text: str) -> str:
    """`text` as the staff may read it: whoever opens a link rates in the citizen's name."""
    return _LINK.sub(f"{PATH}********", text)


async def create_link(core: Core, session: AsyncSession, ticket: Ticket, *, days: int | None = None) -> str:
    """A new link's path, for example /r/AbC…; the token exists in clear only here.

    It is good for so many days, by default as the rules in force say.
    """
    token, now = new_token(), core.clock.now()
    expires = now + timedelta(days=days or (await book.current(session, now)).link_days)
    session.add(CallbackLink(token_hash=hash_token(token), ticket_id=ticket.id, round=ticket.round, created_at=now, expires_at=expires))
    await session.flush()
    return PATH + token


async def open_link(core: Core, session: AsyncSession, token: str, *, lock: bool = False) -> Opened:
    """Ticket and link, the ticket locked for a change. Looking does not use it up: mail scanners and previews look.

    Raises the same NotFound for a token that never was, and one that is over.
    """
    now = core.clock.now()
    found = (await session.scalars(select(CallbackLink).where(CallbackLink.token_hash == hash_token(token)))).first()
    if found is None or found.expires_at <= now:
        raise NotFound(_("这个评价链接已经失效。您可以凭编号和查询码在网上评价，或等我们的电话"))
    statement = select(Ticket).where(Ticket.id == found.ticket_id)
    ticket = (await session.scalars(statement.with_for_update() if lock else statement)).one()
    if lock:
        await session.refresh(found, with_for_update=True)
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    known = citizen is not None and citizen.phone_verified
    return Opened(found, ticket, known and ticket.confidentiality != Confidentiality.SECRET.value)


async def rate_by_link(core: Core, session: AsyncSession, token: str, answers: Mapping[str, str]) -> Ticket:
    """The citizen rates by the link, once. Raises NotFound, IllegalStep (used, or another round), InvalidInput (questions)."""
    opened = await open_link(core, session, token, lock=True)
    if not opened.may_rate:
        raise IllegalStep(_("这件事已经评价过，或者已经进入下一轮办理"))
    result = read_answers(rules.load(), answers, by="link")
    await finish_callback(core, session, citizen_actor(opened.ticket.citizen_id), opened.ticket, result, by="link")
    opened.link.used_at = core.clock.now()
    await session.flush()
    return opened.ticket
