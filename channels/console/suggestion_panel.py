"""What the machine makes of a new appeal, asked for after its page is shown: whose it is, why, and which open tickets are like it.

The ticket page stays quick, and never waits while the model is being learned (docs/decisions/0190). The same address opened by
itself is a page that lays the ticket beside those like it, for merging.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import fragment, page
from channels.console.relation_steps import RELATION_PERMISSIONS
from channels.console.session import require_may, staff
from channels.console.ticket_view import waits_for_dispatch
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.errors import NotFound
from hotline.events import history
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.suggestion import store
from ticketing.suggestion.service import Suggestion, suggest_for
from ticketing.suggestion.similar import Similar, similar_open
from ticketing.ticket.access import access_ticket, visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, TicketState

_READY = frozenset({TicketState.REGISTERED.value, TicketState.TO_DISPATCH.value})
"""Where a ticket can be dispatched at once."""
LEAST_SHARE = 0.5
"""Below it the first unit is no more than a hint, and no single key sends the ticket there."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/suggestion: a part of the ticket page for htmx, else the comparison as a page."""
    require_may(request, "ticket.see")
    core, actor = request.app[CORE], staff(request).actor
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_ticket(core, session, actor, request.match_info["number"])
        if not waits_for_dispatch(ticket, actor):
            if is_fragment(request):
                return web.Response(status=204)
            raise NotFound(_("这张工单已经派出，没有建议"))
        similar = await similar_open(core, session, actor, ticket)
        if not is_fragment(request):
            return await _compare(request, session, actor, ticket, similar)
        proposal = await suggest_for(core, session, ticket) if store.at_hand(core.data_dir) is not None else None
    values: dict[str, Any] = {"ticket": ticket, "p": proposal, "similar": similar, "seen": whole_number(request.query.get("seen"))}
    values |= {"version": whole_number(request.query.get("version")), "offer": usual_order(actor, ticket, proposal)}
    return fragment(request, "console/_suggestion_panel.html", **values)


@dataclass(frozen=True)
class UsualOrder:
    """A dispatch as the machine would do it: to its first unit, by telephone, as urgent as it is."""

    unit: str
    fields: dict[str, str]
    """Of the dispatch form."""


def usual_order(actor: Actor, ticket: Ticket, proposal: Suggestion | None) -> UsualOrder | None:
    """What one key sends. None when a person should look closer: danger, no unit that is likely enough, or not to be dispatched now."""
    if proposal is None or proposal.alarm is not None or not may(actor, "ticket.dispatch") or ticket.state not in _READY:
        return None
    first, category = next(iter(proposal.units), None), proposal.category
    code = ticket.category_code or (category.code if category else "")
    if first is None or not first.unit.active or not first.unit.id or first.confidence < LEAST_SHARE or not code:
        return None
    fields = {"category_code": code, "unit_id": str(first.unit.id), "urgency": ticket.urgency, "mode": DispatchMode.PHONE.value}
    return UsualOrder(first.unit.name, {**fields, "handling": ticket.handling_kind})


async def _compare(request: web.Request, session: AsyncSession, actor: Actor, ticket: Ticket, similar: list[Similar]) -> web.Response:
    others = await _tickets(request.app[CORE], session, actor, [item.number for item in similar])
    events = await history(session, "ticket", ticket.id)
    pairs = [(item, others[item.number]) for item in similar if item.number in others]
    can_merge, seen = may(actor, RELATION_PERMISSIONS["merge"]), events[-1].seq if events else 0
    return page(request, "console/compare.html", nav="tickets", ticket=ticket, can_merge=can_merge, pairs=pairs, seen=seen)


async def _tickets(core: Core, session: AsyncSession, actor: Actor, numbers: list[str]) -> dict[str, Ticket]:
    found = await session.scalars(select(Ticket).where(Ticket.number.in_(numbers), visible(core, actor)))
    return {ticket.number: ticket for ticket in found}


__all__ = ["UsualOrder", "show", "usual_order"]
