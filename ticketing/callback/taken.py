"""A callback that the robot put through (回访转人工): who took its call has the task in hand and records what the citizen says.

An agent has no other right to callbacks (domain.md 4b): the task in hand is the right, and it ends with the recording, after the
lease of a clerk, or when the agent goes off duty (`tasks.return_abandoned`). See docs/decisions/0237.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict
from hotline.i18n import _
from ticketing.callback import book
from ticketing.callback.models import CallbackTask, Plan, TaskState
from ticketing.callback.questionnaire import kept_answers, read_answers
from ticketing.callback.tasks import open_task, put_back
from ticketing.callback.visit import finish_callback
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure, may
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

PERMISSION = "callback.record_taken"


async def in_hand(core: Core, session: AsyncSession, actor: Actor, *, number: str = "", lock: bool = False) -> Ticket | None:
    """The ticket whose callback this person has in hand, the newest first; `number`: this one or none. Secret ones are for nobody here."""
    if not may(actor, PERMISSION) or actor.user_id is None:
        return None
    wanted = (
        select(Ticket)
        .join(CallbackTask, CallbackTask.ticket_id == Ticket.id)
        .where(
            CallbackTask.claimed_by_id == actor.user_id,
            CallbackTask.claimed_until > core.clock.now(),
            CallbackTask.state == TaskState.OPEN.value,
            CallbackTask.plan == Plan.CLERK.value,
            Ticket.confidentiality != Confidentiality.SECRET.value,
        )
        .order_by(CallbackTask.claimed_until.desc(), CallbackTask.id)
        .limit(1)
    )
    if number:
        wanted = wanted.where(Ticket.number == number)
    return (await session.scalars(wanted.with_for_update(of=(Ticket, CallbackTask)) if lock else wanted)).first()


async def draft(session: AsyncSession, ticket: Ticket) -> dict[str, str]:
    """What the robot was told before, by question."""
    task = await open_task(session, ticket)
    return await kept_answers(session, await book.of_task(session, task), task)


async def record(core: Core, session: AsyncSession, actor: Actor, number: str, given: Mapping[str, str]) -> Ticket:
    """The citizen's answers, once: the same ending as a clerk's. 不满意 opens the second visit, which the clerks decide.

    Raises Conflict when the task is not in this person's hands (recorded meanwhile by whomever, or given back), InvalidInput.
    """
    ticket = await _held(core, session, actor, number)
    task = await open_task(session, ticket)
    answers = {key: value for key, value in given.items() if key not in ("cause", "rectification")}
    await finish_callback(core, session, actor, ticket, read_answers(await book.of_task(session, task), answers, by="clerk"))
    return ticket


async def leave(core: Core, session: AsyncSession, actor: Actor, number: str) -> None:
    """To the clerks' list: the citizen had no time, or would not say. Raises Conflict as `record`."""
    await put_back(core, session, actor, await _held(core, session, actor, number))


async def _held(core: Core, session: AsyncSession, actor: Actor, number: str) -> Ticket:
    ensure(actor, PERMISSION)
    ticket = await in_hand(core, session, actor, number=number, lock=True) if number else None
    if ticket is None:
        raise Conflict(_("这件回访已经不在你手上：已经有人记录，或者时间到了，回访员会接着打"))
    return ticket
