"""The append-only event log and the outbox.

A service function changes rows and calls `record` in the same transaction. Events of one subject form a chain: each
holds the hash of the one before it, and a database trigger refuses UPDATE and DELETE. `NOTIFY` wakes pages that watch.
What people wrote is sealed inside the event (`hotline.sealed_words`); the log as a whole is sealed by `ticketing.audit`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, Index, UniqueConstraint, select, text
from sqlalchemy.event import listens_for
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, QueryContext, column_property, mapped_column

from hotline.database import VAULT, Base
from hotline.sealed_words import PERSONAL_SUBJECTS, SEALED, EventKey, close, keys_for, reopen, split
from hotline.together import append_events, put_once

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
    stored: Mapped[dict[str, Any]] = mapped_column("data")
    """Codes and numbers in clear, words sealed: what the hash covers."""
    public: Mapped[bool] = mapped_column(default=False)
    """Whether the citizen sees it."""
    previous_hash: Mapped[str]
    hash: Mapped[str]
    key_sealed: ClassVar[Any]
    """The key of the words, loaded with the event; set below the class."""

    @hybrid_property
    def data(self) -> dict[str, Any]:
        """What was recorded, with the words opened; without them when their key was destroyed.

        In a statement `Event.data` is the stored part: codes and numbers can be asked for, words cannot.
        """
        return reopen(getattr(self, "_vault", None), self.key_sealed, self.stored)

    @data.inplace.expression
    @classmethod
    def _stored(cls) -> ColumnElement[dict[str, Any]]:
        return cls.stored.expression


Event.key_sealed = column_property(
    select(EventKey.key_sealed)
    .where(EventKey.subject == Event.subject, EventKey.subject_id == Event.subject_id)
    .correlate_except(EventKey)
    .scalar_subquery()
    .label("key_sealed")
)


@listens_for(Event, "load")
def _remember_the_vault(event: Event, context: QueryContext) -> None:
    event._vault = context.session.info.get(VAULT)  # type: ignore[attr-defined]


class Outbox(Base):
    """A message to the outside that must not be lost: taken with SKIP LOCKED and a lease, parked after the last try."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_ready", "not_before", postgresql_where=text("state = 'waiting'")),
        Index("ix_outbox_parked", "channel", "id", postgresql_where=text("state = 'parked'")),
        # how many text messages somebody got within a day (channels.sms.sender)
        Index("ix_outbox_sms", "recipient", "sent_at", postgresql_where=text("channel = 'sms' AND state = 'sent'")),
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


def body_digest(event: Mapping[str, Any]) -> str:
    """The hash over what an event says: time, name, subject, actor, data as stored (words sealed) and publicity.

    Canonical: UTC with microseconds, sorted keys, whole numbers without a point, no blanks. What comes back from the
    database gives the same bytes as what went in.
    """
    body = {
        "at": event["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "name": event["name"],
        "subject": event["subject"],
        "id": event["subject_id"],
        "who": [event["actor_kind"], event["actor_id"], event["actor_label"]],
        "data": _canonical(event["data"]),
        "public": event["public"],
    }
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def link_digest(previous: str, seq: int, body: str) -> str:
    """The hash of an event: over the hash before it, its number and its body. `append_events` in the database does the same."""
    return hashlib.sha256(f"{previous}\n{seq}\n{body}".encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True)
class Happening:
    """One event of `record_many`."""

    name: str
    subject_id: int | UUID | str
    who: Who
    data: dict[str, Any] = field(default_factory=dict)
    public: bool = False
    notify: dict[str, Any] = field(default_factory=dict)


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
) -> None:
    """Append one event in the current transaction and wake the watchers when it commits.

    The chain is serialised by a transaction-level advisory lock per subject, so two writers cannot take the same seq.
    Words of and about a citizen in `data` are sealed (`hotline.sealed_words`); `Event.data` opens them again.
    """
    happening = Happening(name, subject_id, who, data or {}, public, notify or {})
    await record_many(session, at=at, subject=subject, happenings=[happening])


async def record_many(session: AsyncSession, *, at: datetime, subject: str, happenings: Sequence[Happening]) -> None:
    """Append many events of one kind of subject in one statement; the chains come out as if `record` had written them one by one.

    Events of the same subject are chained in the order given. Watchers are woken once per subject.
    """
    if not happenings:
        return
    await session.flush()
    prepared = [_prepare(at, subject, item) for item in happenings]
    if subject in PERSONAL_SUBJECTS:
        await _seal(session, subject, prepared)
    last_of = {row["subject_id"]: number for number, (row, _words) in enumerate(prepared)}
    items = []
    for number, (row, _words) in enumerate(prepared):
        item = {**row, "at": row["at"].isoformat(), "body": body_digest(row)}
        if last_of[row["subject_id"]] == number:
            told = happenings[number]
            item["notify"] = json.dumps({"name": told.name, "subject": subject, "id": row["subject_id"], **told.notify})
        items.append(item)
    await append_events(session, subject, json.dumps(items))


def _prepare(at: datetime, subject: str, item: Happening) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of one event without its place in the chain, and the words to seal."""
    data = json.loads(json.dumps(item.data, default=str))
    clear, words = split(data) if subject in PERSONAL_SUBJECTS else (data, {})
    row = {
        "at": at.astimezone(UTC),
        "name": item.name,
        "subject": subject,
        "subject_id": str(item.subject_id),
        "actor_kind": item.who.kind.value,
        "actor_id": item.who.user_id,
        "actor_label": item.who.label,
        "data": clear,
        "public": item.public,
    }
    return row, words


async def _seal(session: AsyncSession, subject: str, prepared: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    ids = sorted({row["subject_id"] for row, words in prepared if words})
    if not ids:
        return
    vault = session.info.get(VAULT)
    if vault is None:
        raise RuntimeError("words of a citizen are only kept sealed: open the database with its keys, Database(url, vault=…)")
    keys = await keys_for(session, vault, subject, ids)
    for row, words in prepared:
        if words:
            row["data"][SEALED] = close(keys[row["subject_id"]], words)


async def enqueue(
    session: AsyncSession, *, at: datetime, channel: str, kind: str, recipient: str, payload: dict[str, Any], dedupe_key: str
) -> None:
    """Put one message in the outbox, once per `dedupe_key`."""
    values = {
        "channel": channel,
        "kind": kind,
        "recipient": recipient,
        "payload": payload,
        "dedupe_key": dedupe_key,
        "state": "waiting",
        "attempts": 0,
        "not_before": at,
        "created_at": at,
    }
    await put_once(session, Outbox, values, "dedupe_key")


def reopened(session: AsyncSession, events: Sequence[Event]) -> list[Event]:
    """Events that were read in another way than by the ORM, able to open their words with the session's keys."""
    for event in events:
        event._vault = session.info.get(VAULT)  # type: ignore[attr-defined]
    return list(events)


async def history(session: AsyncSession, subject: str, subject_id: int | UUID | str) -> list[Event]:
    """All events of one subject, oldest first."""
    rows = await session.scalars(select(Event).where(Event.subject == subject, Event.subject_id == str(subject_id)).order_by(Event.seq))
    return list(rows)
