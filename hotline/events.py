"""The append-only event log and the outbox.

A service function changes rows and calls `record` in the same transaction. Events of one subject form a chain: each
holds the hash of the one before it, and a database trigger refuses UPDATE and DELETE. `NOTIFY` wakes pages that watch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text, UniqueConstraint, bindparam, func, insert, literal, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base

NOTIFY_CHANNEL = "hotline_events"
"""PostgreSQL channel; the payload is JSON {"name", "subject", "id", "unit"}: identifiers only, never personal data."""


class ActorKind(StrEnum):
    """Who did it."""

    STAFF = "staff"
    CITIZEN = "citizen"
    BOT = "bot"
    SYSTEM = "system"


@dataclass(frozen=True)
class Who:
    """The doer as it is written down: kind, account number if staff, and the words shown in the timeline."""

    kind: ActorKind
    user_id: int | None = None
    label: str = ""


SYSTEM = Who(ActorKind.SYSTEM, label="系统")


class Event(Base):
    """One thing that happened. Never changed, never deleted."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("subject", "subject_id", "seq"),
        Index("ix_event_name_at", "name", "at"),
        CheckConstraint("actor_kind IN ('staff', 'citizen', 'bot', 'system')", name="actor_kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    name: Mapped[str]
    """For example `ticket.registered`; the list stands in domain.md 4a."""
    subject: Mapped[str]
    """What it happened to: ticket, conversation, call, user, article, policy."""
    subject_id: Mapped[str]
    seq: Mapped[int]
    """1, 2, 3 … within the subject."""
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None]
    actor_label: Mapped[str]
    data: Mapped[dict[str, Any]]
    public: Mapped[bool] = mapped_column(default=False)
    """Whether the citizen sees it."""
    previous_hash: Mapped[str]
    hash: Mapped[str]


class Outbox(Base):
    """A message to the outside that must not be lost: taken with SKIP LOCKED and a lease, parked after the last try."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_ready", "not_before", postgresql_where=text("state = 'waiting'")),
        CheckConstraint("state IN ('waiting', 'sent', 'parked')", name="state"),
        UniqueConstraint("dedupe_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    """wechat, sms, webhook"""
    kind: Mapped[str]
    recipient: Mapped[str]
    """A reference that the channel resolves (a conversation id, a citizen id), never a phone number in clear."""
    payload: Mapped[dict[str, Any]]
    dedupe_key: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


def _digest(previous: str, event: dict[str, Any]) -> str:
    canonical = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(f"{previous}\n{canonical}".encode()).hexdigest()


async def record(
    session: AsyncSession,
    *,
    at: datetime,
    name: str,
    subject: str,
    subject_id: int | UUID | str,
    who: Who,
    data: dict[str, Any] | None = None,
    public: bool = False,
    notify: dict[str, Any] | None = None,
) -> Event:
    """Append one event in the current transaction and wake the watchers when it commits.

    The chain is serialised by a transaction-level advisory lock per subject, so two writers cannot take the same seq.
    """
    key = str(subject_id)
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{subject}:{key}", 0))))
    last = (
        await session.execute(
            select(Event.seq, Event.hash).where(Event.subject == subject, Event.subject_id == key).order_by(Event.seq.desc()).limit(1)
        )
    ).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, "")
    event = Event(**_row(at, name, subject, key, seq, who, data or {}, public, previous))
    session.add(event)
    await session.flush()
    payload = json.dumps({"name": name, "subject": subject, "id": key, **(notify or {})})
    await session.execute(select(func.pg_notify(NOTIFY_CHANNEL, payload)))
    return event


@dataclass(frozen=True)
class Happening:
    """One event of `record_many`."""

    name: str
    subject_id: int | UUID | str
    who: Who
    data: dict[str, Any] = field(default_factory=dict)
    public: bool = False
    notify: dict[str, Any] = field(default_factory=dict)


async def record_many(session: AsyncSession, *, at: datetime, subject: str, happenings: Sequence[Happening]) -> None:
    """Append many events of one kind of subject in a few statements; the chains come out as if `record` had written them one by one.

    Events of the same subject are chained in the order given. Watchers are woken once per subject.
    """
    if not happenings:
        return
    keys = sorted({str(item.subject_id) for item in happenings})
    one = func.unnest(bindparam("keys", keys, type_=ARRAY(Text))).column_valued("key")
    locked = select(func.pg_advisory_xact_lock(func.hashtextextended(literal(f"{subject}:").op("||")(one), 0)))
    await session.execute(locked)  # `keys` is sorted: two bulk writers wait for each other and do not block each other for ever
    last = (
        select(Event.seq, Event.hash)
        .where(Event.subject == subject, Event.subject_id == one)
        .order_by(Event.seq.desc())
        .limit(1)
        .lateral("last")
    )
    heads = {row[0]: (row.seq, row.hash) for row in await session.execute(select(one, last.c.seq, last.c.hash).join(last, true()))}
    rows, payloads = [], {}
    for item in happenings:
        key = str(item.subject_id)
        seq, previous = heads.get(key, (0, ""))
        row = _row(at, item.name, subject, key, seq + 1, item.who, item.data, item.public, previous)
        heads[key] = (row["seq"], row["hash"])
        rows.append(row)
        payloads[key] = json.dumps({"name": item.name, "subject": subject, "id": key, **item.notify})
    await session.execute(insert(Event), rows)
    told = func.unnest(bindparam("payloads", list(payloads.values()), type_=ARRAY(Text))).column_valued("payload")
    await session.execute(select(func.pg_notify(NOTIFY_CHANNEL, told)))


def _row(
    at: datetime, name: str, subject: str, key: str, seq: int, who: Who, data: dict[str, Any], public: bool, previous: str
) -> dict[str, Any]:
    """The columns of one event, with its hash."""
    body = {"at": at.isoformat(), "name": name, "subject": subject, "id": key, "seq": seq, "who": who.label, "data": data}
    return {
        "at": at,
        "name": name,
        "subject": subject,
        "subject_id": key,
        "seq": seq,
        "actor_kind": who.kind.value,
        "actor_id": who.user_id,
        "actor_label": who.label,
        "data": data,
        "public": public,
        "previous_hash": previous,
        "hash": _digest(previous, body),
    }


async def enqueue(
    session: AsyncSession, *, at: datetime, channel: str, kind: str, recipient: str, payload: dict[str, Any], dedupe_key: str
) -> None:
    """Put one message in the outbox, once per `dedupe_key`."""
    from sqlalchemy.dialects.postgresql import insert as upsert

    await session.execute(
        upsert(Outbox)
        .values(
            channel=channel,
            kind=kind,
            recipient=recipient,
            payload=payload,
            dedupe_key=dedupe_key,
            state="waiting",
            attempts=0,
            not_before=at,
            created_at=at,
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
    )


async def history(session: AsyncSession, subject: str, subject_id: int | UUID | str) -> list[Event]:
    """All events of one subject, oldest first."""
    rows = await session.scalars(select(Event).where(Event.subject == subject, Event.subject_id == str(subject_id)).order_by(Event.seq))
    return list(rows)
