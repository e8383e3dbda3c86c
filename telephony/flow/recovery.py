"""What an earlier process or an outage left: calls still open in the database, and calls that wait in files."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.registration import save_unfinished
from hotline.database import Database
from hotline.errors import NotFound, Unavailable
from hotline.logs import get
from telephony.flow.pending import PendingCall, PendingCalls
from telephony.flow.record import pending_folder
from ticketing.context import Core
from ticketing.conversation.calls import abandoned_calls, end_call, owe_return_call, start_call
from ticketing.conversation.models import Author, Call, Message
from ticketing.conversation.recordings import SUFFIX, open_recording, seconds_of
from ticketing.conversation.service import add_message, get_conversation

log = get(__name__)


async def end_abandoned(core: Core, database: Database, worker: str, *, live: frozenset[str] = frozenset()) -> int:
    """End the calls that a former process of this name left open; returns how many. `live`: calls of this process.

    A return call is owed when the caller had said something or was waiting. Raises Unavailable.
    """
    async with database.transaction() as session:
        calls = [call.id for call in await abandoned_calls(session, worker=worker)]
    waiting = {call.call_id for call in PendingCalls(pending_folder(core.data_dir), core.vault).all()}
    ended = 0
    for call_id in calls:
        if call_id in waiting or str(call_id) in live:
            continue  # a waiting call's file knows more; `pick_up` ends it
        async with database.transaction() as session:
            await _end_abandoned(core, session, (await session.get_one(Call, call_id)))
        ended += 1
    return ended


async def _end_abandoned(core: Core, session: AsyncSession, call: Call) -> None:
    spoke = select(func.count()).where(Message.conversation_id == call.conversation_id, Message.author == Author.CITIZEN.value)
    said = await session.scalar(spoke)
    path = next(iter(sorted((core.data_dir / "recordings").glob(f"*/*/*/{call.id}{SUFFIX}"))), None)
    seconds = recording_seconds(core, path) if path else None
    conversation = await get_conversation(session, call.conversation_id, lock=True)
    unfinished = await save_unfinished(core, session, conversation)
    message_left = call.transcriber is None and (seconds or 0) > 20  # longer than the prompt that asks for it
    ours = call.direction == "out"  # we called: nobody waits for us
    if not ours and (unfinished or call.queued_at is not None or message_left or (said and conversation.ticket_id is None)):
        await owe_return_call(core, session, call.id, reason="process_died")
    relative = str(path.relative_to(core.data_dir)) if path else None
    await end_call(core, session, call.id, reason="process_died", recording_path=relative, recording_seconds=seconds)
    log.warning("abandoned_call_ended", call=str(call.id), said=said)


def recording_seconds(core: Core, path: Path) -> float | None:
    """Length of a recording, None when it can't be read. What a crash left is read as far as it was written."""
    try:
        return seconds_of(open_recording(core.data_dir, str(path.relative_to(core.data_dir)), core.vault))
    except (OSError, ValueError, NotFound) as error:
        log.warning("recording_unreadable", file=path.name, reason=str(error))
        return None


FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0


@dataclass
class Refusals:
    """Waiting calls that the core refused: each is tried again after 5 s, then after twice as long, up to ten minutes."""

    times: dict[UUID, int] = field(default_factory=dict)
    _not_before: dict[UUID, datetime] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many calls are refused at present."""
        return len(self.times)

    def rests(self, call_id: UUID, now: datetime) -> bool:
        """Whether it is too early for another attempt."""
        return call_id in self._not_before and now < self._not_before[call_id]

    def note(self, call_id: UUID, now: datetime) -> float:
        """It was refused again; returns the seconds until the next attempt."""
        before = self.times.get(call_id, 0)
        pause = float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(before, 10)))
        self.times[call_id], self._not_before[call_id] = before + 1, now + timedelta(seconds=pause)
        return pause

    def keep_only(self, call_ids: set[UUID]) -> None:
        """Forget every other call: it was written, or a person took its file away."""
        for gone in self.times.keys() - call_ids:
            del self.times[gone], self._not_before[gone]


async def pick_up(core: Core, database: Database, *, live: frozenset[str] = frozenset(), refusals: Refusals | None = None) -> int:
    """Write the calls that wait in files into the database; returns how many. `live`: calls that are still going on.

    What another living process keeps is left to it. `refusals` remembers, from one attempt to the next, what was refused.
    Doing it twice writes each call once. Raises Unavailable when the database is (still) gone.
    """
    files = PendingCalls(pending_folder(core.data_dir), core.vault)
    refusals = Refusals() if refusals is None else refusals
    done, waiting = 0, files.all()
    refusals.keep_only({call.call_id for call in waiting})
    for call in waiting:
        if str(call.call_id) in live or files.anothers(call) or refusals.rests(call.call_id, core.clock.now()):
            continue
        try:
            async with database.transaction() as session:
                await _write(core, session, call)
        except Unavailable:
            raise
        except Exception as error:  # one call that can't be written must not keep the others waiting
            pause = refusals.note(call.call_id, core.clock.now())
            times = refusals.times[call.call_id]
            why = type(error).__name__  # its words may quote the caller
            log.log(
                logging.ERROR,
                "pending_call_refused",
                call=str(call.call_id),
                times=times,
                again_in_s=pause,
                reason=why,
                exc_info=times == 1,
            )
            continue
        files.remove(call.call_id)
        refusals.keep_only(refusals.times.keys() - {call.call_id})
        done += 1
        log.info("pending_call_written", call=str(call.call_id), owed=call.owed)
    return done


async def _write(core: Core, session: AsyncSession, late: PendingCall) -> None:
    call = await session.get(Call, late.call_id, with_for_update=True)
    if call is None:
        _conversation, call = await start_call(
            core,
            session,
            sip_call_id=late.sip_call_id,
            caller=late.caller,
            called=late.called,
            codec=late.codec,
            worker="recovered",
            transcriber=late.transcriber,
            call_id=late.call_id,
        )
        call.started_at = call.answered_at = late.started_at
    conversation = await get_conversation(session, call.conversation_id, lock=True)
    for said in late.said:
        await add_message(core, session, conversation, Author.CITIZEN, said.text, external_id=said.external_id, data=said.data)
    unfinished = await save_unfinished(core, session, conversation)
    if late.owed or unfinished or (late.ended_at is None and late.said):
        await owe_return_call(core, session, call.id, reason=late.owed or "process_died")
    path = core.data_dir / late.recording_path if late.recording_path else None
    seconds = late.recording_seconds or (recording_seconds(core, path) if path and path.exists() else None)
    await end_call(
        core, session, call.id, reason=late.end_reason, recording_path=late.recording_path if seconds else None, recording_seconds=seconds
    )
