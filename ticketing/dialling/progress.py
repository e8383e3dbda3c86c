"""What the telephony process writes while it carries out a call by click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep
from hotline.events import record
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.assignment.service import contact
from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.conversation.calls import answered_by_person, end_call, get_call
from ticketing.conversation.models import Call, CallState
from ticketing.dialling.models import Dial, DialState
from ticketing.dialling.service import CONTACTING, number_of
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import after_call, change, duty_of
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import User
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

NOT_REACHED = ("no_answer", "busy", "wrong_number")
"""Results that are the citizen's, not our line's: they count as an attempt."""
MISSES = 2
"""So many return calls in a row that an agent's telephone rang for in vain, and the agent has a break (autopause)."""


@dataclass(frozen=True)
class Job:
    """What a telephony process needs to carry one out, and nothing more."""

    dial_id: int
    call_id: UUID
    conversation_id: UUID
    ticket: str
    """Its number."""
    user_id: int
    phone: str
    """SIP address of the person's telephone."""
    number: str
    """The citizen's, as within the country. Never for logs, rows or pages."""


@dataclass(frozen=True)
class End:
    """How a call ended."""

    result: str
    """A key of table dial_result."""
    reason: str
    """The end reason of the call."""
    recording_path: str | None = None
    recording_seconds: float = 0.0
    media: Mapping[str, float] | None = None
    """What became of its packets."""


async def claim(core: Core, session: AsyncSession, worker: str) -> list[Job]:
    """Take the calls that wait, oldest first: nobody takes them twice. What came too late, or lost its telephone, is over."""
    waiting = select(Dial).where(Dial.state == DialState.WAITING.value).order_by(Dial.id).limit(20).with_for_update(skip_locked=True)
    jobs = []
    for dial in await session.scalars(waiting):
        call = await get_call(session, dial.call_id, lock=True)
        duty = await session.get(Duty, dial.user_id)
        mine = duty is not None and duty.call_id == call.id and duty.state == DutyState.RINGING.value
        if duty is None or not mine or not duty.phone or dial.valid_until < core.clock.now():
            await _over(core, session, dial, "late" if dial.valid_until < core.clock.now() else "agent_gone")
            continue
        ticket = await session.get_one(Ticket, dial.ticket_id)
        owed = await session.get(ReturnCall, dial.return_call_id) if dial.return_call_id else None
        dial.state, call.worker = DialState.RINGING.value, worker
        number = await number_of(core, session, ticket, owed)
        jobs.append(Job(dial.id, call.id, call.conversation_id, ticket.number, dial.user_id, duty.phone, number))
    await session.flush()
    return jobs


async def person_answered(core: Core, session: AsyncSession, dial_id: int) -> bool:
    """The person picked up: the citizen is dialled now. False when the call was ended meanwhile."""
    dial, call = await _held(session, dial_id)
    if dial.state != DialState.RINGING.value or call.state == CallState.ENDED.value:
        return False
    dial.state = DialState.DIALLING.value
    duty = await duty_of(core, session, dial.user_id)
    await change(core, session, duty, DutyState.BUSY, call_id=call.id)
    await answered_by_person(core, session, call.id, dial.user_id)
    return True


async def citizen_answered(
    core: Core, session: AsyncSession, dial_id: int, *, sip_call_id: str, codec: str, transcriber: str | None
) -> bool:
    """The citizen picked up: a return call is done, a unit's contact clock stops. False when the call was ended meanwhile."""
    dial = await session.get_one(Dial, dial_id)
    ticket = await _locked(session, dial.ticket_id)
    dial, call = await _held(session, dial_id)
    if dial.state != DialState.DIALLING.value or call.state == CallState.ENDED.value:
        return False
    now = core.clock.now()
    dial.state, dial.answered_at = DialState.TALKING.value, now
    call.answered_at, call.sip_call_id, call.codec, call.transcriber = now, sip_call_id, codec, transcriber
    await session.flush()
    actor = staff_actor(await session.get_one(User, dial.user_id))
    await _event(core, session, dial, call, actor, "call.reached")
    await _return_call_done(core, session, actor, ticket, dial)
    await _contact_made(core, session, actor, ticket)
    return True


async def finish(core: Core, session: AsyncSession, dial_id: int, end: End) -> None:
    """The call is over. Twice changes nothing."""
    dial = await session.get_one(Dial, dial_id)
    ticket = await _locked(session, dial.ticket_id)
    dial, call = await _held(session, dial_id)
    if dial.state == DialState.OVER.value:
        return
    now = core.clock.now()
    seconds = round((now - dial.answered_at).total_seconds()) if dial.answered_at else 0
    dial.state, dial.result, dial.ended_at = DialState.OVER.value, end.result, now
    if end.media:
        call.data = {**call.data, "media": dict(end.media)}
    await session.flush()
    if end.result != "reached":
        await after_call(core, session, dial.user_id, wrap_s=0)  # nothing was said: nothing to write up
    length = round(end.recording_seconds, 2) or None
    await end_call(core, session, call.id, reason=end.reason, recording_path=end.recording_path, recording_seconds=length)
    if dial.return_call_id is not None and end.result != "reached":
        await _try_again(core, session, dial)
    if dial.automatic and end.result in ("agent_no_answer", "agent_gone"):
        await _missed(core, session, dial.user_id)
    actor = staff_actor(await session.get_one(User, dial.user_id))
    data = {"purpose": dial.purpose, "result": end.result, "seconds": seconds, "call": str(call.id)}
    await tell(core, session, actor, ticket, "contact.called", data)


async def tidy(core: Core, session: AsyncSession) -> int:
    """Calls that no telephony process took, and those whose process died, are over; returns how many."""
    waiting = (Dial.state == DialState.WAITING.value) & (Dial.valid_until < core.clock.now())
    died = (Dial.state != DialState.OVER.value) & (Call.state == CallState.ENDED.value)
    lost = select(Dial).join(Call, Call.id == Dial.call_id).where(waiting | died).with_for_update(of=Dial, skip_locked=True)
    found = list(await session.scalars(lost))
    for dial in found:
        await _over(core, session, dial, "late" if dial.state == DialState.WAITING.value else "failed")
    return len(found)


async def _over(core: Core, session: AsyncSession, dial: Dial, result: str) -> None:
    """Over without a word on the ticket: nobody's telephone rang. The row is locked."""
    dial.state, dial.result, dial.ended_at = DialState.OVER.value, result, core.clock.now()
    await session.flush()
    await end_call(core, session, dial.call_id, reason="not_dialled")


async def _missed(core: Core, session: AsyncSession, user_id: int) -> None:
    """The queue rang this agent for a return call and nobody picked up: as with callers on the line."""
    duty = await duty_of(core, session, user_id)
    duty.missed += 1
    if duty.missed >= MISSES and duty.state == DutyState.READY.value:
        await change(core, session, duty, DutyState.BREAK, reason="no_answer")


async def _event(core: Core, session: AsyncSession, dial: Dial, call: Call, actor: Actor, name: str) -> None:
    """An event of the call, which the page of who dialled hears."""
    notify = {"state": call.state, "conversation": str(call.conversation_id), "dialled_by": dial.user_id}
    await record(session, at=core.clock.now(), name=name, subject="call", subject_id=call.id, who=actor.who, notify=notify)


async def _held(session: AsyncSession, dial_id: int) -> tuple[Dial, Call]:
    dial = await session.get_one(Dial, dial_id, with_for_update=True, populate_existing=True)
    return dial, await get_call(session, dial.call_id, lock=True)


async def _locked(session: AsyncSession, ticket_id: int) -> Ticket:
    return (await session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update())).one()


async def _return_call_done(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, dial: Dial) -> None:
    """回拨 is kept when the citizen picks up; what came of it is written on the ticket like any other matter."""
    owed = await session.get(ReturnCall, dial.return_call_id, with_for_update=True) if dial.return_call_id else None
    if owed is None or owed.state == "done":
        return
    note = _("排到后自动回拨，已接通") if dial.automatic else _("点击回拨，已接通")
    owed.state, owed.done_at, owed.done_by_id, owed.note = "done", core.clock.now(), actor.user_id, note
    await tell(core, session, actor, ticket, "return_call.done", {"note": note})


async def _contact_made(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """T14: a unit's call that was answered is its contact with the citizen; its clock stops."""
    if actor.role is None or not actor.role.in_unit:
        return
    states = [state.value for state in CONTACTING]
    mine = select(Assignment.id).where(
        Assignment.ticket_id == ticket.id,
        Assignment.unit_id == actor.unit_id,
        Assignment.contacted_at.is_(None),
        Assignment.state.in_(states),
    )
    found = await session.scalar(mine.limit(1))
    if found is None:
        return
    try:
        await contact(core, session, actor, found, way="phone", note=_("通过热线平台电话联系，市民已接听"))
    except IllegalStep:  # suspended or closed while the telephone rang: nothing is written, and the two go on talking
        return


async def _try_again(core: Core, session: AsyncSession, dial: Dial) -> None:
    owed = await session.get(ReturnCall, dial.return_call_id, with_for_update=True)
    if owed is None or owed.state == "done":
        return
    if dial.result in NOT_REACHED or dial.result == "not_allowed":
        owed.attempts += 1
    minutes = 1 if dial.result.startswith("agent_") else 10 * max(1, owed.attempts)
    owed.next_attempt_at = core.clock.now() + timedelta(minutes=minutes)
    await session.flush()
