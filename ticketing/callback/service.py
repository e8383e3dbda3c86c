"""Review of replies, callbacks (回访) and what follows from them; return calls (回拨)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState, Reply
from ticketing.callback.models import CallbackAttempt, CallbackTask, ReturnCall
from ticketing.context import Core
from ticketing.deadline import policy
from ticketing.deadline.models import ClockKind
from ticketing.deadline.policy import Limit
from ticketing.deadline.service import start_clock, stop_clocks
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.ticket.dispatch import answer as answer_on_the_spot
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction, TicketState, Urgency
from ticketing.ticket.steps import take_step, tell

GATES = ("law", "wording", "signoff", "letter")
"""四关：法律政策、文字格式、审核签发、办理函复 (F07)"""
MAX_ATTEMPTS, ATTEMPT_DAYS = 3, 2
REOPEN_DAYS = 7
ONE_WORKING_DAY = Limit(1, "wd")


@dataclass(frozen=True)
class CallbackResult:
    """What the citizen said."""

    satisfaction: Satisfaction
    solved: bool
    contacted: bool = True
    attitude: str = "good"
    note: str = ""


async def review(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, accept: bool, gates: tuple[str, ...] = (), note: str = ""
) -> None:
    """T20/T21: somebody outside the unit passes the replies or sends them back. The author may not review."""
    if not actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        raise NotAllowed(_("你的岗位不能审核答复"))
    if accept and set(gates) != set(GATES):
        raise InvalidInput(_("四关都要核对：法律政策、文字格式、审核签发、办理函复"), field="gates")
    if not accept and len(note.strip()) < 5:
        raise InvalidInput(_("请写明退回的理由"), field="note")
    await take_step(core, session, actor, ticket, "accept_reply" if accept else "send_back", data={"note": note.strip()[:1000]})
    await stop_clocks(core, session, ticket.id, ClockKind.REVIEW)
    now = core.clock.now()
    texts = []
    for assignment, reply in await _replies(session, ticket):
        if reply.author_id == actor.user_id:
            raise NotAllowed(_("不能审核自己起草的答复"))
        reply.reviewed_by_id, reply.reviewed_at, reply.accepted, reply.review_note = actor.user_id, now, accept, note.strip()
        if accept:
            assignment.state, assignment.accepted_at = AssignmentState.ACCEPTED.value, now
            texts.append(reply.measures)
        else:
            assignment.state = AssignmentState.REDO.value
            await start_clock(core, session, ticket, ClockKind.HANDLE, ONE_WORKING_DAY, assignment_id=assignment.id)
    if accept:
        ticket.answer = "\n".join(texts)
        await open_callback(core, session, ticket)
    await session.flush()


async def _replies(session: AsyncSession, ticket: Ticket) -> list[tuple[Assignment, Reply]]:
    statement = (
        select(Assignment, Reply)
        .join(Reply, Reply.assignment_id == Assignment.id)
        .where(
            Assignment.ticket_id == ticket.id,
            Assignment.state == AssignmentState.REPLIED.value,
            Reply.round == ticket.round,
            Reply.accepted.is_(None),
        )
        .order_by(Assignment.lead.desc(), Assignment.id)
    )
    return [(row.Assignment, row.Reply) for row in await session.execute(statement)]


async def open_callback(core: Core, session: AsyncSession, ticket: Ticket) -> CallbackTask:
    """Open the round's callback task and its clock."""
    task = CallbackTask(ticket_id=ticket.id, round=ticket.round, state="open", created_at=core.clock.now())
    session.add(task)
    limit = policy.load().by_key(str(ticket.policy_key)).limits[ClockKind.CALLBACK]
    await start_clock(core, session, ticket, ClockKind.CALLBACK, limit)
    return task


async def open_task(session: AsyncSession, ticket: Ticket) -> CallbackTask:
    """The open callback task, locked; raises IllegalStep when there is none."""
    statement = select(CallbackTask).where(CallbackTask.ticket_id == ticket.id, CallbackTask.state == "open").with_for_update()
    task = (await session.scalars(statement)).first()
    if task is None:
        raise IllegalStep(_("这张工单现在没有待回访的任务"))
    return task


async def finish_callback(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, result: CallbackResult, *, by: str = "clerk"
) -> None:
    """T22/T23: the citizen was reached. Satisfied closes; 不满意 opens the next round with the same units.

    `by`: clerk, web, wechat or robot. The reply's author may not call back (4b). Raises InvalidInput, NotAllowed.
    """
    task = await open_task(session, ticket)
    if actor.user_id is not None and actor.user_id in [reply.author_id for reply in await _all_replies(session, ticket)]:
        raise NotAllowed(_("不能回访自己起草答复的工单"))
    dissatisfied = result.satisfaction is Satisfaction.DISSATISFIED
    if dissatisfied and by == "clerk" and len(result.note.strip()) < 5:
        raise InvalidInput(_("不满意要写明原因，承办单位据此整改"), field="note")
    task.state, task.finished_at, task.by, task.user_id = "reached", core.clock.now(), by, actor.user_id
    task.satisfaction, task.solved, task.contacted = result.satisfaction.value, result.solved, result.contacted
    task.attitude, task.note = result.attitude, result.note.strip()[:2000]
    data = {"satisfaction": result.satisfaction.value, "solved": result.solved, "contacted": result.contacted, "by": by, "note": task.note}
    await tell(core, session, actor, ticket, "callback.done", data)
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    if dissatisfied:
        await _redo(core, session, actor, ticket, task.note)
    else:
        await take_step(
            core,
            session,
            actor,
            ticket,
            "close",
            data={"satisfaction": result.satisfaction.value},
            satisfaction=result.satisfaction.value,
            solved=result.solved,
        )


async def _all_replies(session: AsyncSession, ticket: Ticket) -> list[Reply]:
    return list(await session.scalars(select(Reply).join(Assignment).where(Assignment.ticket_id == ticket.id, Reply.round == ticket.round)))


async def _redo(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str, action: str = "redo") -> None:
    """T23/T25: one more round at the same units, with the short clock of the policy (lesson 25a)."""
    await take_step(
        core,
        session,
        actor,
        ticket,
        action,
        data={"round": ticket.round + 1, "reason": reason},
        round=ticket.round + 1,
        satisfaction=None,
        solved=None,
        no_callback_reason=None,
        closed_at=None,
    )
    limit = policy.load().by_key(str(ticket.policy_key)).redo
    units = select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.state == AssignmentState.ACCEPTED.value)
    for assignment in await session.scalars(units):
        assignment.state, assignment.replied_at, assignment.accepted_at = AssignmentState.REDO.value, None, None
        await start_clock(core, session, ticket, ClockKind.HANDLE, limit, assignment_id=assignment.id)
    await session.flush()


async def record_attempt(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, outcome: str) -> bool:
    """The citizen was not reached. After three tries on two different days it closes as 未联系上; True then."""
    if outcome not in ("no_answer", "busy", "refused", "wrong_number"):
        raise InvalidInput(_("请选择没有联系上的原因"), field="outcome")
    task = await open_task(session, ticket)
    session.add(CallbackAttempt(task_id=task.id, at=core.clock.now(), outcome=outcome, user_id=actor.user_id))
    await session.flush()
    await tell(core, session, actor, ticket, "callback.attempted", {"outcome": outcome})
    times = list(await session.scalars(select(CallbackAttempt.at).where(CallbackAttempt.task_id == task.id)))
    if len(times) < MAX_ATTEMPTS or len({to_city(at).date() for at in times}) < ATTEMPT_DAYS:
        return False
    task.state, task.finished_at, task.by, task.user_id = "unreached", core.clock.now(), "clerk", actor.user_id
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    await take_step(core, session, actor, ticket, "close_unreached", data={"attempts": len(times)}, no_callback_reason="unreached")
    return True


async def close_disputed(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, evidence: str) -> None:
    """T24: 不满意, but the reply is reasonable. Only a supervisor; counted as dissatisfied, never dropped silently."""
    if len(evidence.strip()) < 20:
        raise InvalidInput(_("请写明证据和向市民的解释，至少20个字"), field="evidence")
    task = await open_task(session, ticket)
    task.state, task.finished_at, task.by, task.user_id = "reached", core.clock.now(), "clerk", actor.user_id
    task.satisfaction, task.solved, task.note = Satisfaction.DISSATISFIED.value, False, evidence.strip()
    await stop_clocks(core, session, ticket.id, ClockKind.CALLBACK)
    await take_step(
        core,
        session,
        actor,
        ticket,
        "close_disputed",
        data={"evidence": evidence.strip()},
        satisfaction=Satisfaction.DISSATISFIED.value,
        solved=False,
    )


async def rate(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, result: CallbackResult, *, by: str) -> None:
    """The citizen rates by web or WeChat: the same as a callback; for an answer on the spot, T30. Once per matter."""
    if ticket.state == TicketState.ANSWERED.value:
        if result.satisfaction is Satisfaction.DISSATISFIED:
            await take_step(core, session, actor, ticket, "answer_refused", data={"note": result.note[:500]})
            await start_clock(core, session, ticket, ClockKind.DISPATCH, policy.load().dispatch[Urgency(ticket.urgency)])
        else:
            await take_step(
                core,
                session,
                actor,
                ticket,
                "rate_answer",
                data={"satisfaction": result.satisfaction.value},
                satisfaction=result.satisfaction.value,
                solved=result.solved,
            )
        return
    if ticket.state != TicketState.CALLBACK.value:
        raise IllegalStep(_("这件事现在不能评价：办好以后我们会请您评价，每件事评价一次"))
    await finish_callback(core, session, actor, ticket, result, by=by)


async def reopen(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str) -> None:
    """T25: within seven days, back to the same units with the short clock."""
    if ticket.closed_at is None or core.clock.now() > ticket.closed_at + timedelta(days=REOPEN_DAYS):
        raise IllegalStep(_("办结已超过{days}天，请作为新的事项反映").format(days=REOPEN_DAYS))
    if ticket.policy_key is None:
        raise IllegalStep(_("这件事没有派过单，请作为新的事项反映"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请说明没有解决的情况"), field="reason")
    await _redo(core, session, actor, ticket, reason.strip()[:1000], action="reopen")


async def finish_return_call(
    core: Core, session: AsyncSession, actor: Actor, return_call_id: int, note: str, *, answer: str | None = None
) -> ReturnCall:
    """The caller who was not served has been called back.

    `answer`: what was answered on the spot, when that settled the matter (T2, at least 20 characters); None: it goes on to dispatch.
    """
    if not actor.has(Role.AGENT, Role.CALLBACK, Role.SUPERVISOR):
        raise NotAllowed(_("你的岗位不能做这一步"))
    task = (await session.scalars(select(ReturnCall).where(ReturnCall.id == return_call_id).with_for_update())).first()
    if task is None:
        raise NotFound(_("没有找到这个回拨任务"))
    if task.state == "done":
        raise IllegalStep(_("这个回拨已经有人完成"))
    if len(note.strip()) < 2:
        raise InvalidInput(_("请写明回拨的情况"), field="note")
    task.state, task.done_at, task.done_by_id, task.note = "done", core.clock.now(), actor.user_id, note.strip()[:2000]
    ticket = await session.get_one(Ticket, task.ticket_id)
    await tell(core, session, actor, ticket, "return_call.done", {"note": task.note})
    if answer is not None:
        await answer_on_the_spot(core, session, actor, ticket, answer)
    return task
