"""The citizen's answers, and what follows: closed, or the second visit (二次回访) with redo or a disputed ending."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.callback import book, rules
from ticketing.callback.attempts import add_attempt
from ticketing.callback.models import CallbackAttempt, CallbackTask, Plan, SecondVisit, TaskKind, TaskState
from ticketing.callback.questionnaire import CallbackResult, store_answers
from ticketing.callback.redo import may_order, redo
from ticketing.callback.tasks import evaluated, finish, open_task, open_visit, refuse_author, refuse_nobody
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import policy_of, start_clock, start_dispatch_clock, stop_clocks
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState
from ticketing.ticket.steps import take_step, tell

MIN_NOTE = 5
_CHANNELS = {"clerk": "phone", "robot": "robot", "web": "web", "link": "sms", "wechat": "wechat"}


async def finish_callback(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, result: CallbackResult, *, by: str = "clerk"
) -> None:
    """T22/T23/T30: the citizen has answered. The one way to close with a result, whoever carried it out.

    `by`: clerk, robot, web, link or wechat. Satisfied closes. 不满意 opens the second visit at once: when a callback clerk
    names its cause in the same conversation the next round begins; without a cause, for all others, and from the second
    round on (when only a supervisor may order another one), the visit stays open until somebody decides it. For an answer on
    the spot 不满意 leads to dispatch. Raises InvalidInput, NotAllowed (author of a reply), IllegalStep (nothing to rate now).
    """
    if ticket.state == TicketState.ANSWERED.value:
        await _evaluate_answer(core, session, actor, ticket, result, by)
        return
    if ticket.state != TicketState.CALLBACK.value:
        raise IllegalStep(_("这件事现在不能评价：办好以后我们会请您评价，每件事评价一次"))
    task = await open_task(session, ticket)
    await refuse_author(session, actor, ticket)
    if by == "clerk":
        refuse_nobody(task)
    dissatisfied = result.satisfaction is Satisfaction.DISSATISFIED
    if dissatisfied and by == "clerk" and len(result.note.strip()) < MIN_NOTE:
        raise InvalidInput(_("不满意要写明原因，承办单位据此整改"), field="note")
    at_once = dissatisfied and by == "clerk" and bool(result.cause)
    if at_once and result.cause not in rules.load().causes:
        raise InvalidInput(_("请选择不满意的原因"), field="cause")
    await _record(core, session, actor, ticket, task, result, by)
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    if dissatisfied:
        await _open_second_visit(core, session, actor, ticket, task, result, at_once=at_once)
    else:
        values: dict[str, Any] = {"satisfaction": result.satisfaction.value, "solved": result.solved}
        await take_step(core, session, actor, ticket, "close", data={"satisfaction": result.satisfaction.value}, **values)


async def _record(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, task: CallbackTask, result: CallbackResult, by: str
) -> None:
    finish(core, task, TaskState.REACHED, by=by, user_id=actor.user_id)
    task.satisfaction, task.solved, task.contacted = result.satisfaction.value, result.solved, result.contacted
    task.attitude, task.note = result.attitude, result.note.strip()[:2000]
    await store_answers(session, await book.of_task(session, task), task, result)
    await _reached(core, session, actor, task, _CHANNELS.get(by, "web"))
    data = {"satisfaction": result.satisfaction.value, "solved": result.solved, "contacted": result.contacted, "by": by, "note": task.note}
    await tell(core, session, actor, ticket, "callback.done", data)


async def _reached(core: Core, session: AsyncSession, actor: Actor, task: CallbackTask, channel: str) -> None:
    """The attempt that reached the citizen: the one that is running, or the link that was sent; else a new one."""
    waiting = CallbackAttempt.outcome.in_(("running", "sent"))
    statement = select(CallbackAttempt).where(CallbackAttempt.task_id == task.id, waiting, CallbackAttempt.channel == channel)
    attempt = (await session.scalars(statement.order_by(CallbackAttempt.number.desc()).limit(1))).first()
    if attempt is None:
        await add_attempt(core, session, actor, task, "reached", channel=channel)
    else:
        attempt.outcome, attempt.ended_at = "reached", core.clock.now()


async def _open_second_visit(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, task: CallbackTask, result: CallbackResult, *, at_once: bool
) -> None:
    """F03: return visit, root cause, rectification. Its clock runs until somebody decides."""
    visit = SecondVisit(
        task_id=task.id,
        ticket_id=ticket.id,
        round=task.round,
        state="open",
        opened_at=core.clock.now(),
        complaint=result.note.strip()[:2000],
    )
    session.add(visit)
    await session.flush()
    await tell(core, session, actor, ticket, "callback.second_visit", {"round": task.round, "note": visit.complaint})
    if at_once and await may_order(session, actor, ticket):
        await _redo(core, session, actor, ticket, visit, result.cause, result.rectification or result.note)
        return
    await start_clock(core, session, ticket, ClockKind.CALLBACK, (await book.of_task(session, task)).visit_limit)


async def decide_redo(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, cause: str, rectification: str, cause_note: str = ""
) -> None:
    """T23: the second visit found the 不满意 reasonable; the same units work again. Who may order it: `redo.may_order`."""
    visit = await _undecided(session, actor, ticket)
    if not await may_order(session, actor, ticket):
        raise NotAllowed(_("第二次重办由督办决定") if ticket.round > 1 else _("按时限规则，这类事项不满意后由督办决定是否重办"))
    errors = {}
    if cause not in rules.load().causes:
        errors["cause"] = _("请选择不满意的原因")
    if len(rectification.strip()) < MIN_NOTE:
        errors["rectification"] = _("请写明要承办单位整改什么")
    if errors:
        raise InvalidInput(errors=errors)
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    await _redo(core, session, actor, ticket, visit, cause, rectification, cause_note)


async def _redo(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    visit: SecondVisit,
    cause: str,
    rectification: str,
    cause_note: str = "",
) -> None:
    if cause not in rules.load().causes:
        raise InvalidInput(_("请选择不满意的原因"), field="cause")
    visit.state, visit.decided_at, visit.decided_by_id = "redo", core.clock.now(), actor.user_id
    visit.cause, visit.cause_note, visit.rectification = cause, cause_note.strip()[:1000], rectification.strip()[:2000]
    await redo(core, session, actor, ticket, visit.rectification or visit.complaint)


async def close_disputed(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, evidence: str, explanation: str = "", cause: str = "beyond_law"
) -> None:
    """T24: 不满意, but the reply is reasonable. Only a supervisor; counted as dissatisfied, never dropped silently.

    Works on an open second visit, or directly when the supervisor heard the 不满意. `explanation` is what the citizen was
    told; when it is empty, `evidence` must hold it. Where the policy leads to the petition path (`after`) it is told too.
    Raises InvalidInput, IllegalStep, NotAllowed.
    """
    if len(evidence.strip()) < 20:
        raise InvalidInput(_("请写明证据和向市民的解释，至少20个字"), field="evidence")
    if cause not in rules.load().causes:
        raise InvalidInput(_("请选择不满意的原因"), field="cause")
    await refuse_author(session, actor, ticket)
    visit = await open_visit(session, ticket)
    values: dict[str, Any] = {"satisfaction": Satisfaction.DISSATISFIED.value, "solved": False}
    told = await _with_path(session, ticket, explanation.strip()[:2000] or evidence.strip()[:2000])
    # first the right to do it: nothing is written for somebody who is no supervisor
    data = {"evidence": evidence.strip()[:2000], "explanation": told}
    if visit is None:
        task = await open_task(session, ticket)
        refuse_nobody(task)
        result = CallbackResult(Satisfaction.DISSATISFIED, solved=False, contacted=None, attitude=None, note=evidence.strip()[:2000])
        await take_step(core, session, actor, ticket, "close_disputed", data=data, **values)
        finish(core, task, TaskState.REACHED, by="clerk", user_id=actor.user_id)
        task.satisfaction, task.solved, task.note = Satisfaction.DISSATISFIED.value, False, result.note
        await store_answers(session, await book.of_task(session, task), task, result)
        visit = SecondVisit(task_id=task.id, ticket_id=ticket.id, round=task.round, opened_at=core.clock.now(), complaint="")
        session.add(visit)
    else:
        await take_step(core, session, actor, ticket, "close_disputed", data=data, **values)
    visit.state, visit.decided_at, visit.decided_by_id = "disputed", core.clock.now(), actor.user_id
    visit.cause, visit.evidence, visit.explanation = cause, evidence.strip()[:2000], told
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    await session.flush()


async def _with_path(session: AsyncSession, ticket: Ticket, told: str) -> str:
    """What the citizen is told, with the petition path where that is what follows 不满意 (P-REPORT), unless it is named already."""
    if ticket.policy_key is None or "信访" in told or (await policy_of(session, ticket)).after != "petition":
        return told
    return told + _("对办理结果不服的，可以依法向信访部门提出，也可以申请行政复议或者提起行政诉讼。")


async def _undecided(session: AsyncSession, actor: Actor, ticket: Ticket) -> SecondVisit:
    await refuse_author(session, actor, ticket)
    visit = await open_visit(session, ticket)
    if visit is None:
        raise IllegalStep(_("这张工单没有待处理的二次回访"))
    return visit


async def _evaluate_answer(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, result: CallbackResult, by: str) -> None:
    """T30: the citizen rates an answer on the spot, once per matter."""
    now = core.clock.now()
    conduct = await book.current(session, now)
    if await evaluated(session, ticket):
        raise IllegalStep(_("这件事已经评价过，每件事评价一次"))
    task = CallbackTask(
        ticket_id=ticket.id,
        round=ticket.round,
        kind=TaskKind.EVALUATION.value,
        state=TaskState.REACHED.value,
        plan=Plan.NONE.value,
        rule="answer",
        rules_version=conduct.conduct_version,
        created_at=now,
        finished_at=now,
        by=by,
        user_id=actor.user_id,
        satisfaction=result.satisfaction.value,
        solved=result.solved,
        note=result.note.strip()[:2000],
    )
    session.add(task)
    await session.flush()
    await store_answers(session, conduct, task, result)
    await stop_clocks(core, session, ticket.id, ClockKind.EVALUATION)
    if result.satisfaction is Satisfaction.DISSATISFIED:
        data = {"satisfaction": result.satisfaction.value, "note": result.note[:500]}
        clock = partial(start_dispatch_clock, core, session, ticket)  # with the step: words of danger put a shorter one in its place
        await take_step(core, session, actor, ticket, "answer_refused", data=data, clocks=clock)
        return
    values: dict[str, Any] = {"satisfaction": result.satisfaction.value, "solved": result.solved}
    await take_step(core, session, actor, ticket, "rate_answer", data={"satisfaction": result.satisfaction.value}, **values)
