"""Conversations, their messages, the phone call under a conversation, and the journal of raw inbound messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class Owner(StrEnum):
    """Who answers. Checked in the same transaction as every send (lesson 25b)."""

    BOT = "bot"
    QUEUE = "queue"
    """A person was asked for; nobody has taken it yet."""
    HUMAN = "human"
    CLOSED = "closed"


class Author(StrEnum):
    """Who wrote a message."""

    CITIZEN = "citizen"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"


class Conversation(Base):
    """One contact of one citizen on one channel."""

    __tablename__ = "conversation"
    __table_args__ = (
        CheckConstraint("channel IN ('phone', 'wechat', 'web', 'sms')", name="channel"),
        CheckConstraint(f"owner IN ({sql_values(Owner)})", name="owner"),
        CheckConstraint("(owner = 'human') = (agent_id IS NOT NULL)", name="human_has_agent"),
        Index(
            "uq_conversation_live_party",
            "channel",
            "party_hash",
            unique=True,
            postgresql_where=sql("owner <> 'closed' AND party_hash IS NOT NULL"),
        ),
        # what the retention job looks for (ticketing.retention.rules)
        Index("ix_conversation_to_erase", "updated_at", postgresql_where=sql("erased_at IS NULL")),
        Index("ix_conversation_draft", "updated_at", postgresql_where=sql("draft IS NOT NULL AND draft <> 'null'")),
        Index("ix_conversation_waiting", "queued_at", postgresql_where=sql("owner IN ('queue', 'human')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str]
    line: Mapped[str] = mapped_column(default="", server_default="")
    """The line that the citizen wrote to (A07): people of another line do not see the chat. A call's line is what was dialled."""
    scene: Mapped[str] = mapped_column(default="", server_default="")
    """Which poster's code (二维码场景值) the citizen scanned last; kept with what is registered from then on."""
    party_hash: Mapped[str | None]
    """Keyed hash of the openid (WeChat) or the number (SMS): at most one live conversation each. Null for phone and web."""
    citizen_id: Mapped[int | None] = mapped_column(ForeignKey("citizen.id"))
    owner: Mapped[str] = mapped_column(default=Owner.BOT.value)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    draft: Mapped[dict[str, Any] | None]
    """The complaint form being filled: see chatbot.form. Null when none is open."""
    bot_state: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql("'{}'"))
    """What the dialogue remembers: misses in a row, offered choices, whether Rasa must be restarted for it."""
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", use_alter=True))
    """The last ticket that came out of it."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    queued_at: Mapped[datetime | None]
    handover_reason: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    """When what was said was erased (`ticketing.retention`)."""


class Message(Base):
    """One thing said. For calls: one final transcript segment or one spoken prompt."""

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint(f"author IN ({sql_values(Author)})", name="author"),
        Index("ix_message_conversation_id", "conversation_id", "id"),
        Index("ix_message_article_id", "article_id", "id", postgresql_where=sql("article_id IS NOT NULL")),
        # answers from the knowledge base by their time: statistics and sampled checks
        Index("ix_message_told", "at", postgresql_where=sql("article_id IS NOT NULL")),
        UniqueConstraint("conversation_id", "external_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    external_id: Mapped[str | None]
    author: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
    article_version: Mapped[int | None]
    """Which text was given, so that a wrong answer can be traced."""
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql("'{}'"))
    """choices, start_s and end_s in the recording, confidence, attachment ids"""


class InboundMessage(Base):
    """The raw message as it came, stored before it is answered; unique, so a repeat is never handled twice (lessons 9, 13)."""

    __tablename__ = "inbound_message"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        CheckConstraint("state IN ('received', 'answered', 'failed')", name="state"),
        Index("ix_inbound_message_received_at", "received_at"),
        Index("ix_inbound_message_conversation_id", "conversation_id"),
        Index("ix_inbound_message_open", "received_at", postgresql_where=sql("state <> 'answered'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    external_id: Mapped[str]
    body_sealed: Mapped[bytes]
    body_hash: Mapped[str]
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="received")
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    conversation_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id"))
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    """A process works on it until then; afterwards another one may."""
    promised_at: Mapped[datetime | None]
    """When the citizen was told «received»: from then on the answer goes out as a message of its own."""
    last_error: Mapped[str | None]


class CallState(StrEnum):
    """Where a phone call stands."""

    BOT = "bot"
    QUEUED = "queued"
    TALKING = "talking"
    """with an agent"""
    ENDED = "ended"


class Call(Base):
    """The phone call under a conversation."""

    __tablename__ = "call"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(CallState)})", name="state"),
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_has_time"),
        # what the retention job looks for (ticketing.retention.rules)
        Index("ix_call_recording", "ended_at", postgresql_where=sql("recording_path IS NOT NULL")),
        Index("ix_call_caller", "ended_at", postgresql_where=sql("caller_sealed IS NOT NULL")),
        Index("ix_call_live", "state", postgresql_where=sql("state <> 'ended'")),
        # what is transcribed afterwards (ticketing.conversation.transcriptions)
        Index("ix_call_unheard", "ended_at", postgresql_where=sql("transcriber IS NULL AND recording_path IS NOT NULL")),
        Index("ix_call_conversation_id", "conversation_id"),
        Index("ix_call_citizen_id", "citizen_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    direction: Mapped[str] = mapped_column(default="in")
    sip_call_id: Mapped[str]
    called: Mapped[str]
    """The number that was dialled (DID, A01)."""
    citizen_id: Mapped[int | None] = mapped_column(ForeignKey("citizen.id"))
    """Who called, when the network told a number that can be called back."""
    caller_sealed: Mapped[bytes | None]
    """The number: under the data key of `citizen_id`, or under the master key when there is no citizen (`calls.caller_numbers`)."""
    caller_hash: Mapped[str | None]
    codec: Mapped[str]
    state: Mapped[str] = mapped_column(default=CallState.BOT.value)
    worker: Mapped[str]
    """Which telephony process has it: after a crash its open calls are ended by the next start."""
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    recording_path: Mapped[str | None]
    """Relative to the data folder."""
    recording_seconds: Mapped[float | None]
    transcriber: Mapped[str | None]
    """Which model wrote the transcript; null: none was available."""
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql("'{}'"))


class Heartbeat(Base):
    """A process says that it lives and what it can do; readyz and doctor read it."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
