"""The life of a phone call in the database, and the return call (回拨) that is owed when nobody served the caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.callback.models import ReturnCall
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import by_caller, normalise_phone, person_vault
from ticketing.context import Core
from ticketing.conversation.models import Author, Call, CallState, Conversation, Message, Owner
from ticketing.conversation.service import close_conversation, get_conversation, open_conversation
from ticketing.people.actor import SYSTEM
from ticketing.queue.service import call_over
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import MIN_CONTENT, Appeal, register
from ticketing.ticket.states import Channel, Kind
from ticketing.ticket.steps import tell

RETURN_CALL_WITHIN = timedelta(hours=1)
"""漏接回拨：within one hour (domain.md 4d, 回拨率)."""


async def start_call(
    core: Core,
    session: AsyncSession,
    *,
    sip_call_id: str,
    caller: str | None,
    called: str,
    codec: str,
    worker: str,
    transcriber: str | None,
    call_id: UUID | None = None,
) -> tuple[Conversation, Call]:
    """A call was answered: its conversation, its row, and the citizen when the network told the number.

    Args:
        caller: the number as signalled, or None when withheld.
        worker: name of the telephony process (its heartbeat).
        transcriber: name of the model that transcribes, None when there is none.
    """
    now = core.clock.now()
    number = normalise_phone(caller)
    citizen = await by_caller(core, session, number) if number else None
    conversation = await open_conversation(core, session, channel="phone", citizen_id=citizen.id if citizen else None)
    call = Call(
        id=call_id or uuid4(),
        conversation_id=conversation.id,
        sip_call_id=sip_call_id,
        called=called,
        citizen_id=citizen.id if citizen else None,
        caller_sealed=_seal_caller(core, citizen, number or caller),
        caller_hash=core.vault.fingerprint(number, "phone") if number else None,
        codec=codec,
        state=CallState.BOT.value,
        worker=worker,
        started_at=now,
        answered_at=now,
        transcriber=transcriber,
    )
    session.add(call)
    await session.flush()
    await _event(core, session, call, "call.answered", {"called": called, "codec": codec})
    return conversation, call


def _seal_caller(core: Core, citizen: Citizen | None, number: str | None) -> bytes | None:
    vault = person_vault(core, citizen) if citizen else None
    if not number:
        return None
    return vault.seal(number, "caller") if vault else core.vault.seal(number)


async def caller_numbers(core: Core, session: AsyncSession, calls: Sequence[Call]) -> dict[UUID, str]:
    """The numbers of these calls in clear, by call; one statement. Missing: withheld, or the person was erased."""
    people = {call.citizen_id for call in calls if call.citizen_id}
    rows = await session.execute(select(Citizen.id, Citizen.data_key_sealed).where(Citizen.id.in_(people))) if people else ()
    keys = {row[0]: core.vault.for_person(row[1]) for row in rows if row[1]}
    found = {}
    for call in calls:
        if call.caller_sealed and call.citizen_id is None:
            found[call.id] = core.vault.open(call.caller_sealed)
        elif call.caller_sealed and call.citizen_id in keys:
            found[call.id] = keys[call.citizen_id].open(call.caller_sealed, "caller")
    return found


async def get_call(session: AsyncSession, call_id: UUID, *, lock: bool = False) -> Call:
    """The call; raises NotFound."""
    statement = select(Call).where(Call.id == call_id)
    call = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    if call is None:
        raise NotFound(_("没有找到这通电话"))
    return call


async def queue_call(core: Core, session: AsyncSession, call_id: UUID) -> None:
    """The caller now waits for a person. The conversation was handed over before (`request_person`)."""
    call = await get_call(session, call_id, lock=True)
    if call.state == CallState.BOT.value:
        call.state, call.queued_at = CallState.QUEUED.value, core.clock.now()
        await session.flush()
        await _event(core, session, call, "call.queued", {})


async def note(core: Core, session: AsyncSession, call_id: UUID, name: str, data: dict[str, str]) -> None:
    """Write down that something happened on the call, for example `call.emergency_offered`."""
    await _event(core, session, await get_call(session, call_id, lock=True), name, data)


async def answered_by_person(core: Core, session: AsyncSession, call_id: UUID, user_id: int) -> None:
    """An agent speaks with the caller: the conversation is theirs. A second agent (transfer) takes it over from the first."""
    call = await get_call(session, call_id, lock=True)
    if call.state == CallState.ENDED.value:
        return
    conversation = await get_conversation(session, call.conversation_id, lock=True)
    call.state, now = CallState.TALKING.value, core.clock.now()
    call.data = {"person_answered_at": now.isoformat(), **call.data, "agent_id": user_id, "mode": "talking"}
    conversation.owner, conversation.agent_id, conversation.updated_at = Owner.HUMAN.value, user_id, now
    await session.flush()
    await _event(core, session, call, "call.taken", {"agent": str(user_id)})


async def standing(core: Core, session: AsyncSession, call_id: UUID, mode: str) -> None:
    """What the agent does with the citizen just now (held, consulting, conference …), so that the desk shows it."""
    call = await get_call(session, call_id, lock=True)
    if call.state == CallState.TALKING.value and call.data.get("mode") != mode:
        call.data = {**call.data, "mode": mode}
        await session.flush()
        await _event(core, session, call, "call.standing", {"mode": mode})


async def back_to_queue(core: Core, session: AsyncSession, call_id: UUID) -> None:
    """The agent was lost (their phone died): the caller waits again."""
    call = await get_call(session, call_id, lock=True)
    if call.state != CallState.TALKING.value:
        return
    conversation = await get_conversation(session, call.conversation_id, lock=True)
    call.state = CallState.QUEUED.value
    conversation.owner, conversation.agent_id = Owner.QUEUE.value, None
    await session.flush()
    await _event(core, session, call, "call.agent_lost", {})


async def end_call(
    core: Core,
    session: AsyncSession,
    call_id: UUID,
    *,
    reason: str,
    recording_path: str | None = None,
    recording_seconds: float | None = None,
) -> Call:
    """The call is over. Doing it twice changes nothing but a recording path that was still missing.

    `reason`: caller_hung_up, finished, queue_timeout, silence, rtp_timeout, process_died, error.
    """
    call = await get_call(session, call_id, lock=True)
    call.recording_path = call.recording_path or recording_path
    call.recording_seconds = call.recording_seconds or recording_seconds
    if call.state != CallState.ENDED.value:
        call.state, call.ended_at, call.end_reason = CallState.ENDED.value, core.clock.now(), reason
        await session.flush()
        await _event(core, session, call, "call.ended", {"reason": reason})
        await call_over(core, session, call.id)
        await close_conversation(core, session, await get_conversation(session, call.conversation_id))
    await session.flush()
    return call


async def owe_return_call(
    core: Core, session: AsyncSession, call_id: UUID, *, reason: str, within: timedelta = RETURN_CALL_WITHIN
) -> ReturnCall:
    """A caller was not served: register what was said as a ticket, unless the call has one, and open the task.

    Once per call, however often it is asked for. `reason`: a key of `ticketing.words` table return_reason. `within`: sooner
    than an hour for who chose it instead of waiting: when it would have been their turn.
    """
    call = await get_call(session, call_id, lock=True)
    existing = (await session.scalars(select(ReturnCall).where(ReturnCall.call_id == call.id))).first()
    if existing is not None:
        return existing
    conversation = await get_conversation(session, call.conversation_id)
    ticket = await session.get(Ticket, conversation.ticket_id) if conversation.ticket_id else None
    if ticket is None:
        ticket = await _ticket_of_call(core, session, conversation, call)
    now = core.clock.now()
    task = ReturnCall(
        call_id=call.id, ticket_id=ticket.id, reason=reason, state="open", created_at=now, due_at=now + min(within, RETURN_CALL_WITHIN)
    )
    session.add(task)
    await session.flush()
    await tell(core, session, SYSTEM, ticket, "return_call.owed", {"call": str(call.id), "reason": reason}, public=True)
    return task


async def _ticket_of_call(core: Core, session: AsyncSession, conversation: Conversation, call: Call) -> Ticket:
    said = await session.scalars(
        select(Message.text).where(Message.conversation_id == conversation.id, Message.author == Author.CITIZEN.value).order_by(Message.id)
    )
    words = "。".join(text.strip() for text in said if text.strip())
    missing = call.transcriber is None
    content = words
    if len(words) < MIN_CONTENT:  # nothing, or one syllable: the person who calls back has to ask
        content = _("来电人留言，语音未能转写，请听录音后回拨") if missing else _("来电人未说明事项，请回拨")
        content += _("（听到：{words}）").format(words=words) if words else ""
    appeal = Appeal(
        channel=Channel.PHONE,
        kind=Kind.HELP,
        title=_("待回拨：{words}").format(words=words[:30]) if len(words) >= MIN_CONTENT else _("待回拨的来电"),
        content=content[:5000],
        citizen_id=conversation.citizen_id,
        conversation_id=conversation.id,
        extra={"call": str(call.id), **({"transcript": "missing"} if missing else {})},
    )
    return (await register(core, session, SYSTEM, appeal)).ticket


async def abandoned_calls(session: AsyncSession, *, worker: str) -> list[Call]:
    """Calls that a former process of this name left open: it died."""
    return list(await session.scalars(select(Call).where(Call.worker == worker, Call.state != CallState.ENDED.value)))


async def live_calls(session: AsyncSession, *which: ColumnElement[bool]) -> list[Call]:
    """Calls that are going on, oldest first; `which` narrows them, as `ticketing.people.lines.calls_of` does."""
    return list(await session.scalars(select(Call).where(Call.state != CallState.ENDED.value, *which).order_by(Call.started_at)))


async def _event(core: Core, session: AsyncSession, call: Call, name: str, data: dict[str, str]) -> None:
    await record(
        session,
        at=core.clock.now(),
        name=name,
        subject="call",
        subject_id=call.id,
        who=SYSTEM.who,
        data=data,
        notify={"state": call.state, "conversation": str(call.conversation_id)},
    )


__all__ = [
    "abandoned_calls",
    "answered_by_person",
    "back_to_queue",
    "end_call",
    "get_call",
    "live_calls",
    "note",
    "owe_return_call",
    "queue_call",
    "standing",
    "start_call",
]
