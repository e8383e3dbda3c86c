"""What happens to a master is told to every person whose ticket was merged into it, under that person's own number.

Only the steps of the matter, in neutral words: what the master's citizen said, whether he was satisfied, what was explained to him
and where he lives stay his. The answer reaches everybody. What would end the matter for people who were never asked (不予受理,
无法联系, 无效, 撤回) asks for 先拆分 instead (`links.refuse_while_followed`); danger waits for nothing, so 转紧急热线 is told on.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import record
from ticketing.context import Core
from ticketing.notice.service import on_followed
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState

GOES_ON = "ticket.goes_on"
"""It is worked on once more. Why is between the master's citizen and the hotline."""
_ENDED = "ticket.closed"
FOLLOWED: dict[str, str] = {
    "ticket.dispatched": "ticket.dispatched",
    "ticket.suspended": "ticket.suspended",
    "ticket.resumed": "ticket.resumed",
    "ticket.emergency_transferred": "ticket.emergency_transferred",
    "ticket.emergency_followed": _ENDED,
    "ticket.answered": "ticket.answered",
    "ticket.evaluated": _ENDED,
    "extension.approved": "extension.approved",
    "reply.accepted": "reply.accepted",
    "procedure.concluded": "procedure.concluded",
    "ticket.redo": GOES_ON,
    "ticket.reopened": GOES_ON,
    "ticket.closed": _ENDED,
    "ticket.closed_disputed": _ENDED,
}
"""The master's event -> the event under the merged ticket's number."""
_SAFE = ("review_on", "due", "mode", "target", "result")
"""What of the event's data may be said to another citizen. Not the states: the merged ticket stays merged."""
_NOTICE_SAFE = (*_SAFE, "lead", "review_date", "reason_class")
"""What of it a notice to another citizen may hold; `reason_class` is a word of a list, never somebody's own."""


def followed_as(master: Ticket, name: str) -> str | None:
    """The event's name under a merged ticket's number, by where the master stands now; None: not followed."""
    wanted = FOLLOWED.get(name)
    if wanted == _ENDED and TicketState(master.state).is_open:
        return GOES_ON
    return wanted


async def followers(session: AsyncSession, master: Ticket, name: str) -> list[Ticket]:
    """The merged tickets that hear of this event of their master, locked in order."""
    if master.interest_count <= 1 or (name not in FOLLOWED and name != "assignment.created"):
        return []
    statement = select(Ticket).where(Ticket.master_id == master.id, Ticket.state == TicketState.MERGED.value)
    return list(await session.scalars(statement.order_by(Ticket.id).with_for_update()))


async def follow(core: Core, session: AsyncSession, actor: Actor, master: Ticket, each: Ticket, name: str, data: dict[str, Any]) -> None:
    """Write the event under the merged ticket's number and tell its person; the master's answer becomes its answer too.

    The units of the matter stand with the master alone: `assignment.created` is told (by whom, until when) and not written.
    """
    if master.answer is not None:
        each.answer = master.answer
    own = followed_as(master, name)
    if own is not None:
        await record(
            session,
            at=core.clock.now(),
            name=own,
            subject="ticket",
            subject_id=each.id,
            who=actor.who,
            data={**_only(data, _SAFE), "master": master.number},
            public=True,
            notify={"number": each.number, "state": each.state},
        )
    await on_followed(core, session, master, each, own or name, _only(data, _NOTICE_SAFE))


def _only(data: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}
