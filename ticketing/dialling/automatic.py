"""Return calls that were chosen instead of waiting (保留排队位置): when it is the caller's turn, the queue dials by itself.

The place is kept as if the caller had stayed on the line: who waits on the telephone and who waits at home are one order.
"""

from __future__ import annotations

import random

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.call_flow.document import Document
from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.dialling.models import Dial, DialState, Purpose
from ticketing.dialling.service import allowed_now, number_of, open_dial
from ticketing.duty.service import duty_of
from ticketing.people.actor import SYSTEM
from ticketing.queue.lineup import busy_agents, callers_waiting, ready_agents
from ticketing.queue.matching import Caller, pair
from ticketing.queue.models import Outcome, Waiting
from ticketing.queue.service import lock_queue
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

TRIES = 2
"""So often the queue dials; then the caller stays in the list of missed calls for a person."""
KEPT = "kept_place"
_MOST = 20


async def dial_owed(core: Core, session: AsyncSession, document: Document, chance: random.Random | None = None) -> int:
    """Begin the calls whose turn it is; returns how many. Part of the distributing, before those on the line are offered."""
    if not (await session.execute(_owed(core).limit(1))).first():
        return 0
    await lock_queue(session)
    mine = _owed(core).order_by(ReturnCall.created_at).limit(_MOST).with_for_update(of=(Ticket, ReturnCall), skip_locked=True)
    owed: dict[int, tuple[ReturnCall, Ticket]] = {}
    at_home = []
    for row in await session.execute(mine):
        options = document.queues.get(row.Waiting.queue)
        if options is None or not options.return_call_dial or not await _may_be_called(core, session, row.Ticket, row.ReturnCall):
            continue
        owed[row.ReturnCall.id] = (row.ReturnCall, row.Ticket)
        at_home.append(_caller(row.ReturnCall.id, row.Waiting, any_line=options.any_line))
    if not owed:
        return 0
    on_line, agents = await callers_waiting(core, session, document), await ready_agents(core, session)
    dialled: set[int] = set()
    for caller, agent in pair([*on_line, *at_home], agents, document.queues, chance or random.Random(), await busy_agents(session)):
        if caller.waiting_id >= 0 or caller.waiting_id in dialled:
            continue  # on the line: `distribute` offers them; or `ringall`: the first one who fits calls
        task, ticket = owed[-caller.waiting_id]
        duty = await duty_of(core, session, agent.user_id)
        await open_dial(core, session, SYSTEM, ticket, duty, Purpose.RETURN_CALL, task, automatic=True)
        dialled.add(caller.waiting_id)
    return len(dialled)


def _owed(core: Core) -> Select[ReturnCall, Ticket, Waiting]:
    """Those who chose it, with the place that they left. A secret ticket is for named people: a person dials."""
    now = core.clock.now()
    left = (Waiting.call_id == ReturnCall.call_id) & (Waiting.outcome == Outcome.RETURN_CALL.value)
    return (
        select(ReturnCall, Ticket, Waiting)
        .join(Ticket, Ticket.id == ReturnCall.ticket_id)
        .join(Waiting, left)
        .where(
            ReturnCall.state == "open",
            ReturnCall.reason == KEPT,
            ReturnCall.attempts < TRIES,
            or_(ReturnCall.next_attempt_at.is_(None), ReturnCall.next_attempt_at <= now),
            Ticket.confidentiality != Confidentiality.SECRET.value,
            ~exists().where(Dial.ticket_id == Ticket.id, Dial.state != DialState.OVER.value),
        )
    )


def _caller(number: int, left: Waiting, *, any_line: bool) -> Caller:
    """The caller at home, in the place that was left; negative so that nobody on the line has the number."""
    return Caller(
        -number, left.queue, left.line, left.language, left.dialect, left.weight, left.priority, left.entered_at, any_line=any_line,
        waited_s=((left.ended_at or left.entered_at) - left.entered_at).total_seconds(),
    )  # fmt: skip


async def _may_be_called(core: Core, session: AsyncSession, ticket: Ticket, owed: ReturnCall) -> bool:
    return await allowed_now(core, session, ticket, owed) and bool(await number_of(core, session, ticket, owed))
