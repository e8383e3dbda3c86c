"""Changes of an agent's state. Every change is an event and a period; who leaves gives open work back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.callback.models import CallbackTask
from ticketing.callback.tasks import release
from ticketing.context import Core
from ticketing.conversation.models import Call, Conversation, Owner
from ticketing.conversation.service import give_back
from ticketing.duty.models import CHOSEN, ON_CALL, Duty, DutyPeriod, DutyState, Skill
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role, User
from ticketing.people.permissions import Scope, ensure, scope_of
from ticketing.words import choices

ANSWERING = (Role.AGENT, Role.SUPERVISOR)
"""Roles that may answer calls (permission desk.answer)."""
_PHONE = re.compile(r"sip:[A-Za-z0-9._+-]{1,40}@[A-Za-z0-9.-]{1,100}(:[0-9]{2,5})?")
_CODE = re.compile(r"[0-9a-z-]{2,12}")


async def duty_of(core: Core, session: AsyncSession, user_id: int) -> Duty:
    """The agent's row, locked; made when there is none."""
    now = core.clock.now()
    fresh = insert(Duty).values(user_id=user_id, state=DutyState.OFF.value, since=now, idle_since=now)
    await session.execute(fresh.on_conflict_do_nothing())
    statement = select(Duty).where(Duty.user_id == user_id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(statement)).one()


async def set_state(
    core: Core, session: AsyncSession, actor: Actor, state: DutyState, *, reason: str = "", user_id: int | None = None
) -> Duty:
    """Go on duty, on a break, off duty. `user_id`: somebody else's state, for who manages the duty (also out of a stuck call).

    Raises NotAllowed, InvalidInput for a break without a known reason, IllegalStep during one's own call.
    """
    other = user_id is not None and user_id != actor.user_id
    actor = ensure(actor, "duty.manage" if other else "duty.self")
    whose = user_id if other else actor.user_id
    if state not in CHOSEN:
        raise InvalidInput(_("不能手工设为这个状态"), field="state")
    if (state is DutyState.BREAK) != bool(reason) or (reason and reason not in choices("break_reason")):
        raise InvalidInput(_("小休请选原因"), field="reason")
    user = await session.get(User, whose)
    if user is None or not user.active or Role(user.role) not in ANSWERING:
        raise NotFound(_("没有找到这位坐席"))
    duty = await duty_of(core, session, user.id)
    if not other and DutyState(duty.state) in ON_CALL:
        raise IllegalStep(_("正在通话，通话结束后再切换"))
    if state is DutyState.READY and not duty.phone:
        raise IllegalStep(_("还没有登记话机，请联系管理员"))
    duty.missed = 0
    await change(core, session, duty, state, actor, reason=reason)
    if state is DutyState.OFF:
        await give_work_back(core, session, user.id)
    return duty


async def leave(core: Core, session: AsyncSession, actor: Actor) -> None:
    """The person logs out: off duty, and open work goes back (lesson 23). During a call the state stays: the call goes on."""
    if actor.user_id is None:
        return
    if await session.get(Duty, actor.user_id) is not None:
        duty = await duty_of(core, session, actor.user_id)
        if DutyState(duty.state) in ON_CALL:
            return
        await change(core, session, duty, DutyState.OFF, actor)
    await give_work_back(core, session, actor.user_id)  # also of who answers chats without ever being on duty


async def change(
    core: Core, session: AsyncSession, duty: Duty, state: DutyState, actor: Actor = SYSTEM, *, reason: str = "",
    call_id: UUID | None = None, wrap_s: int = 0,
) -> None:  # fmt: skip
    """Write the new state with its period and event. The row is locked. The same state again changes nothing."""
    now = core.clock.now()
    if duty.state == state.value and duty.reason == reason and duty.call_id == call_id:
        return
    if state is DutyState.READY and duty.state in (DutyState.OFF.value, DutyState.BREAK.value, DutyState.BUSY.value):
        duty.idle_since = now
    if duty.state == DutyState.BUSY.value:
        duty.idle_since = now
    duty.state, duty.reason, duty.since, duty.call_id = state.value, reason, now, call_id
    duty.wrap_until = now + timedelta(seconds=wrap_s) if state is DutyState.WRAP_UP else None
    await session.flush()
    await session.execute(update(DutyPeriod).where(DutyPeriod.user_id == duty.user_id, DutyPeriod.ended_at.is_(None)).values(ended_at=now))
    session.add(DutyPeriod(user_id=duty.user_id, state=state.value, reason=reason, started_at=now))
    data = {"reason": reason} if reason else {}
    # the agent's open page follows the words of this call from now on, without loading anew
    talk = await session.scalar(select(Call.conversation_id).where(Call.id == call_id)) if call_id else None
    name, notify = f"duty.{state.value}", {"conversation": str(talk or "")}
    await record(session, at=now, name=name, subject="duty", subject_id=duty.user_id, who=actor.who, data=data, notify=notify)


async def after_call(core: Core, session: AsyncSession, user_id: int, *, wrap_s: int) -> None:
    """The agent's call is over: wrap-up, or ready at once. Harmless when the state was changed meanwhile.

    Who was not on duty (a supervisor who listened, a clerk who dialled) or on a break is so again: the queue rings nobody who
    did not ask for it.
    """
    duty = await duty_of(core, session, user_id)
    if DutyState(duty.state) not in ON_CALL:
        return
    state, reason = await _chosen(session, user_id)
    if wrap_s and state is not DutyState.OFF:
        await change(core, session, duty, DutyState.WRAP_UP, wrap_s=wrap_s)
    else:
        await change(core, session, duty, state, reason=reason)


async def _chosen(session: AsyncSession, user_id: int) -> tuple[DutyState, str]:
    """What the person set last, before calls came between; off duty when nothing was ever set."""
    by_hand = [state.value for state in CHOSEN]
    last = select(DutyPeriod.state, DutyPeriod.reason).where(DutyPeriod.user_id == user_id, DutyPeriod.state.in_(by_hand))
    row = (await session.execute(last.order_by(DutyPeriod.started_at.desc(), DutyPeriod.id.desc()).limit(1))).first()
    return (DutyState(row.state), row.reason) if row is not None else (DutyState.OFF, "")


async def end_wrap_ups(core: Core, session: AsyncSession) -> int:
    """Agents whose wrap-up time is over are ready again, or on the break that the call came into; returns how many."""
    over = select(Duty).where(Duty.state == DutyState.WRAP_UP.value, Duty.wrap_until <= core.clock.now()).with_for_update(skip_locked=True)
    found = list(await session.scalars(over))
    for duty in found:
        state, reason = await _chosen(session, duty.user_id)
        await change(core, session, duty, state, reason=reason)
    return len(found)


async def set_phone(core: Core, session: AsyncSession, actor: Actor, user_id: int, phone: str) -> Duty:
    """Which telephone rings for this agent; empty: none. Raises NotAllowed, InvalidInput.

    For who manages the duty. The telephony process dials only hosts of HOTLINE_SIP_PEERS, whatever stands here.
    """
    actor = ensure(actor, "duty.manage")
    phone = phone.strip()
    if phone and not _PHONE.fullmatch(phone):
        raise InvalidInput(_("话机地址写成 sip:1001@10.0.0.5:5060"), field="phone")
    if await session.get(User, user_id) is None:
        raise NotFound(_("没有找到这位坐席"))
    duty = await duty_of(core, session, user_id)
    if duty.phone != phone:
        duty.phone = phone
        await session.flush()
        await record(
            session, at=core.clock.now(), name="duty.phone", subject="duty", subject_id=user_id, who=actor.who, data={"set": bool(phone)}
        )
    return duty


async def set_skills(core: Core, session: AsyncSession, actor: Actor, user_id: int, kind: str, codes: Iterable[str]) -> None:
    """Replace what an agent can do of one kind: line, language or dialect. Raises NotAllowed, InvalidInput."""
    actor = ensure(actor, "duty.manage")
    wanted = sorted({code.strip().lower() for code in codes if code.strip()})
    if kind not in ("line", "language", "dialect") or len(wanted) > 20 or not all(_CODE.fullmatch(code) for code in wanted):
        raise InvalidInput(_("技能用代码填写，例如 en、yue，逗号分开"), field=kind)
    await duty_of(core, session, user_id)
    await session.execute(delete(Skill).where(Skill.user_id == user_id, Skill.kind == kind))
    session.add_all(Skill(user_id=user_id, kind=kind, code=code) for code in wanted)
    await session.flush()
    data = {"kind": kind, "codes": wanted}
    await record(session, at=core.clock.now(), name="duty.skills", subject="duty", subject_id=user_id, who=actor.who, data=data)


async def give_work_back(core: Core, session: AsyncSession, user_id: int) -> int:
    """Open work of somebody who goes: chats to the queue, callbacks to their list. Returns how many (lesson 23)."""
    whose = Conversation.agent_id == user_id
    chats = select(Conversation).where(whose, Conversation.owner == Owner.HUMAN.value, Conversation.channel != "phone")
    given = 0
    for chat in await session.scalars(chats):
        await give_back(core, session, Actor(SYSTEM.kind, SYSTEM.label, user_id), chat.id, to=Owner.QUEUE)
        given += 1
    tasks = (
        select(CallbackTask).where(CallbackTask.claimed_by_id == user_id, CallbackTask.state == "open").with_for_update(skip_locked=True)
    )
    for task in await session.scalars(tasks):
        release(task)
        given += 1
    await session.flush()
    if given:
        await record(
            session, at=core.clock.now(), name="duty.gave_back", subject="duty", subject_id=user_id, who=SYSTEM.who, data={"items": given}
        )
    return given


def manages(actor: Actor) -> bool:
    """Whether the actor looks after everybody's duty."""
    return scope_of(actor, "duty.manage") is Scope.ALL
