"""How a machine carries out an attempt: a phone robot, WeChat, or whatever sends links. It needs these four calls and no table.

    task = await next_task(core, session, Plan.ROBOT)       # claimed for ten minutes, or None
    await start_attempt(core, session, task.lease)          # the number is being dialled
    await record_answers(core, session, task.lease, {...})  # the citizen answered: closed, or the second visit is opened
    await give_back(core, session, task.lease, "no_answer") # not reached: counted, planned again

A machine that dies is no harm: its lease ends, the task goes back to the queue and the broken attempt does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.calendar.working_time import WorkCalendar
from ticketing.callback import book, rules, taken
from ticketing.callback.attempts import add_attempt, count, settle
from ticketing.callback.models import CallbackAttempt, CallbackTask, Plan, TaskState
from ticketing.callback.questionnaire import keep_answers, kept_answers, read_answers
from ticketing.callback.rules import Question
from ticketing.callback.schedule import may_call, next_slot
from ticketing.callback.tasks import find_open, release, take
from ticketing.callback.visit import finish_callback
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.people.actor import BOT, Actor, staff_actor
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality
from ticketing.ticket.steps import tell

MACHINES = {Plan.ROBOT: "robot", Plan.WECHAT: "wechat", Plan.SMS: "link"}
"""Plans that a machine may claim, and the `by` of their answers."""
GIVE_BACK = ("no_answer", "busy", "wrong_number", "refused", "failed")


@dataclass(frozen=True)
class RobotTask:
    """What a machine needs to know, and nothing more."""

    lease: UUID
    number: str
    """The ticket's number."""
    round: int
    phone: str
    """As it is dialled within the country; empty when none is known."""
    title: str
    answer: str
    """What the unit replied."""
    questions: tuple[Question, ...]
    """In the order in which they are asked."""
    answered: Mapping[str, str] = field(default_factory=dict)
    """What the citizen said in a call that broke off, by question: it is not asked again."""


def due(channel: Plan, now: datetime) -> Select[Ticket]:
    """The ticket whose task a machine may claim next, locked.

    Task and ticket are both locked: PostgreSQL looks again only at rows that it locks, so with the ticket alone a machine that
    began to look before another's claim was committed, and locked after it, would take the task a second time.
    """
    return (
        select(Ticket)
        .join(CallbackTask, CallbackTask.ticket_id == Ticket.id)
        .where(
            CallbackTask.state == TaskState.OPEN.value,
            CallbackTask.plan == channel.value,
            CallbackTask.next_attempt_at <= now,
            or_(CallbackTask.claimed_until.is_(None), CallbackTask.claimed_until <= now),
            Ticket.confidentiality != Confidentiality.SECRET.value,
        )
        .order_by(CallbackTask.next_attempt_at, CallbackTask.id)
        .limit(1)
        .with_for_update(of=(Ticket, CallbackTask), skip_locked=True)
    )


async def next_task(core: Core, session: AsyncSession, channel: Plan, *, only_for: Actor | None = None) -> RobotTask | None:
    """Claim the next task that is planned for `channel`; None outside the allowed hours or when nothing is due.

    Secret tickets are never given to a machine. `only_for`: the account of a machine from outside; it gets tickets that it may see.
    """
    now = core.clock.now()
    if channel not in MACHINES:
        raise InvalidInput(_("没有这个回访渠道"), field="channel")
    if not may_call((await book.current(session, now)).hours, now):
        return None
    wanted = due(channel, now)
    ticket = (await session.scalars(wanted.where(visible(core, only_for)) if only_for else wanted)).first()
    task = await find_open(session, ticket) if ticket is not None else None
    if ticket is None or task is None:
        return None
    found = await book.of_task(session, task)
    task.claim, task.claimed_by_id = uuid4(), None
    task.claimed_until = now + timedelta(minutes=found.lease["robot"])
    await tell(core, session, BOT, ticket, "callback.taken", {"round": task.round, "channel": channel.value})
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    asked = tuple(question for question in found.questions if question.is_for(MACHINES[channel]))
    phone = person(core, citizen, masked=False).phone
    answered = await kept_answers(session, found, task)
    return RobotTask(task.claim, ticket.number, task.round, phone, ticket.title, ticket.answer or "", asked, answered)


async def start_attempt(core: Core, session: AsyncSession, lease: UUID) -> int:
    """The machine begins; returns the attempt's number within the task. Twice with one lease is one attempt."""
    task, _ticket = await _held(core, session, lease)
    running = await _running(session, task)
    if running is None:
        running = await add_attempt(core, session, BOT, task, "running", channel=_line(task))
    return running.number


async def record_answers(core: Core, session: AsyncSession, lease: UUID, answers: Mapping[str, str]) -> str:
    """The citizen answered: the same ending as any other callback. Returns the ticket's new state.

    What was answered in an earlier call that broke off need not be said again.

    Raises InvalidInput naming the questions that are missing or wrong, Conflict when the lease is over.
    """
    task, ticket = await _held(core, session, lease)
    by = MACHINES[Plan(task.plan)]
    said = {**await kept_answers(session, await book.of_task(session, task), task), **answers}
    await finish_callback(core, session, BOT, ticket, read_answers(rules.load(), said, by=by), by=by)
    return ticket.state


async def give_back(
    core: Core, session: AsyncSession, lease: UUID, outcome: str, note: str = "", *, answers: Mapping[str, str] | None = None
) -> bool:
    """The citizen was not reached, or our own line failed (`failed` does not count). True when that closed the ticket.

    `answers`: what was answered before the call broke off; it is kept beside what an earlier call had been told, and whoever
    calls next goes on from there. That is this machine itself when the call brought a further answer, since the citizen does
    talk to it; else who takes over by the rule. A clerk has the answers as the draft of the form.
    """
    if outcome not in GIVE_BACK:
        raise InvalidInput(_("请选择没有联系上的原因"), field="outcome")
    task, ticket = await _held(core, session, lease)
    found = await book.of_task(session, task)
    further = await _keep_further(session, found, task, answers or {})
    running = await _running(session, task)
    if running is None:
        await add_attempt(core, session, BOT, task, outcome, note=note, channel=_line(task))
    else:
        running.outcome, running.ended_at, running.note = outcome, core.clock.now(), note.strip()[:1000]
        count(core, task, outcome)
    await tell(core, session, BOT, ticket, "callback.attempted", {"outcome": outcome, "channel": _line(task), "n": task.attempts})
    return await settle(core, session, BOT, ticket, task, outcome, goes_on=further)


async def hand_to_clerk(core: Core, session: AsyncSession, lease: UUID, answers: Mapping[str, str] | None = None) -> None:
    """The citizen wants a person: the task goes to the clerks at once. `answers`: what was answered before that, by question."""
    task, ticket = await _held(core, session, lease)
    await _to_clerk(core, session, task, ticket, answers or {}, {"why": "person_wanted"})


async def hand_over_live(core: Core, session: AsyncSession, lease: UUID, user_id: int, answers: Mapping[str, str] | None = None) -> bool:
    """The citizen is put through to this person on the same call. True when the task is in that person's hands now.

    They record what the citizen says (`ticketing.callback.taken`). Who may not (the author of the reply) helps, and the clerks' list has
    the task. This machine's lease is over either way: whatever it brings later is refused.
    """
    task, ticket = await _held(core, session, lease)
    user = await session.get_one(User, user_id)
    await _to_clerk(core, session, task, ticket, answers or {}, {"why": "person_on_line", "agent": user.staff_number})
    actor = staff_actor(user)
    if not may(actor, taken.PERMISSION):
        return False
    try:
        await take(core, session, actor, ticket, task)
    except NotAllowed:  # wrote or signed the reply (4b)
        return False
    return True


async def _to_clerk(
    core: Core, session: AsyncSession, task: CallbackTask, ticket: Ticket, answers: Mapping[str, str], why: Mapping[str, str]
) -> None:
    """The task to the list; what was answered is the draft of the clerk's form, so that nobody is asked twice."""
    found, running = await book.of_task(session, task), await _running(session, task)
    await _keep_further(session, found, task, answers)
    if running is not None:
        said = _answered(found, await kept_answers(session, found, task))
        running.outcome, running.ended_at = "failed", core.clock.now()
        running.note = _("市民要求人工") + (_("；已回答：{answers}").format(answers=said) if said else "")
    # whatever the citizen's window is: the citizen is awake and asked for it
    task.plan, task.next_attempt_at = Plan.CLERK.value, next_slot(found, WorkCalendar(), core.clock.now())
    release(task)
    await tell(core, session, BOT, ticket, "callback.put_back", {"round": task.round, **why})


async def _keep_further(session: AsyncSession, found: rules.Rules, task: CallbackTask, answers: Mapping[str, str]) -> bool:
    """Keep what this call was told beside what an earlier one was told. Whether there is anything new."""
    before = await kept_answers(session, found, task)
    if answers:
        await keep_answers(session, found, task, {**before, **answers})
    return bool(answers.keys() - before.keys())


def _answered(found: rules.Rules, answers: Mapping[str, str]) -> str:
    """What was answered so far, in words, for whoever goes on."""
    words = {"yes": _("是"), "no": _("否"), **{step.value: step.label for step in found.scales[found.scale]}}
    return "；".join(
        f"{question.text}{question.choices.get(answers[question.key]) or words.get(answers[question.key], '')}"
        for question in found.questions
        if question.key in answers
    )


def _line(task: CallbackTask) -> str:
    return {"robot": "robot", "wechat": "wechat", "sms": "sms"}.get(task.plan, "robot")


async def _running(session: AsyncSession, task: CallbackTask) -> CallbackAttempt | None:
    statement = select(CallbackAttempt).where(CallbackAttempt.task_id == task.id, CallbackAttempt.outcome == "running")
    return (await session.scalars(statement)).first()


async def _held(core: Core, session: AsyncSession, lease: UUID) -> tuple[CallbackTask, Ticket]:
    """Task and ticket of a lease that is still good, both locked, the ticket first."""
    where = (CallbackTask.claim == lease, CallbackTask.state == TaskState.OPEN.value)
    ticket_id = await session.scalar(select(CallbackTask.ticket_id).where(*where))
    if ticket_id is not None:
        ticket = (await session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update())).one()
        task = (await session.scalars(select(CallbackTask).where(*where).with_for_update())).first()
        if task is not None and task.claimed_until is not None and task.claimed_until > core.clock.now():
            return task, ticket
    raise Conflict(_("这件回访已经不在你手上：时间到了，或者市民已经评价"))


__all__ = ["RobotTask", "due", "give_back", "hand_over_live", "hand_to_clerk", "next_task", "record_answers", "start_attempt"]
