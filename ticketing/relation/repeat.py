"""重复诉求 (D04-D06): a matter that comes again. Level 2: the unit explains; level 3: the supervisor investigates."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.relation.investigation import begin_when_due, level
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import tell
from ticketing.words import word

_NEVER_HANDLED = frozenset({TicketState.MERGED, TicketState.WITHDRAWN, TicketState.INVALID})
"""Ends without an answer of its own: nobody failed to solve it. What was merged is linked by its master."""
REPEAT_WITHIN = timedelta(days=90)
"""A matter that comes again later than this is a new one (domain.md 4d, 重复诉求率)."""


async def link(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, earlier: Ticket) -> None:
    """Say that `ticket` is the same unsolved matter as `earlier`, which has ended. Both came through `access_ticket`.

    While the earlier one is open, it is merged instead. Raises IllegalStep, InvalidInput.
    """
    if ticket.id == earlier.id or await _leads_to(session, earlier, ticket.id):
        raise InvalidInput(_("不能与自己关联"), field="earlier")
    if ticket.repeat_of_id is not None:
        raise IllegalStep(_("这件工单已经关联过以前的工单"))
    if not TicketState(ticket.state).is_open:
        raise IllegalStep(_("这件工单已经结束"))
    if TicketState(earlier.state).is_open:
        raise IllegalStep(_("以前的工单还在办理，请并单"))
    if TicketState(earlier.state) in _NEVER_HANDLED:
        raise IllegalStep(_("以前那件没有办理过（{state}），不算重复反映").format(state=word("state", earlier.state)))
    if earlier.received_at > ticket.received_at or ticket.received_at - earlier.received_at > REPEAT_WITHIN:
        raise InvalidInput(_("只能关联{days}天以内较早的工单").format(days=REPEAT_WITHIN.days), field="earlier")
    ticket.repeat_of_id, ticket.repeat_level = earlier.id, level(earlier) + 1
    ticket.updated_at = core.clock.now()
    await session.flush()
    await tell(core, session, actor, ticket, "ticket.repeat_linked", {"earlier": earlier.number, "level": level(ticket)})
    await begin_when_due(core, session, actor, ticket)


async def _leads_to(session: AsyncSession, earlier: Ticket, ticket_id: int) -> bool:
    """Whether the chain of `earlier` goes through the ticket; bounded, a chain is short."""
    seen: set[int] = set()
    current: int | None = earlier.repeat_of_id
    while current is not None and current not in seen:
        if current == ticket_id:
            return True
        seen.add(current)
        current = await session.scalar(select(Ticket.repeat_of_id).where(Ticket.id == current))
    return False
