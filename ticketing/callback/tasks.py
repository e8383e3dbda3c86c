"""A callback task from its opening to its end: who is to carry it out, when, and who has it in hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, Exists, Select, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, NotAllowed
from hotline.i18n import _
from ticketing.assignment.models import Assignment, Reply
from ticketing.calendar.service import work_calendar
from ticketing.callback import book
from ticketing.callback.models import CallbackAttempt, CallbackTask, Plan, SecondVisit, TaskKind, TaskState
from ticketing.callback.rules import Chosen, Rules
from ticketing.callback.schedule import next_slot
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.deadline.service import start_policy_clock
from ticketing.notice.service import is_mobile
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import LoginSession, User
from ticketing.people.permissions import may
from ticketing.ticket.access import midnight, visible_to
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality
from ticketing.ticket.steps import tell

ANONYMOUS = "anonymous"
"""The rule of tickets whose citizen left no way."""


async def open_callback(core: Core, session: AsyncSession, ticket: Ticket) -> CallbackTask:
    """Open the round's callback task by the rules, and its clock."""
    now = core.clock.now()
    found = await book.current(session, now)
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    chosen = choose(core, found, ticket, citizen)
    nobody = chosen.plan is Plan.NONE
    task = CallbackTask(
        ticket_id=ticket.id,
        round=ticket.round,
        state=TaskState.OPEN.value,
        plan=chosen.plan.value,
        rule=chosen.rule,
        rules_version=found.conduct_version,
        created_at=now,
        next_attempt_at=None if nobody else next_slot(found, await work_calendar(session), now, ticket.preferred_time),
        skip_at=now + timedelta(days=found.rating_days) if nobody else None,
    )
    session.add(task)
    await start_policy_clock(core, session, ticket, ClockKind.CALLBACK)
    return task


def choose(core: Core, found: Rules, ticket: Ticket, citizen: Citizen | None) -> Chosen:
    """The plan for a ticket. Nobody can be called back who left no way: rule `anonymous`, whatever the file says.

    A link by SMS needs a mobile number, WeChat an account; without them a person calls.
    """
    if ticket.anonymous or citizen is None or not (citizen.phone_sealed or citizen.openid_sealed):
        return Chosen(ANONYMOUS, Plan.NONE)
    if ticket.confidentiality == Confidentiality.SECRET.value:
        return Chosen("secret", Plan.CLERK)  # no machine and no link: a named person
    chosen = found.choose(ticket.number, facts(ticket, citizen))
    ways = {Plan.WECHAT: citizen.openid_sealed is not None, Plan.SMS: is_mobile(core, citizen)}
    if ways.get(chosen.plan, True):
        return chosen
    other = Plan.SMS if chosen.plan is Plan.WECHAT else Plan.WECHAT
    return Chosen(chosen.rule, other if ways[other] else Plan.CLERK)


def facts(ticket: Ticket, citizen: Citizen | None) -> dict[str, str]:
    """What the rules may ask of a ticket."""
    return {
        "kind": ticket.kind,
        "channel": ticket.channel,
        "urgency": ticket.urgency,
        "policy": ticket.policy_key or "",
        "contact_by": ticket.contact_by,
        "needs": citizen.needs if citizen else "",
        "source": ticket.source,
        "handling_kind": ticket.handling_kind,
    }


async def find_open(session: AsyncSession, ticket: Ticket) -> CallbackTask | None:
    """The open callback task, locked."""
    statement = select(CallbackTask).where(CallbackTask.ticket_id == ticket.id, CallbackTask.state == TaskState.OPEN.value)
    return (await session.scalars(statement.with_for_update())).first()


async def open_task(session: AsyncSession, ticket: Ticket) -> CallbackTask:
    """The open callback task, locked; raises IllegalStep when there is none."""
    task = await find_open(session, ticket)
    if task is None:
        raise IllegalStep(_("这张工单现在没有待回访的任务"))
    return task


async def open_visit(session: AsyncSession, ticket: Ticket) -> SecondVisit | None:
    """The second visit that 不满意 opened and nobody decided yet, locked."""
    statement = select(SecondVisit).where(SecondVisit.ticket_id == ticket.id, SecondVisit.state == "open")
    return (await session.scalars(statement.with_for_update())).first()


async def refuse_author(session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """Who wrote or signed a reply of the ticket may not call back (4b). The database refuses it as well."""
    if actor.user_id is None:
        return
    wrote = (
        select(Reply.id)
        .join(Assignment, Assignment.id == Reply.assignment_id)
        .where(Assignment.ticket_id == ticket.id, or_(Reply.author_id == actor.user_id, Reply.signed_off_by_id == actor.user_id))
        .limit(1)
    )
    if await session.scalar(wrote) is not None:
        raise NotAllowed(_("不能回访自己起草或审签答复的工单"))


def refuse_nobody(task: CallbackTask) -> None:
    """Raises IllegalStep where there is no way to the citizen: no clerk can have heard what is written down as his word."""
    if task.rule == ANONYMOUS:
        raise IllegalStep(_("匿名反映，没有联系方式，不能回访；市民可以自己评价，到期没有评价的自动办结"))


def finish(core: Core, task: CallbackTask, state: TaskState, *, by: str, user_id: int | None) -> None:
    """End the task and whatever lease is on it."""
    task.state, task.finished_at, task.by, task.user_id = state.value, core.clock.now(), by, user_id
    task.next_attempt_at = None
    release(task)


def release(task: CallbackTask) -> None:
    """Nobody has it in hand any more."""
    task.claim, task.claimed_until, task.claimed_by_id = None, None, None


async def cancel_open(core: Core, session: AsyncSession, ticket: Ticket) -> None:
    """The matter was taken back or is invalid: nobody is called any more."""
    now = core.clock.now()
    task = await find_open(session, ticket)
    if task is not None:
        running = CallbackAttempt.outcome == "running"
        await session.execute(
            update(CallbackAttempt).where(CallbackAttempt.task_id == task.id, running).values(outcome="failed", ended_at=now)
        )
        finish(core, task, TaskState.CANCELLED, by="system", user_id=None)
    visit = await open_visit(session, ticket)
    if visit is not None:
        visit.state, visit.decided_at = "cancelled", now
    await session.flush()


def queue(core: Core, actor: Actor, now: datetime) -> Select[CallbackTask, Ticket, datetime | None]:
    """Open tasks for a person that are due and in nobody's hand, oldest deadline first."""
    due = func.coalesce(Deadline.due_at, CallbackTask.next_attempt_at)
    return (
        select(CallbackTask, Ticket, Deadline.due_at)
        .join(Ticket, Ticket.id == CallbackTask.ticket_id)
        .outerjoin(
            Deadline,
            and_(Deadline.ticket_id == Ticket.id, Deadline.kind == ClockKind.CALLBACK.value, Deadline.state == ClockState.RUNNING.value),
        )
        .where(ready(now), ~wrote(actor), visible_to(actor, midnight(core), one_by_one=True))  # open tasks are few beside the tickets
        .order_by(due, CallbackTask.id)
    )


def ready(now: datetime) -> ColumnElement[bool]:
    """Open tasks for a person that are due and in nobody's hand."""
    return and_(
        CallbackTask.state == TaskState.OPEN.value,
        CallbackTask.plan == Plan.CLERK.value,
        CallbackTask.next_attempt_at <= now,
        or_(CallbackTask.claimed_until.is_(None), CallbackTask.claimed_until <= now),
    )


def wrote(actor: Actor) -> Exists:
    """Whether the actor wrote or signed a reply of the ticket: such a task is never for them."""
    statement = select(Reply.id).join(Assignment, Assignment.id == Reply.assignment_id).where(Assignment.ticket_id == Ticket.id)
    return statement.where(or_(Reply.author_id == actor.user_id, Reply.signed_off_by_id == actor.user_id)).exists()


async def pull_next(core: Core, session: AsyncSession, actor: Actor) -> Ticket | None:
    """Take the most pressing task into this person's hands; None when nothing is due (lesson 23: oldest deadline first).

    What the person already has in hand comes back first, so that pressing the button twice takes one.
    """
    if not may(actor, "callback.visit"):
        raise NotAllowed(_("你的岗位不能回访"))
    now = core.clock.now()
    held = select(Ticket).join(CallbackTask, CallbackTask.ticket_id == Ticket.id)
    held = held.where(CallbackTask.claimed_by_id == actor.user_id, CallbackTask.state == "open", CallbackTask.claimed_until > now)
    ticket = await session.scalar(held.where(CallbackTask.next_attempt_at <= now).limit(1).with_for_update(of=Ticket))
    if ticket is None:
        # both rows, so that a task claimed since this statement began is seen as claimed; one that somebody works on is left out
        row = (await session.execute(queue(core, actor, now).limit(1).with_for_update(of=(Ticket, CallbackTask), skip_locked=True))).first()
        ticket = row.Ticket if row else None
    if ticket is None:
        return None
    task = await find_open(session, ticket)
    if task is None:
        return None
    await take(core, session, actor, ticket, task)
    return ticket


async def take(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, task: CallbackTask) -> None:
    """Put a task into a person's hands. Raises IllegalStep when somebody else has it."""
    now = core.clock.now()
    if task.claimed_until is not None and task.claimed_until > now and task.claimed_by_id != actor.user_id:
        raise IllegalStep(_("这件回访已经有人在打"))
    await refuse_author(session, actor, ticket)
    if task.claimed_by_id != actor.user_id:
        await tell(core, session, actor, ticket, "callback.taken", {"round": task.round})
    minutes = (await book.of_task(session, task)).lease["clerk"]
    task.claim, task.claimed_by_id, task.claimed_until = uuid4(), actor.user_id, now + timedelta(minutes=minutes)
    await session.flush()


async def put_back(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """A clerk gives a task back that was not tried."""
    task = await open_task(session, ticket)
    if task.claimed_by_id != actor.user_id:
        raise IllegalStep(_("这件回访不在你手上"))
    release(task)
    await tell(core, session, actor, ticket, "callback.put_back", {"round": task.round})


async def return_abandoned(core: Core, session: AsyncSession, limit: int = 100) -> int:
    """Tasks in the hands of somebody who went off duty, or did nothing for half an hour, go back to the queue (lesson 23).

    Off duty: the account is off or has no log-in that is still good. Each leaves an activity entry. Returns how many.
    """
    now = core.clock.now()
    on_duty = (
        select(LoginSession.id)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.user_id == CallbackTask.claimed_by_id, LoginSession.expires_at > now, User.active)
    )
    statement = (
        select(Ticket)
        .join(CallbackTask, CallbackTask.ticket_id == Ticket.id)
        .where(
            CallbackTask.state == TaskState.OPEN.value,
            CallbackTask.claim.is_not(None),
            or_(CallbackTask.claimed_until <= now, and_(CallbackTask.claimed_by_id.is_not(None), ~on_duty.exists())),
        )
        .limit(limit)
        .with_for_update(of=(Ticket, CallbackTask), skip_locked=True)
    )
    returned = 0
    for ticket in list(await session.scalars(statement)):
        task = await find_open(session, ticket)
        if task is None or task.claim is None:
            continue
        late = task.claimed_until is not None and task.claimed_until <= now
        data = {"round": task.round, "holder": task.claimed_by_id, "why": "lease_over" if late else "off_duty"}
        await _fail_running(session, task, now)
        release(task)
        await tell(core, session, SYSTEM, ticket, "callback.returned", data)
        returned += 1
    return returned


async def _fail_running(session: AsyncSession, task: CallbackTask, now: datetime) -> None:
    """An attempt whose caller died was never an attempt of the citizen's: it stays as failed and does not count."""
    running = (CallbackAttempt.task_id == task.id) & (CallbackAttempt.outcome == "running")
    await session.execute(update(CallbackAttempt).where(running).values(outcome="failed", ended_at=now))


async def evaluated(session: AsyncSession, ticket: Ticket) -> bool:
    """Whether the citizen has rated an answer on the spot: one evaluation per matter (T30)."""
    statement = select(CallbackTask.id).where(CallbackTask.ticket_id == ticket.id, CallbackTask.kind == TaskKind.EVALUATION.value)
    return await session.scalar(statement.limit(1)) is not None
