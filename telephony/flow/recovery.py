"""What an earlier process or an outage left: calls still open in the database, and calls that wait in files."""

from __future__ import annotations

import wave
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.registration import save_unfinished
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.logs import get
from telephony.flow.pending import PendingCall, PendingCalls
from telephony.flow.record import pending_folder
from ticketing.context import Core
from ticketing.conversation.calls import abandoned_calls, end_call, owe_return_call, start_call
from ticketing.conversation.models import Author, Call, Message
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
    path = next(iter(sorted((core.data_dir / "recordings").glob(f"*/*/*/{call.id}.wav"))), None)
    seconds = recording_seconds(path) if path else None
    conversation = await get_conversation(session, call.conversation_id, lock=True)
    unfinished = await save_unfinished(core, session, conversation)
    message_left = call.transcriber is None and (seconds or 0) > 20  # longer than the prompt that asks for it
    if unfinished or call.queued_at is not None or message_left or (said and conversation.ticket_id is None):
        await owe_return_call(core, session, call.id, reason="process_died")
    relative = str(path.relative_to(core.data_dir)) if path else None
    await end_call(core, session, call.id, reason="process_died", recording_path=relative, recording_seconds=seconds)
    log.warning("abandoned_call_ended", call=str(call.id), said=said)


def recording_seconds(path: Path) -> float | None:
    """Length of a recording, None when it can't be read. The writer keeps the header true, so nothing has to be mended."""
    try:
        with wave.open(str(path), "rb") as file:
            return round(file.getnframes() / file.getframerate(), 2)
    except (OSError, EOFError, wave.Error) as error:
        log.warning("recording_unreadable", file=path.name, reason=str(error))
        return None


async def pick_up(core: Core, database: Database, *, live: frozenset[str] = frozenset()) -> int:
    """Write the calls that wait in files into the database; returns how many. `live`: calls that are still going on.

    Raises Unavailable when the database is (still) gone. Doing it twice writes each call once.
    """
    files = PendingCalls(pending_folder(core.data_dir), core.vault)
    done = 0
    for call in files.all():
        if str(call.call_id) in live:
            continue
        try:
            async with database.transaction() as session:
                await _write(core, session, call)
        except Unavailable:
            raise
        except Exception:  # one call that can't be written must not keep the others waiting
            log.exception("pending_call_refused", call=str(call.call_id))
            continue
        files.remove(call.call_id)
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
    seconds = late.recording_seconds or (recording_seconds(path) if path and path.exists() else None)
    await end_call(
        core, session, call.id, reason=late.end_reason, recording_path=late.recording_path if seconds else None, recording_seconds=seconds
    )
