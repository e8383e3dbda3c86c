"""Tries to reach the citizen: three on two different days, then 未联系上 (domain.md 4a, principle 5)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.calendar.service import work_calendar
from ticketing.callback import book
from ticketing.callback.models import CallbackAttempt, CallbackTask, Plan, TaskState
from ticketing.callback.schedule import after_attempt
from ticketing.callback.tasks import finish, open_task, refuse_author, refuse_nobody, release
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import stop_clocks
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import take_step, tell

OUTCOMES = ("no_answer", "busy", "wrong_number", "refused")
"""What a caller may report. «refused» ends the task: reached, but the citizen does not want to rate."""
COUNTED = ("no_answer", "busy", "wrong_number")
"""A link that was sent counts when it stayed without an answer: `batch` turns it into `no_answer` then."""


async def record_attempt(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, outcome: str, *, note: str = "", channel: str = "phone"
) -> bool:
    """The citizen did not answer the questions. True when that closed the ticket.

    It closes after three tries on two different days as 未联系上, and at once when the citizen refuses to rate; both are
    counted apart from those who were reached. Raises InvalidInput, NotAllowed (author), IllegalStep (no open task).
    """
    if outcome not in OUTCOMES:
        raise InvalidInput(_("请选择没有联系上的原因"), field="outcome")
    await refuse_author(session, actor, ticket)
    task = await open_task(session, ticket)
    refuse_nobody(task)
    await add_attempt(core, session, actor, task, outcome, note=note, channel=channel)
    await tell(core, session, actor, ticket, "callback.attempted", {"outcome": outcome, "channel": channel, "n": task.attempts})
    return await settle(core, session, actor, ticket, task, outcome)


async def add_attempt(
    core: Core, session: AsyncSession, actor: Actor, task: CallbackTask, outcome: str, *, note: str = "", channel: str = "phone"
) -> CallbackAttempt:
    """Write one attempt that is over, or that begins now (`running`)."""
    now = core.clock.now()
    last = await session.scalar(select(func.max(CallbackAttempt.number)).where(CallbackAttempt.task_id == task.id))
    attempt = CallbackAttempt(
        task_id=task.id,
        number=(last or 0) + 1,
        at=now,
        ended_at=None if outcome == "running" else now,
        channel=channel,
        outcome=outcome,
        note=note.strip()[:1000],
        user_id=actor.user_id,
    )
    session.add(attempt)
    count(core, task, outcome)
    await session.flush()
    return attempt


def count(core: Core, task: CallbackTask, outcome: str, *, at: datetime | None = None) -> None:
    """Count a try that did not reach the citizen (made `at`, default now); what failed on our side is none."""
    if outcome not in COUNTED:
        return
    day = to_city(at or core.clock.now()).date()
    task.attempts = (task.attempts or 0) + 1
    task.first_attempt_day, task.last_attempt_day = task.first_attempt_day or day, day


async def settle(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, task: CallbackTask, outcome: str, *, goes_on: bool = False
) -> bool:
    """What follows from an attempt: closed as refused or unreached (True), or the next one is planned.

    `goes_on`: the citizen answered part of it, so the machine keeps the task instead of leaving it to who takes over.
    """
    found = await book.of_task(session, task)
    by = "clerk" if actor.user_id is not None else "robot"
    if outcome == "refused":
        await close_without_answer(core, session, actor, ticket, task, TaskState.REFUSED, "refused_to_rate", by=by)
        return True
    days = 0 if task.first_attempt_day is None else 1 + (task.last_attempt_day != task.first_attempt_day)
    if task.attempts >= found.attempts["count"] and days >= 2 and await _enough_days(session, task, found.attempts["days"]):
        await close_without_answer(core, session, actor, ticket, task, TaskState.UNREACHED, "unreached", by=by)
        return True
    calendar = await work_calendar(session)
    first_day = task.first_attempt_day or to_city(core.clock.now()).date()
    task.next_attempt_at = after_attempt(
        found, calendar, core.clock.now(), outcome, attempts=task.attempts, first_day=first_day, preferred=ticket.preferred_time
    )
    rule = found.rule(task.rule)
    if task.plan in (Plan.ROBOT.value, Plan.SMS.value, Plan.WECHAT.value) and rule is not None and outcome != "failed" and not goes_on:
        task.plan = rule.fallback.value
    release(task)
    await session.flush()
    return False


async def _enough_days(session: AsyncSession, task: CallbackTask, wanted: int) -> bool:
    if wanted <= 2:
        return True
    tried = select(CallbackAttempt.at).where(CallbackAttempt.task_id == task.id, CallbackAttempt.outcome.in_(COUNTED))
    return len({to_city(at).date() for at in await session.scalars(tried)}) >= wanted


async def close_without_answer(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, task: CallbackTask, state: TaskState, reason: str, *, by: str
) -> None:
    """T22 without a result: the reason is written down and counted apart, never as satisfied."""
    finish(core, task, state, by=by, user_id=actor.user_id)
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    data = {"attempts": task.attempts, "reason": reason, "rule": task.rule}
    await take_step(core, session, actor, ticket, "close_unreached", data=data, no_callback_reason=reason)
