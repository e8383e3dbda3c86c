"""Calls that are transcribed after they have ended (补转写): because nobody could while they spoke, or again by a better model.

The queue is a table. A worker takes a row with SKIP LOCKED and holds it by a lease; one that dies loses the lease, and another
takes the row. The number of the attempt is the proof of who holds it: an answer that comes too late is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, and_, exists, or_, select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.errors import Conflict
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.agent_spans import Span, agent_spans
from ticketing.conversation.models import Author, Call, CallState, Conversation
from ticketing.conversation.service import add_message
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import sql_values
from ticketing.ticket.steps import tell

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 5
_FIRST_PAUSE = timedelta(minutes=1)
_LEAST_SECONDS = 1.0
"""Shorter recordings hold a click on the line."""


class JobState(StrEnum):
    """Where a recording stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """Five attempts failed: a person has to listen."""


class JobKind(StrEnum):
    """Why it is transcribed."""

    MISSING = "missing"
    """Nobody transcribed the call while it went on."""
    BETTER = "better"
    """Somebody wants it again, by a better model."""


class Transcription(Base):
    """One recording to transcribe."""

    __tablename__ = "transcription"
    __table_args__ = (
        UniqueConstraint("call_id", "kind"),
        CheckConstraint(f"state IN ({sql_values(JobState)})", name="state"),
        CheckConstraint(f"kind IN ({sql_values(JobKind)})", name="kind"),
        CheckConstraint("(state = 'running') = (leased_until IS NOT NULL)", name="running_has_lease"),
        Index("ix_transcription_open", "not_before", postgresql_where=sql("state IN ('waiting', 'running')")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default=JobState.WAITING.value)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    transcriber: Mapped[str | None]
    """Which model did it."""
    last_error: Mapped[str | None]
    """The kind of error only, never words."""
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Job:
    """A recording that this worker holds."""

    id: int
    attempt: int
    call_id: UUID
    kind: JobKind
    recording_path: str
    agent: tuple[Span, ...] = ()
    """Where the right channel holds an agent's voice, not our prompts and music; empty: no agent spoke."""


@dataclass(frozen=True)
class Segment:
    """Something said in a recording, seconds from its beginning."""

    speaker: Literal["citizen", "agent"]
    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


async def enqueue_missing(core: Core, session: AsyncSession, *, limit: int = 100) -> int:
    """Queue ended calls that have a recording and no transcript; returns how many. Found from the calls: none can be forgotten."""
    known = exists().where(Transcription.call_id == Call.id, Transcription.kind == JobKind.MISSING.value)
    wanted = (
        select(Call.id)
        .join(Conversation, Conversation.id == Call.conversation_id)
        .where(
            Call.state == CallState.ENDED.value,
            Call.transcriber.is_(None),
            Call.recording_path.is_not(None),
            Call.recording_seconds >= _LEAST_SECONDS,
            Conversation.erased_at.is_(None),
            ~known,
        )
        .order_by(Call.ended_at)
        .limit(limit)
    )
    return await _enqueue(core, session, list(await session.scalars(wanted)), JobKind.MISSING)


async def ask_again(core: Core, session: AsyncSession, calls: Sequence[UUID]) -> int:
    """Queue these calls to be transcribed again (one that waits or runs already stays as it is); returns how many.

    Calls without a recording, and those whose words were erased, are left out.
    """
    wanted = (
        select(Call.id)
        .join(Conversation, Conversation.id == Call.conversation_id)
        .where(Call.id.in_(calls), Call.recording_path.is_not(None), Call.state == CallState.ENDED.value, Conversation.erased_at.is_(None))
    )
    return await _enqueue(core, session, list(await session.scalars(wanted)), JobKind.BETTER)


async def _enqueue(core: Core, session: AsyncSession, calls: Sequence[UUID], kind: JobKind) -> int:
    if not calls:
        return 0
    now = core.clock.now()
    fresh = {"state": JobState.WAITING.value, "attempts": 0, "not_before": now, "created_at": now, "done_at": None, "last_error": None}
    statement = insert(Transcription).values([{"call_id": call, "kind": kind.value, **fresh} for call in calls])
    over = Transcription.state.in_([JobState.DONE.value, JobState.FAILED.value])
    if kind is JobKind.BETTER:
        statement = statement.on_conflict_do_update(index_elements=["call_id", "kind"], set_=fresh, where=over)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=["call_id", "kind"])
    return len((await session.scalars(statement.returning(Transcription.id))).all())


async def claim(core: Core, session: AsyncSession, kinds: Sequence[JobKind] = (JobKind.MISSING,)) -> Job | None:
    """Take the next recording for the time of a lease; None when there is nothing to do. Of two workers each gets another one."""
    now = core.clock.now()
    ready = or_(
        and_(Transcription.state == JobState.WAITING.value, Transcription.not_before <= now),
        and_(Transcription.state == JobState.RUNNING.value, Transcription.leased_until < now),
    )
    wanted = (
        select(Transcription)
        .where(ready, Transcription.kind.in_([kind.value for kind in kinds]))
        .order_by(Transcription.not_before, Transcription.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await session.scalars(wanted)).first()
    if row is None:
        return None
    call = await session.get_one(Call, row.call_id)
    if row.attempts >= MOST_ATTEMPTS or call.recording_path is None:  # its workers died, or retention has taken the recording away
        row.state, row.leased_until, row.last_error = JobState.FAILED.value, None, row.last_error or "no_recording"
        await session.flush()
        return await claim(core, session, kinds)
    row.state, row.leased_until, row.attempts = JobState.RUNNING.value, now + LEASE, row.attempts + 1
    await session.flush()
    return Job(row.id, row.attempts, call.id, JobKind(row.kind), call.recording_path, await agent_spans(session, call))


async def renew(core: Core, session: AsyncSession, job: Job) -> None:
    """The worker still lives. Raises Conflict when the recording is somebody else's by now."""
    row = await _held(session, job)
    row.leased_until = core.clock.now() + LEASE
    await session.flush()


async def give_back(core: Core, session: AsyncSession, job: Job, error: str) -> None:
    """It did not work: later again, after five attempts never. `error`: a kind of error, no words. Raises like `renew`."""
    row = await _held(session, job)
    given_up = row.attempts >= MOST_ATTEMPTS
    row.state = JobState.FAILED.value if given_up else JobState.WAITING.value
    row.leased_until, row.last_error = None, error[:200]
    row.not_before = core.clock.now() + _FIRST_PAUSE * 2 ** (row.attempts - 1)
    await session.flush()


async def finish(core: Core, session: AsyncSession, job: Job, segments: Sequence[Segment], transcriber: str) -> None:
    """Store what was said. Raises like `renew`; a conversation that was erased meanwhile stays erased."""
    call = await session.get_one(Call, job.call_id)
    conversation = await session.get_one(Conversation, call.conversation_id)
    ticket = await session.get(Ticket, conversation.ticket_id, with_for_update=True) if conversation.ticket_id else None
    await session.refresh(conversation, with_for_update=True)
    row = await _held(session, job)
    row.state, row.leased_until, row.transcriber, row.done_at = JobState.DONE.value, None, transcriber, core.clock.now()
    if conversation.erased_at is None:
        for number, segment in enumerate(sorted(segments, key=lambda one: one.start_s), start=1):
            await _store(core, session, conversation, job, number, segment, transcriber)
        if job.kind is JobKind.MISSING:
            call.transcriber = transcriber
            await _tell(core, session, ticket, segments)
    await session.flush()


async def _store(
    core: Core, session: AsyncSession, conversation: Conversation, job: Job, number: int, segment: Segment, transcriber: str
) -> None:
    data = {"start_s": segment.start_s, "end_s": segment.end_s, "confidence": segment.confidence, "afterwards": job.kind.value}
    await add_message(
        core,
        session,
        conversation,
        Author.CITIZEN if segment.speaker == "citizen" else Author.AGENT,
        segment.text,
        external_id=f"{job.call_id}:{job.kind.value}:{job.attempt}:{number}",
        data={**data, "transcriber": transcriber},
    )


async def _tell(core: Core, session: AsyncSession, ticket: Ticket | None, segments: Sequence[Segment]) -> None:
    """The ticket that was made of an unheard message learns what was said."""
    if ticket is None or ticket.extra.get("transcript") != "missing":
        return
    words = "。".join(segment.text for segment in segments if segment.speaker == "citizen")
    ticket.extra = {**ticket.extra, "transcript": "afterwards"}
    await tell(core, session, SYSTEM, ticket, "transcript.added", {"text": words[:5000] or _("（没有听到说话）")})


async def _held(session: AsyncSession, job: Job) -> Transcription:
    row = await session.get_one(Transcription, job.id, with_for_update=True, populate_existing=True)
    if row.state != JobState.RUNNING.value or row.attempts != job.attempt:
        raise Conflict(_("这份录音已由另一个进程处理"))
    return row
