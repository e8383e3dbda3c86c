"""并单 and its undoing (T7, T34): the same matter of several people is handled once, and every one of them is told."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.deadline.service import start_dispatch_clock, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.relation.follow import follow, followers
from ticketing.relation.links import master_of
from ticketing.request.pending import withdraw_pending
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, TicketState, Urgency
from ticketing.ticket.steps import take_step, tell

_MASTERS = frozenset(state for state in TicketState if state.is_open) - {TicketState.DRAFT, TicketState.EMERGENCY_OUT, TicketState.ANSWERED}
"""States in which a ticket can take others in: somebody works on it, or will."""
ANSWERED = "reply.accepted"
"""The event with which the units' answer reaches the people."""


async def merge(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, master: Ticket, *, reason: str) -> None:
    """T7: `ticket` goes on as a part of `master`. Both must have come through `access_ticket`, locked in order of their ids.

    The person stays a person of the matter: he is told the master's number, keeps his own, and what he says under it
    reaches the master. Raises IllegalStep, InvalidInput.
    """
    if ticket.id == master.id:
        raise InvalidInput(_("不能与自己并单"), field="master")
    if TicketState(master.state) not in _MASTERS:
        raise IllegalStep(_("主件已经办结或不在办理，不能再并入"))
    if Confidentiality.SECRET.value in (ticket.confidentiality, master.confidentiality):
        raise IllegalStep(_("保密件不能并单"))
    if ticket.line != master.line:
        raise IllegalStep(_("两件工单不属于同一条热线，不能并单"))
    if ticket.urgency == Urgency.EMERGENCY.value and master.urgency != ticket.urgency:  # its quarter of an hour would end unheard
        raise IllegalStep(_("特急件不能并入不是特急的工单：请先办这一件，或把那一件并入这一件"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明为什么是同一件事"), field="reason")
    await take_step(
        core, session, actor, ticket, "merge",
        data={"master": master.number, "reason": reason.strip()[:500]}, master_id=master.id,
    )  # fmt: skip
    await stop_clocks(core, session, ticket.id, cancelled=True)
    await withdraw_pending(core, session, ticket)
    # what was merged into this one before follows it: there is one master, never a chain
    for each in await session.scalars(select(Ticket).where(Ticket.master_id == ticket.id).order_by(Ticket.id).with_for_update()):
        each.master_id, each.updated_at = master.id, core.clock.now()
        await tell(core, session, actor, each, "ticket.merged", {"master": master.number, "reason": reason.strip()[:500]}, public=True)
    ticket.interest_count = 1
    await _count(core, session, master)
    await tell(core, session, actor, master, "ticket.took_in", {"number": ticket.number, "interest": master.interest_count})
    if master.state == TicketState.CALLBACK.value:  # the answer was told before these people were among those who wait for it
        for each in await followers(session, master, ANSWERED):
            if each.answer != master.answer:
                await follow(core, session, SYSTEM, master, each, ANSWERED, {})


async def unmerge(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, reason: str) -> None:
    """T34: it is a different matter after all. Its dispatch clock counts from its own registration. Raises InvalidInput."""
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明为什么不是同一件事"), field="reason")
    master = await master_of(session, ticket)
    await take_step(core, session, actor, ticket, "unmerge", data={"reason": reason.strip()[:500]}, master_id=None, answer=None)
    await start_dispatch_clock(core, session, ticket, started_at=ticket.received_at)
    if master is not ticket:
        await _count(core, session, master)
        await tell(core, session, actor, master, "ticket.let_go", {"number": ticket.number, "interest": master.interest_count})


async def _count(core: Core, session: AsyncSession, master: Ticket) -> None:
    """The number of people behind the matter, counted anew."""
    await session.flush()
    merged = await session.scalar(select(func.count()).select_from(Ticket).where(Ticket.master_id == master.id))
    master.interest_count = 1 + int(merged or 0)
    master.updated_at = core.clock.now()
    await session.flush()


async def merged_into(session: AsyncSession, master_id: int) -> list[Ticket]:
    """The tickets that were merged into this one; for everybody to be told."""
    return list(await session.scalars(select(Ticket).where(Ticket.master_id == master_id).order_by(Ticket.id)))


__all__ = ["merge", "merged_into", "unmerge"]
