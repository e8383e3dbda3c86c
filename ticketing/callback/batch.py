"""The sweep of callbacks: links that are due go out, what stayed without an answer is counted, abandoned tasks go back.

Every step takes ticket rows with SKIP LOCKED in a transaction of its own, so that several schedulers may run, and one
ticket that fails holds up no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import logs
from hotline.database import Database
from hotline.errors import HotlineError
from ticketing.calendar.service import work_calendar
from ticketing.callback import book
from ticketing.callback.attempts import add_attempt, close_without_answer, count, settle
from ticketing.callback.links import create_link
from ticketing.callback.models import CallbackAttempt, CallbackTask, Plan, TaskState
from ticketing.callback.schedule import may_call, next_slot
from ticketing.callback.tasks import find_open, release, return_abandoned
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.notice import templates
from ticketing.notice.service import notify, way
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

log = logs.get(__name__)
_WECHAT_GRACE = timedelta(minutes=30)
"""WeChat asks by itself as long as the citizen may be written to; after this the fallback takes over."""
_AT_ONCE = 200
SKIP_REASONS = {"anonymous": "anonymous", "no-contact": "no_way_to_ask"}

Step = Callable[[Core, AsyncSession, Ticket, CallbackTask], Awaitable[None]]


async def run(core: Core, database: Database) -> int:
    """One tick; returns how many tasks were moved."""
    async with database.transaction() as session:
        moved = await return_abandoned(core, session)
        now = core.clock.now()
        found = await book.current(session, now)
    moved += await _each(core, database, CallbackTask.skip_at <= now, _skip)
    if may_call(found.hours, now):
        due = CallbackTask.next_attempt_at <= now
        moved += await _each(core, database, due & (CallbackTask.plan == Plan.SMS.value), _by_link)
        shut = CallbackTask.next_attempt_at <= now - _WECHAT_GRACE
        moved += await _each(core, database, shut & (CallbackTask.plan == Plan.WECHAT.value), _past_wechat)
    return moved


async def _each(core: Core, database: Database, which: ColumnElement[bool], step: Step) -> int:
    """Do `step` with each open task, one transaction for each; one that fails is logged and met again at the next tick."""
    statement = select(CallbackTask.ticket_id).where(CallbackTask.state == TaskState.OPEN.value, CallbackTask.claim.is_(None), which)
    async with database.transaction() as session:
        tickets = list(await session.scalars(statement.order_by(CallbackTask.id).limit(_AT_ONCE)))
    done = 0
    for ticket_id in tickets:
        try:
            async with database.transaction() as session:
                locked = select(Ticket).where(Ticket.id == ticket_id).with_for_update(skip_locked=True)
                ticket = (await session.scalars(locked)).first()
                task = await find_open(session, ticket) if ticket is not None else None
                still = select(CallbackTask.id).where(CallbackTask.ticket_id == ticket_id, CallbackTask.state == "open", which)
                if ticket is None or task is None or await session.scalar(still) is None:
                    continue
                await step(core, session, ticket, task)
                done += 1
        except HotlineError as error:
            log.warning("callback sweep", ticket=ticket_id, error=error.code)
    return done


async def _skip(core: Core, session: AsyncSession, ticket: Ticket, task: CallbackTask) -> None:
    """Nobody was to ask, and the citizen did not rate in time. The result was told as a notice (F01)."""
    reason = SKIP_REASONS.get(task.rule, "not_sampled")
    await close_without_answer(core, session, SYSTEM, ticket, task, TaskState.SKIPPED, reason, by="system")


async def _by_link(core: Core, session: AsyncSession, ticket: Ticket, task: CallbackTask) -> None:
    """Send a link; one that got no answer since the last time counts as an attempt, and the fallback may take over."""
    if await _unanswered(core, session, ticket, task) or task.plan != Plan.SMS.value:
        return
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    if citizen is None or way(core, ticket, citizen, templates.load().template("callback_link")) is None:
        task.plan = Plan.CLERK.value  # the number or the account is gone: a person looks at it
        return
    days = (await book.of_task(session, task)).link_days
    link = await create_link(core, session, ticket, days=days)
    await notify(core, session, ticket, "callback_link", link=link, days=str(days))
    await note_sent(core, session, ticket, channel="sms")


async def _past_wechat(core: Core, session: AsyncSession, ticket: Ticket, task: CallbackTask) -> None:
    """WeChat asked and nobody answered, or could not ask: the fallback takes over now."""
    if await _unanswered(core, session, ticket, task):
        return
    found = await book.of_task(session, task)
    if task.plan == Plan.WECHAT.value:
        rule = found.rule(task.rule)
        task.plan = (rule.fallback if rule else Plan.CLERK).value
    if task.plan == Plan.WECHAT.value:  # a rule that falls back to itself would never end
        task.plan = Plan.CLERK.value
    task.next_attempt_at = next_slot(found, await work_calendar(session), core.clock.now(), ticket.preferred_time)


async def _unanswered(core: Core, session: AsyncSession, ticket: Ticket, task: CallbackTask) -> bool:
    """Turn a link or question that was sent and not answered into an attempt. True when that closed the ticket."""
    statement = select(CallbackAttempt).where(CallbackAttempt.task_id == task.id, CallbackAttempt.outcome == "sent")
    attempt = (await session.scalars(statement.order_by(CallbackAttempt.number.desc()).limit(1))).first()
    if attempt is None:
        return False
    attempt.outcome, attempt.ended_at = "no_answer", core.clock.now()
    count(core, task, "no_answer", at=attempt.at)
    data = {"outcome": "no_answer", "channel": attempt.channel, "n": task.attempts}
    await tell(core, session, SYSTEM, ticket, "callback.attempted", data)
    return await settle(core, session, SYSTEM, ticket, task, "no_answer")


async def note_sent(core: Core, session: AsyncSession, ticket: Ticket, *, channel: str) -> None:
    """A link or a question went out: the next look is a day later, at a time that suits the citizen."""
    task = await find_open(session, ticket)
    if task is None:
        return
    await add_attempt(core, session, SYSTEM, task, "sent", channel=channel)
    if task.plan == channel:
        found = await book.of_task(session, task)
        later = core.clock.now() + found.pause_after("sent")
        task.next_attempt_at = next_slot(found, await work_calendar(session), later, ticket.preferred_time)
        release(task)
    await tell(core, session, SYSTEM, ticket, "callback.link_sent", {"channel": channel, "round": task.round})
