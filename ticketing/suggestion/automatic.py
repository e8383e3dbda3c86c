"""Dispatching without a person, only where that is safe. Off unless `HOTLINE_AUTO_DISPATCH_ABOVE` is set.

Never for secret or top-urgent tickets, anonymous reports of officials, dangers, sensitive words; never to the unit that is complained
about; never when the catalogue needs a place that was not told. The event says how sure the machine was and by which words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.suggestion.service import Suggestion, suggest_for
from ticketing.ticket.dispatch import Order, dispatch_order
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, DispatchMode, TicketState, Urgency

SEEN = "auto_dispatch"
"""Key in `ticket.extra`: what the machine decided about it, once."""
FRESH = timedelta(minutes=30)
"""An older ticket is a person's: switching the rule on does not empty the pile unseen."""


@dataclass(frozen=True)
class Decision:
    """Whether a ticket may be dispatched by the machine, and why not."""

    unit_id: int | None
    confidence: float
    why_not: str = ""
    mode: DispatchMode = DispatchMode.PHONE
    co_unit_ids: tuple[int, ...] = ()


def decide(ticket: Ticket, found: Suggestion, above: float) -> Decision:
    """The machine's decision. `above`: least confidence of category and unit, 0 < above <= 1; 0 switches it off."""
    confidence = min(found.categories[0].confidence if found.categories else 0.0, found.units[0].confidence if found.units else 0.0)
    why_not = _why_not(ticket, found, confidence, above)
    if why_not:
        return Decision(None, confidence, why_not)
    unit = found.units[0].unit
    return Decision(unit.id, confidence, mode=DispatchMode(found.rule.dispatch_mode) if found.rule else DispatchMode.PHONE)


def _why_not(ticket: Ticket, found: Suggestion, confidence: float, above: float) -> str:
    reasons = (
        (above <= 0, "off"),
        (ticket.confidentiality == Confidentiality.SECRET.value or found.confidential, "secret"),
        (ticket.urgency == Urgency.EMERGENCY.value or found.alarm is not None, "emergency"),
        (bool(found.sensitive), "sensitive"),
        (TicketState(ticket.state) not in (TicketState.REGISTERED, TicketState.TO_DISPATCH), "state"),
        (not ticket.district, "no_area"),
        (not found.units or not found.categories, "unknown"),
        (confidence < above, "unsure"),
        (bool(found.units) and (not found.units[0].unit.active or found.units[0].unit.id is None), "no_place"),
        (bool(found.units) and found.units[0].unit.id == ticket.reported_unit_id, "reported"),
        (found.reported is not None or ticket.reported_unit_id is not None, "reported"),
    )
    return next((why for holds, why in reasons if holds), "")


async def dispatch_if_sure(core: Core, session: AsyncSession, ticket: Ticket, above: float) -> Decision:
    """Dispatch a registered ticket by the machine when it may be. The caller holds the ticket's row lock."""
    if above <= 0:
        return Decision(None, 0.0, "off")
    found = await suggest_for(core, session, ticket)
    decision = decide(ticket, found, above)
    if decision.unit_id is None:
        return decision
    if ticket.category_code is None and found.category is not None:
        ticket.category_code = found.category.code
        await session.flush()
    why = {"automatic": True, "confidence": round(decision.confidence, 3), "words": list(found.words)}
    await dispatch_order(core, session, SYSTEM, ticket, Order(decision.unit_id, decision.mode, why=why))
    return decision


async def run(core: Core, database: Database, above: float, *, limit: int = 50) -> int:
    """One sweep over tickets that were registered just now; each is looked at once. Returns how many were dispatched."""
    done = 0
    for _number in range(limit if above > 0 else 0):
        async with database.transaction() as session:
            ticket = await session.scalar(_next(core))
            if ticket is None:
                break
            decision = await dispatch_if_sure(core, session, ticket, above)
            ticket.extra = {**ticket.extra, SEEN: decision.why_not or "dispatched"}
            done += decision.unit_id is not None
    return done


def _next(core: Core) -> Select[Ticket]:
    fresh = core.clock.now() - FRESH
    unseen = (Ticket.state == TicketState.REGISTERED.value) & (Ticket.received_at > fresh) & ~Ticket.extra.has_key(SEEN)
    return select(Ticket).where(unseen).order_by(Ticket.received_at).limit(1).with_for_update(skip_locked=True)
