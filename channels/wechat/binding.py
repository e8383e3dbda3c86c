"""The telephone number of somebody who is known by openid: bound after a one-time code, and the tickets of both."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person_vault, phone_number
from ticketing.context import Core
from ticketing.people.actor import citizen_actor
from ticketing.ticket.access import own_tickets, tickets_of_number
from ticketing.ticket.models import Ticket

MOST = 20


async def bind(core: Core, session: AsyncSession, citizen: Citizen, number: str) -> None:
    """Make `number` (E.164, proved just now) the verified number of this person.

    Whoever was known by it alone before (a caller) is the same person from now on: the next call finds this row, so WeChat
    notices reach callers too. The earlier row keeps its number and its tickets, which `tickets` finds by the number.
    """
    hashes = core.vault.fingerprints(number, "phone")
    others = select(Citizen).where(Citizen.phone_hash.in_(hashes), Citizen.phone_verified, Citizen.id != citizen.id)
    for other in await session.scalars(others.with_for_update()):
        other.phone_verified = False
    await session.flush()  # before ours: one verified row for each number
    vault = person_vault(core, citizen)
    if vault is None:
        raise NotFound(_("个人信息已经清除，请重新关注公众号"))
    citizen.phone_sealed, citizen.phone_hash, citizen.phone_verified = vault.seal(number, "phone"), hashes[0], True
    who = citizen_actor(citizen.id).who
    await record(session, at=core.clock.now(), name="person.phone_bound", subject="person", subject_id=citizen.id, who=who, data={})
    await session.flush()


async def tickets(core: Core, session: AsyncSession, citizen: Citizen) -> list[Ticket]:
    """The person's own tickets, and those of the bound number, newest first."""
    found = {ticket.id: ticket for ticket in await own_tickets(session, citizen.id, limit=MOST)}
    number = phone_number(core, citizen) if citizen.phone_verified else None
    if number is not None:
        found |= {ticket.id: ticket for ticket in await session.scalars(tickets_of_number(core, number).limit(MOST))}
    return sorted(found.values(), key=lambda ticket: -ticket.id)[:MOST]
