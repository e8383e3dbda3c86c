"""The call that an agent's screen is about (弹屏): the one that rings for them, that they speak on, or that they are still writing up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.conversation.models import Call, CallState
from ticketing.duty.models import ON_CALL, Duty, DutyState
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.queue.models import Waiting, WaitState
from ticketing.ticket.drafts import TicketDraft

WRITE_UP = timedelta(hours=2)
"""How long after its end a call may still be written up by the agent who had it."""


@dataclass(frozen=True)
class OwnCall:
    """The call of one agent's screen."""

    call: Call
    answered: bool
    """The agent speaks, or spoke, with the caller: only then the number is shown and a form is filled."""

    @property
    def over(self) -> bool:
        """The caller has gone; what is left is writing."""
        return self.call.state == CallState.ENDED.value


async def own_call(core: Core, session: AsyncSession, actor: Actor) -> OwnCall | None:
    """What rings or is spoken with now, else the last call while it is written up (话后整理, or a draft of it); None: nothing."""
    duty = await session.get(Duty, actor.user_id) if actor.user_id is not None else None
    if duty is None:
        return None
    if DutyState(duty.state) in ON_CALL and duty.call_id is not None:
        call = await session.get_one(Call, duty.call_id)
        if call.direction == "out":  # the ticket that it is about shows it: there is nothing to register
            return None
        return OwnCall(call, has(actor, call) and call.state == CallState.TALKING.value)
    last = await _last_served(session, actor, core.clock.now())
    if last is None or not (duty.state == DutyState.WRAP_UP.value or await _has_draft(session, actor, last)):
        return None
    return OwnCall(last, True)


def has(actor: Actor, call: Call) -> bool:
    """Whether this agent is the one who took the call, and nobody took it over since."""
    return actor.user_id is not None and call.data.get("agent_id") == actor.user_id


def writes_up(actor: Actor, call: Call, now: datetime) -> bool:
    """Whether the agent may still register what an ended call was about."""
    return has(actor, call) and call.ended_at is not None and call.ended_at > now - WRITE_UP


async def hidden_calls(session: AsyncSession, actor: Actor, calls: Sequence[Call]) -> set[UUID]:
    """Of these live calls, those whose words are somebody else's: they ring for another agent, or another one speaks.

    Who supervises follows all calls; who was called in for advice, or is being rung, follows that one.
    """
    if may(actor, "call.supervise"):
        return set()
    offered = select(Waiting.call_id).where(
        Waiting.call_id.in_([call.id for call in calls]), Waiting.state == WaitState.OFFERED.value, Waiting.offered_to_id != actor.user_id
    )
    rings_elsewhere = set(await session.scalars(offered))
    mine = await session.scalar(select(Duty.call_id).where(Duty.user_id == (actor.user_id or 0)))
    return {
        call.id
        for call in calls
        if call.id != mine and (call.id in rings_elsewhere or (call.state == CallState.TALKING.value and not has(actor, call)))
    }


async def _last_served(session: AsyncSession, actor: Actor, now: datetime) -> Call | None:
    """The newest ended call of this agent, taken from the queue or handed over by a colleague."""
    ended = Call.ended_at > now - WRITE_UP
    # as the partial indexes have it (ix_call_recording, ix_call_caller): a call without recording and number leaves nothing to write up by
    kept = (ended & Call.recording_path.is_not(None)) | (ended & Call.caller_sealed.is_not(None))
    mine = (Call.data["agent_id"].as_integer() == actor.user_id) & (Call.direction == "in")
    return (await session.scalars(select(Call).where(kept, mine).order_by(Call.ended_at.desc()).limit(1))).first()


async def _has_draft(session: AsyncSession, actor: Actor, call: Call) -> bool:
    mine = select(TicketDraft.id).where(TicketDraft.owner_id == actor.user_id, TicketDraft.conversation_id == call.conversation_id)
    return await session.scalar(mine.limit(1)) is not None
