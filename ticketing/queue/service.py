"""A caller's way through the queue: enter, be offered, be served or leave. Who is offered to whom is `distribute`.

Distributing is done by whichever telephony process notices that something changed; one at a time in the whole installation
(a transaction-level advisory lock), so that nobody is offered twice and the order holds. Rows that somebody else is changing
are skipped: whoever changes them distributes again afterwards.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import String, cast, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Event, record
from ticketing.call_flow import versions
from ticketing.call_flow.document import Document, QueueOptions
from ticketing.call_flow.tongue import MANDARIN, Tongue
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.duty.models import Duty, DutyState, Skill
from ticketing.duty.service import after_call, change, duty_of
from ticketing.people.actor import SYSTEM
from ticketing.people.models import User
from ticketing.queue.lineup import busy_agents, callers_waiting, ready_agents
from ticketing.queue.matching import Agent, Caller, pair
from ticketing.queue.models import Offer, Outcome, Waiting, WaitState

WAKE_CHANNEL = "hotline_calls"
"""PostgreSQL channel by which the telephony processes wake each other; the payload is JSON {"kind", "worker", "call"}."""
DEFAULT_HANDLING_S = 180
"""Assumed length of a call while today has none to measure."""
_OPEN = (WaitState.WAITING.value, WaitState.OFFERED.value)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('hotline.queue'))")
_TONGUE_KEPT = timedelta(days=365)
_TONGUES_LOOKED_AT = 5
"""Latest waits of a caller."""
_LATE_S = 10
"""An offer that is so much overdue belonged to a process that died."""

_PHONE_BACK_S = 60
"""So long the agent counts whose telephone has gone."""


@dataclass(frozen=True)
class Wish:
    """What somebody who enters the queue needs."""

    queue: str
    line: str
    worker: str
    language: str = "zh"
    dialect: str = ""
    priority: int = 0


@dataclass(frozen=True)
class Ring:
    """An agent to ring for a caller."""

    waiting_id: int
    call_id: UUID
    user_id: int
    name: str
    phone: str
    timeout_s: int


@dataclass(frozen=True)
class Place:
    """Where a caller stands."""

    position: int
    """1: the next one."""
    expected_s: int
    on_duty: int
    """Agents who are not off duty and can be rung."""


async def wake(session: AsyncSession, kind: str, *, worker: str = "", call_id: UUID | None = None) -> None:
    """Wake the telephony processes when this transaction commits; `kind`: queue, ring, command or dial."""
    payload = json.dumps({"kind": kind, "worker": worker, "call": str(call_id) if call_id else ""})
    await session.execute(select(func.pg_notify(WAKE_CHANNEL, payload)))


async def lock_queue(session: AsyncSession) -> None:
    """One at a time in the whole installation deals callers out, until the transaction ends."""
    await session.execute(_LOCK)


async def enter(
    core: Core, session: AsyncSession, call_id: UUID, wish: Wish, options: QueueOptions, *, since: datetime | None = None
) -> bool:
    """Line up; False when the queue is full. Twice is harmless. `since`: keeps an earlier place (overflow, a lost agent)."""
    await session.execute(_LOCK)  # counting and adding are one step
    if await session.scalar(select(Waiting.id).where(Waiting.call_id == call_id, Waiting.state.in_(_OPEN))):
        return True
    length = await session.scalar(select(func.count()).where(Waiting.queue == wish.queue, Waiting.state.in_(_OPEN))) or 0
    if length >= options.maxlen:
        return False
    row = Waiting(
        call_id=call_id, queue=wish.queue, line=wish.line, language=wish.language, dialect=wish.dialect, weight=options.weight,
        priority=wish.priority, state=WaitState.WAITING.value, entered_at=since or core.clock.now(), worker=wish.worker,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    await _event(core, session, call_id, "call.waiting", {"queue": wish.queue})
    await wake(session, "queue", call_id=call_id)
    return True


async def leave(core: Core, session: AsyncSession, call_id: UUID, outcome: Outcome) -> bool:
    """Leave without an agent; a phone that rings for the caller is free again. False when the caller was not in the queue."""
    row = await _open_row(session, call_id)
    if row is None:
        return False
    row.state, row.outcome, row.ended_at = WaitState.GONE.value, outcome.value, core.clock.now()
    row.offered_to_id = row.offer_until = None
    await session.flush()
    await _free(core, session, await _end_offers(core, session, row.id, "caller_gone"))
    await _event(core, session, call_id, "call.left_queue", {"queue": row.queue, "outcome": outcome.value})
    await wake(session, "queue")
    return True


async def hurry(session: AsyncSession, call_id: UUID, priority: int) -> None:
    """Words of danger while somebody waits: they come before the others from now on. Nothing when they do not wait any more."""
    row = await _open_row(session, call_id)
    if row is not None and row.priority < priority:
        row.priority = priority
        await session.flush()
        await wake(session, "queue")


async def last_tongue(core: Core, session: AsyncSession, citizen_id: int, document: Document) -> Tongue:
    """What this citizen spoke when they last waited for a person, within a year; empty when they never did.

    A number of another language says what was dialled, not what the caller speaks: who once rang the English line and now rings the
    usual one is taken as nobody who was heard before.
    """
    since = core.clock.now() - _TONGUE_KEPT
    theirs = select(Waiting.language, Waiting.dialect, Call.called).join(Call, Call.id == Waiting.call_id)
    latest = theirs.where(Call.citizen_id == citizen_id, Waiting.entered_at > since).order_by(Waiting.id.desc()).limit(_TONGUES_LOOKED_AT)
    for row in await session.execute(latest):
        spoken, flow = Tongue(row.language, row.dialect), document.flow_of(row.called)
        if not (spoken.foreign and spoken == Tongue(flow.language, flow.dialect)):
            return spoken
    return Tongue()


async def tongue_name(session: AsyncSession, call_id: UUID) -> str:
    """The language or dialect that this caller wished for, by its name in the call flow; empty for Mandarin and for who did not wait."""
    row = (await session.scalars(select(Waiting).where(Waiting.call_id == call_id).order_by(Waiting.id.desc()).limit(1))).first()
    return wished_tongue(row, await versions.current(session)) if row is not None else ""


def wished_tongue(row: Waiting, document: Document) -> str:
    """What this caller wishes to speak, by its name in the call flow; empty for Mandarin."""
    code = row.dialect or row.language
    if code == MANDARIN:
        return ""
    entry = document.tongues.get(code)
    return entry.name if entry else code


async def ask_for_tongue(session: AsyncSession, call_id: UUID, *, language: str, dialect: str) -> None:
    """Who waits wishes to speak another language or dialect. Nothing when they do not wait any more."""
    row = await _open_row(session, call_id)
    if row is not None:
        row.language, row.dialect = language, dialect
        await session.flush()
        await wake(session, "queue")


async def served(core: Core, session: AsyncSession, call_id: UUID, user_id: int) -> bool:
    """The agent picked up. False when the offer was withdrawn meanwhile: hang the agent's phone up then."""
    row = await _open_row(session, call_id)
    if row is None or user_id not in await _rung(session, row.id):
        return False
    row.state, row.served_by_id, row.ended_at = WaitState.SERVED.value, user_id, core.clock.now()
    row.offered_to_id = row.offer_until = None
    await session.flush()
    await _end_offers(core, session, row.id, "answered", only=user_id)
    await _free(core, session, await _end_offers(core, session, row.id, "elsewhere"))
    duty = await duty_of(core, session, user_id)
    duty.missed = 0
    await change(core, session, duty, DutyState.BUSY, call_id=call_id)
    return True


async def not_answered(core: Core, session: AsyncSession, call_id: UUID, user_id: int, result: str, options: QueueOptions) -> None:
    """The agent did not pick up: the caller waits on with the same place, the agent rests or, after `autopause` rings, has a break."""
    row = await _open_row(session, call_id)
    if row is None or user_id not in await _rung(session, row.id):
        return
    await _end_offers(core, session, row.id, result, only=user_id)
    others = await _rung(session, row.id)
    if others:
        row.offered_to_id = others[0]  # ringall: those still ring
    else:
        row.state, row.offered_to_id, row.offer_until = WaitState.WAITING.value, None, None
    await session.flush()
    duty = await duty_of(core, session, user_id)
    if duty.state == DutyState.RINGING.value and duty.call_id == call_id:
        duty.missed += 1
        if options.autopause and duty.missed >= options.autopause:
            await change(core, session, duty, DutyState.BREAK, reason="no_answer")
        else:
            await change(core, session, duty, DutyState.READY)
    await wake(session, "queue")


async def distribute(core: Core, session: AsyncSession, document: Document, chance: random.Random | None = None) -> list[Ring]:
    """Offer waiting callers to ready agents. The callers' own processes ring; they are woken when this commits."""
    await session.execute(_LOCK)
    await _tidy(core, session)
    callers = await callers_waiting(core, session, document)
    agents = await ready_agents(core, session) if callers else []
    rings = []
    busy = await busy_agents(session) if callers else []
    for caller, agent in pair(callers, agents, document.queues, chance or random.Random(), busy):
        options = document.queues.get(caller.queue)
        rings.append(await _offer(core, session, caller, agent, options.timeout if options else 15))
    if rings:
        await wake(session, "ring")
    return rings


async def rings_of(core: Core, session: AsyncSession, call_id: UUID) -> list[Ring]:
    """The agents whom this caller's process is to ring now: one, or with `ringall` several."""
    statement = (
        select(Waiting, Duty, User.name)
        .join(Offer, (Offer.waiting_id == Waiting.id) & Offer.ended_at.is_(None))
        .join(Duty, Duty.user_id == Offer.user_id)
        .join(User, User.id == Offer.user_id)
        .where(Waiting.call_id == call_id, Waiting.state == WaitState.OFFERED.value, Waiting.offer_until.is_not(None))
        .order_by(Offer.id)
    )
    now = core.clock.now()
    return [
        Ring(row.Waiting.id, call_id, row.Duty.user_id, row.name, row.Duty.phone,
             max(1, math.ceil((row.Waiting.offer_until - now).total_seconds())))
        for row in await session.execute(statement)
    ]  # fmt: skip


async def place(core: Core, session: AsyncSession, call_id: UUID) -> Place | None:
    """The caller's place among all who could be served before, and how long it may take; None when not in the queue."""
    row = (await session.scalars(select(Waiting).where(Waiting.call_id == call_id, Waiting.state.in_(_OPEN)))).first()
    if row is None:
        return None
    mine = (row.weight, row.priority)
    others = select(Waiting.weight, Waiting.priority, Waiting.entered_at, Waiting.id).where(
        Waiting.queue == row.queue, Waiting.state.in_(_OPEN), Waiting.id != row.id
    )
    ahead = [
        other
        for other in await session.execute(others)
        if (other.weight, other.priority) > mine
        or ((other.weight, other.priority) == mine and (other.entered_at, other.id) < (row.entered_at, row.id))
    ]
    on_duty = await on_duty_count(session, row.line, rung_at=core.clock.now())
    position = len(ahead) + 1
    handling = await handling_s(core, session)
    answering = await answering_count(core, session, row.line)
    return Place(position, round(handling * position / max(1, answering)), on_duty)


async def answering_count(core: Core, session: AsyncSession, line: str, *, any_line: bool = False) -> int:
    """How many agents of this line take calls, now or after what they are at. Who has a break does not.

    `any_line`: those count too whose skills name other lines (a queue that others overflow into).
    """
    but = (DutyState.OFF, DutyState.BREAK)
    return await on_duty_count(session, line, but=but, rung_at=core.clock.now(), skilled=not any_line)


async def on_duty_count(
    session: AsyncSession,
    line: str,
    *,
    but: Sequence[DutyState] = (DutyState.OFF,),
    rung_at: datetime | None = None,
    skilled: bool = False,
) -> int:
    """How many agents who may answer this line are in another state than these; by default those on a break count, they come back.

    `rung_at`: now, for callers: only those who can be rung, that is, who have a telephone or had one until a minute ago (a browser
    that goes to another page, or a gateway that starts again, has its telephone back in a moment). Chats need none.
    `skilled`: without those whose skills name other lines only: they are never rung for this one.
    """
    away = [state.value for state in but]
    there = select(func.count()).select_from(Duty).join(User, User.id == Duty.user_id).where(Duty.state.not_in(away), User.active)
    if rung_at is not None:
        lately = select(Event.subject_id).where(Event.name == "duty.phone", Event.at > rung_at - timedelta(seconds=_PHONE_BACK_S))
        there = there.where((Duty.phone != "") | cast(Duty.user_id, String).in_(lately))
    if skilled:
        lines = (Skill.user_id == Duty.user_id) & (Skill.kind == "line")
        there = there.where((User.line == line) | ~exists().where(lines) | exists().where(lines, Skill.code == line))
    return await session.scalar(there.where((User.line.is_(None)) | (User.line == line))) or 0


async def handling_s(core: Core, session: AsyncSession) -> float:
    """Mean length of talk and wrap-up over the last twenty served callers of the day."""
    spans = text(
        """SELECT avg(extract(epoch FROM ended_at - started_at)) FROM (
            SELECT started_at, ended_at FROM duty_period
            WHERE state = 'busy' AND ended_at IS NOT NULL AND started_at > :since ORDER BY started_at DESC LIMIT 20) recent"""
    )
    mean = await session.scalar(spans, {"since": core.clock.now() - timedelta(hours=12)})
    return float(mean) + 20 if mean is not None else float(DEFAULT_HANDLING_S)


async def agent_left_call(core: Core, session: AsyncSession, user_id: int, options: QueueOptions | None) -> None:
    """The agent's part in a call is over: wrap-up."""
    await after_call(core, session, user_id, wrap_s=options.wrapuptime if options else 0)
    await wake(session, "queue")


async def call_over(core: Core, session: AsyncSession, call_id: UUID) -> None:
    """The call ended, however it did: nobody waits for it, no agent is held by it. Part of `calls.end_call`."""
    await leave(core, session, call_id, Outcome.ABANDONED)
    held = select(Duty.user_id).where(Duty.call_id == call_id)
    for user_id in list(await session.scalars(held)):
        await after_call(core, session, user_id, wrap_s=30)


async def _tidy(core: Core, session: AsyncSession) -> None:
    """Offers of a process that died: caller and agent are free again. A live process ends its offers itself."""
    late = core.clock.now() - timedelta(seconds=_LATE_S)
    statement = (
        select(Waiting).where(Waiting.state == WaitState.OFFERED.value, Waiting.offer_until < late).with_for_update(skip_locked=True)
    )
    for row in await session.scalars(statement):
        row.state, row.offered_to_id, row.offer_until = WaitState.WAITING.value, None, None
        await session.flush()
        await _free(core, session, await _end_offers(core, session, row.id, "failed"))


async def _offer(core: Core, session: AsyncSession, caller: Caller, agent: Agent, timeout_s: int) -> Ring:
    now = core.clock.now()
    row = await session.get_one(Waiting, caller.waiting_id)
    first = row.offered_to_id or agent.user_id  # ringall: the board names one of them
    row.state, row.offered_to_id, row.offer_until = WaitState.OFFERED.value, first, now + timedelta(seconds=timeout_s)
    session.add(Offer(waiting_id=row.id, user_id=agent.user_id, offered_at=now))
    await session.flush()
    duty = await duty_of(core, session, agent.user_id)
    await change(core, session, duty, DutyState.RINGING, call_id=row.call_id)
    name = await session.scalar(select(User.name).where(User.id == agent.user_id)) or ""
    return Ring(row.id, row.call_id, agent.user_id, name, duty.phone, timeout_s)


async def _open_row(session: AsyncSession, call_id: UUID) -> Waiting | None:
    statement = select(Waiting).where(Waiting.call_id == call_id, Waiting.state.in_(_OPEN))
    return (await session.scalars(statement.with_for_update().execution_options(populate_existing=True))).first()


async def _rung(session: AsyncSession, waiting_id: int) -> list[int]:
    """Whose telephones ring for this caller."""
    ringing = select(Offer.user_id).where(Offer.waiting_id == waiting_id, Offer.ended_at.is_(None))
    return list(await session.scalars(ringing.order_by(Offer.id)))


async def _end_offers(core: Core, session: AsyncSession, waiting_id: int, result: str, *, only: int | None = None) -> list[int]:
    """End the rings for this caller, or the one of this agent; whose they were."""
    ended = update(Offer).where(Offer.waiting_id == waiting_id, Offer.ended_at.is_(None))
    if only is not None:
        ended = ended.where(Offer.user_id == only)
    return list(await session.scalars(ended.values(ended_at=core.clock.now(), result=result).returning(Offer.user_id)))


async def _free(core: Core, session: AsyncSession, users: Sequence[int]) -> None:
    """Their telephones need not ring any more. Locked in one order, so that two who do this do not wait for each other."""
    for user_id in sorted(users):
        duty = await duty_of(core, session, user_id)
        if duty.state == DutyState.RINGING.value:
            await change(core, session, duty, DutyState.READY)


async def _event(core: Core, session: AsyncSession, call_id: UUID, name: str, data: dict[str, str]) -> None:
    await record(session, at=core.clock.now(), name=name, subject="call", subject_id=call_id, who=SYSTEM.who, data=data)
