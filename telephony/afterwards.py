"""Transcribing recordings after their calls: what could not be heard live, and what is to be heard again by a better model."""

from __future__ import annotations

import asyncio
import audioop
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from hotline.database import Database
from hotline.errors import Conflict, HotlineError, Unavailable
from hotline.logs import get
from hotline.security import InvalidToken
from telephony.speech.processes import ProcessTranscriber
from telephony.speech.transcriber import TranscriptSession
from ticketing.context import Core
from ticketing.conversation.agent_spans import Span
from ticketing.conversation.recordings import RATE_HZ, Recorded, open_recording, wav_header
from ticketing.conversation.transcriptions import Job, JobKind, Segment, claim, enqueue_missing, finish, give_back, renew

log = get(__name__)
_LOOK_S = 5.0
_PIECE = RATE_HZ * 4 * 2
"""Two seconds of stereo: short enough to give way to a caller."""
_RENEW_S = 60.0
_BUSY_S = 1.0

Open = Callable[[int], TranscriptSession]
"""Starts a transcript at this rate."""
GiveWay = Callable[[], bool]
"""Whether callers need the recognisers more just now."""


async def transcribe_waiting(
    core: Core, database: Database, open_session: Open, name: str, *, kinds: Sequence[JobKind], give_way: GiveWay = lambda: False
) -> int:
    """Work until nothing waits (or callers need the recognisers); returns how many were finished. Raises Unavailable."""
    done = 0
    while not give_way():
        async with database.transaction() as session:
            job = await claim(core, session, kinds)
        if job is None:
            break
        done += await _one(core, database, open_session, name, job, give_way)
    return done


async def _one(core: Core, database: Database, open_session: Open, name: str, job: Job, give_way: GiveWay) -> bool:
    try:
        segments = await _segments(core, database, open_session, job, give_way)
        async with database.transaction() as session:
            await finish(core, session, job, segments, name)
    except Conflict:
        log.warning("transcription_lost", call=str(job.call_id), reason="another process has it by now")
        return False
    except (HotlineError, InvalidToken, OSError, ValueError) as error:
        log.warning("transcription_failed", call=str(job.call_id), attempt=job.attempt, reason=type(error).__name__)
        async with database.transaction() as session:
            await give_back(core, session, job, type(error).__name__)
        return False
    log.info("transcription_done", call=str(job.call_id), kind=job.kind.value, segments=len(segments), model=name)
    return True


async def _segments(core: Core, database: Database, open_session: Open, job: Job, give_way: GiveWay) -> list[Segment]:
    recorded = await asyncio.to_thread(open_recording, core.data_dir, job.recording_path, core.vault)
    patience = _Patience(core, database, job, give_way)
    found = await _listen(recorded, "citizen", open_session, Span(0.0, None), patience)
    for span in job.agent:  # what stands around it in the right channel are our own prompts and music
        found += await _listen(recorded, "agent", open_session, span, patience)
    return found


async def _listen(
    recorded: Recorded, speaker: Literal["citizen", "agent"], open_session: Open, span: Span, patience: _Patience
) -> list[Segment]:
    left, right = (1, 0) if speaker == "citizen" else (0, 1)
    session = open_session(RATE_HZ)
    heard = []
    try:
        async for stereo in _pieces(recorded, span):
            await patience.between()
            heard += await session.accept(audioop.tomono(stereo, 2, left, right))
        heard += await session.finish()
    finally:
        session.close()
    return [
        Segment(speaker, one.text, round(span.from_s + one.start_s, 2), round(span.from_s + one.end_s, 2), one.confidence)
        for one in heard
        if one.kind == "final" and one.text
    ]


async def _pieces(recorded: Recorded, span: Span) -> AsyncIterator[bytes]:
    position, end = _position(span.from_s), recorded.length
    if span.until_s is not None:
        end = min(end, _position(span.until_s))
    while position < end:
        piece = await asyncio.to_thread(recorded.read, position, min(_PIECE, end - position))
        position += _PIECE
        yield piece[: len(piece) // 4 * 4]


def _position(second: float) -> int:
    """Where in the stereo file this second begins."""
    return len(wav_header(0)) + int(second * RATE_HZ) * 4


class _Patience:
    """Between two pieces: renews the lease, and waits while callers need the recognisers."""

    def __init__(self, core: Core, database: Database, job: Job, give_way: GiveWay) -> None:
        self._core, self._database, self._job, self._give_way = core, database, job, give_way
        self._renewed = asyncio.get_running_loop().time()

    async def between(self) -> None:
        """Raises Conflict when the lease is somebody else's."""
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() - self._renewed > _RENEW_S:
                async with self._database.transaction() as session:
                    await renew(self._core, session, self._job)
                self._renewed = loop.time()
            if not self._give_way():
                return
            await asyncio.sleep(_BUSY_S)


async def run(core: Core, database: Database, transcriber: ProcessTranscriber) -> None:
    """For ever: queue what has no transcript and work through it whenever no caller needs the recognisers."""
    while True:
        try:
            async with database.transaction() as session:
                queued = await enqueue_missing(core, session)
            if queued:
                log.info("transcriptions_queued", calls=queued)
            await transcribe_waiting(
                core, database, transcriber.open_spare, transcriber.name, kinds=[JobKind.MISSING], give_way=transcriber.busy
            )
        except Unavailable as error:
            log.warning("transcriptions_wait", reason=str(error))
        except Exception:  # callers are served whatever is wrong here
            log.exception("transcriptions_failed")
        await asyncio.sleep(_LOOK_S)
