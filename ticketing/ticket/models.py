"""Tables of the ticket and its attachments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Numeric, Sequence, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hotline.clock import CITY_ZONE
from hotline.database import Base
from ticketing.ticket.states import (
    Channel,
    Confidentiality,
    DispatchMode,
    HandlingKind,
    Kind,
    Satisfaction,
    Source,
    TicketState,
    Urgency,
    sql_values,
)

NUMBER_SEQUENCE = Sequence("ticket_number_seq", metadata=Base.metadata)
"""Ticket numbers come from here, never from max()+1 (lesson 14)."""
_BY_STAFF = "created_by_id IS NOT NULL"
_DAY = f"((received_at AT TIME ZONE '{CITY_ZONE.key}')::date)"
_OPEN = ", ".join(f"'{state.value}'" for state in TicketState if state.is_open)
_EMERGENCY = f"(urgency = 'emergency' OR state = 'emergency_out') AND state IN ({_OPEN})"
"""Word for word what `queues.Queue.EMERGENCY` asks for."""


class Ticket(Base):
    """One appeal of one citizen, from registration to archive."""

    __tablename__ = "ticket"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(TicketState)})", name="state"),
        CheckConstraint(f"channel IN ({sql_values(Channel)})", name="channel"),
        CheckConstraint(f"kind IN ({sql_values(Kind)})", name="kind"),
        CheckConstraint(f"urgency IN ({sql_values(Urgency)})", name="urgency"),
        CheckConstraint(f"confidentiality IN ({sql_values(Confidentiality)})", name="confidentiality"),
        CheckConstraint(f"dispatch_mode IS NULL OR dispatch_mode IN ({sql_values(DispatchMode)})", name="dispatch_mode"),
        CheckConstraint(f"satisfaction IS NULL OR satisfaction IN ({sql_values(Satisfaction)})", name="satisfaction"),
        # F01: no ticket ends without feedback. Closed means: rated, or a recorded reason for not having a result.
        CheckConstraint(
            "state NOT IN ('closed', 'archived') OR satisfaction IS NOT NULL OR no_callback_reason IS NOT NULL",
            name="closed_after_callback",
        ),
        CheckConstraint("(state IN ('closed', 'archived')) <= (closed_at IS NOT NULL)", name="closed_has_time"),
        CheckConstraint("state <> 'answered' OR answer IS NOT NULL", name="answered_has_answer"),
        CheckConstraint("state <> 'rejected' OR refusal_reason IS NOT NULL", name="rejected_has_reason"),
        CheckConstraint(f"handling_kind IN ({sql_values(HandlingKind)})", name="handling_kind"),
        CheckConstraint(f"source IN ({sql_values(Source)})", name="source"),
        CheckConstraint("leader_days IS NULL OR leader_days IN (7, 10, 30)", name="leader_days"),
        CheckConstraint("(state = 'merged') <= (master_id IS NOT NULL)", name="merged_has_master"),
        CheckConstraint("master_id <> id AND repeat_of_id <> id", name="not_its_own_master"),
        CheckConstraint("interest_count >= 1 AND repeat_level >= 1 AND info_requests BETWEEN 0 AND 2", name="counts"),
        CheckConstraint("NOT excluded_from_rates OR char_length(excluded_reason) >= 5", name="exclusion_has_reason"),
        CheckConstraint("contact_by IN ('phone', 'sms', 'wechat', 'none')", name="contact_by"),
        CheckConstraint("longitude IS NULL OR longitude BETWEEN -180 AND 180", name="longitude"),
        CheckConstraint("latitude IS NULL OR latitude BETWEEN -90 AND 90", name="latitude"),
        CheckConstraint("round >= 1", name="round"),
        CheckConstraint("char_length(content) BETWEEN 1 AND 10000", name="content_length"),
        CheckConstraint("char_length(title) BETWEEN 1 AND 100", name="title_length"),
        Index("ix_ticket_open", "state", "received_at", postgresql_where=text("state NOT IN ('closed', 'archived')")),
        Index("ix_ticket_citizen_id", "citizen_id"),
        Index("ix_ticket_conversation_id", "conversation_id"),
        # what the retention job looks for (ticketing.retention.rules)
        Index("ix_ticket_to_archive", "closed_at", postgresql_where=text("state = 'closed'")),
        Index("ix_ticket_to_anonymise", "closed_at", postgresql_where=text("state = 'archived' AND anonymised_at IS NULL")),
        Index("ix_ticket_master_id", "master_id", postgresql_where=text("master_id IS NOT NULL")),
        Index("ix_ticket_repeat_of_id", "repeat_of_id", postgresql_where=text("repeat_of_id IS NOT NULL")),
        Index("ix_ticket_received_at", "received_at"),
        Index("ix_ticket_category_code", "category_code", "received_at"),
        Index("ix_ticket_category_state", "category_code", "state", "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL")),
        # the queues (ticketing.ticket.lists): by time left, what has no clock newest first, closed ones newest first
        Index("ix_ticket_next_due", "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL")),
        Index("ix_ticket_state_next_due", "state", "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL")),
        Index("ix_ticket_closed", "closed_at", "id", postgresql_where=text("state IN ('closed', 'archived')")),
        Index("ix_ticket_early_yellow", "next_yellow_at", "next_due_at", postgresql_where=text("next_yellow_at < next_due_at")),
        # danger (Queue.EMERGENCY): the open ones among all that ever were
        Index("ix_ticket_emergency", "next_due_at", "id", postgresql_where=text(_EMERGENCY)),
        # what was registered today (agents see it): the open ones by time left, and state by state, however many that day has
        Index("ix_ticket_day_next_due", text(_DAY), "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL")),
        Index("ix_ticket_day_state", text(_DAY), "state", "next_due_at", "id"),
        Index("ix_ticket_day", text(_DAY), "id"),  # where the day begins, for the search by text
        # what a person registered: the same orders, and a block of ids for the search by text
        Index("ix_ticket_created_by_next_due", "created_by_id", "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL")),
        Index("ix_ticket_created_by_state", "created_by_id", "state", "next_due_at", "id", postgresql_where=text(_BY_STAFF)),
        Index("ix_ticket_created_by_id", "created_by_id", "id", postgresql_where=text(_BY_STAFF)),
        Index(
            "ix_ticket_created_by_closed",
            "created_by_id",
            "closed_at",
            "id",
            postgresql_where=text(f"{_BY_STAFF} AND state IN ('closed', 'archived')"),
        ),
        Index("ix_ticket_named", text("(extra -> 'named')"), postgresql_using="gin", postgresql_where=text("extra ? 'named'")),
        Index("ix_ticket_number_end", text("reverse(number) text_pattern_ops")),
        # how many came by each poster's code (channels.wechat.posters)
        Index("ix_ticket_scene", text("(extra ->> 'scene')"), postgresql_where=text("extra ? 'scene'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    """line-yyyymmdd-NNNNN, for example 12345-20261118-00871"""
    query_code_hash: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    """Counted up by each UPDATE, which also checks the old value (lesson 15: no lost update)."""
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy as a class attribute
    state: Mapped[str]
    line: Mapped[str]
    channel: Mapped[str]
    kind: Mapped[str]
    category_code: Mapped[str | None] = mapped_column(ForeignKey("category.code"))
    urgency: Mapped[str] = mapped_column(default=Urgency.NORMAL.value)
    confidentiality: Mapped[str] = mapped_column(default=Confidentiality.MASKED.value)
    title: Mapped[str]
    content: Mapped[str]
    occurred: Mapped[str] = mapped_column(default="")
    """When it happened, in the citizen's words."""
    district: Mapped[str] = mapped_column(default="")
    street: Mapped[str] = mapped_column(default="", server_default="")
    """Street or township (街道), below the district."""
    community: Mapped[str] = mapped_column(default="", server_default="")
    address: Mapped[str] = mapped_column(default="")
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    citizen_id: Mapped[int | None] = mapped_column(ForeignKey("citizen.id"))
    anonymous: Mapped[bool] = mapped_column(default=False)
    contact_by: Mapped[str] = mapped_column(default="phone")
    """phone, sms, wechat or none"""
    conversation_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id"))
    source: Mapped[str] = mapped_column(default=Source.CITIZEN.value, server_default=Source.CITIZEN.value)
    handling_kind: Mapped[str] = mapped_column(default=HandlingKind.PROMISED.value, server_default=HandlingKind.PROMISED.value)
    tags: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    concerned: Mapped[str] = mapped_column(default="", server_default="")
    """What or whom it is about: a company, a shop, a car's number."""
    amount_yuan: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    preferred_time: Mapped[str] = mapped_column(default="", server_default="")
    """When the citizen likes to be called: a key of the callback windows, empty for any."""
    legal_procedure: Mapped[str] = mapped_column(default="", server_default="")
    """`ticketing.assignment.models.LegalProcedure`, set when the review passes a reply that says so."""
    legal_limit: Mapped[str] = mapped_column(default="", server_default="")
    """How long that procedure takes, in the words that the citizen is told (domain.md 2.4)."""
    reported_unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    dispatch_mode: Mapped[str | None]
    leader_days: Mapped[int | None]
    """7, 10 or 30, for a leader's instruction."""
    policy_key: Mapped[str | None]
    policy_version: Mapped[int | None]
    received_at: Mapped[datetime]
    dispatched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    anonymised_at: Mapped[datetime | None]
    """When the person was taken out of it (`ticketing.retention`)."""
    round: Mapped[int] = mapped_column(default=1)
    """1 at first; every 不满意 that leads to handling again adds one (重办)."""
    repeat_of_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    """The earlier ticket about the same unsolved matter (D04)."""
    repeat_level: Mapped[int] = mapped_column(default=1, server_default="1")
    """Place in the repeat chain; with the rounds it decides who must explain (see ticketing.relation.repeat)."""
    master_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id"))
    """The ticket that this one was merged into (并单)."""
    interest_count: Mapped[int] = mapped_column(default=1, server_default="1")
    """How many people brought this matter: itself and what was merged into it."""
    info_requests: Mapped[int] = mapped_column(default=0, server_default="0")
    """Supplement notices sent; at most two (T5)."""
    refusal_reason: Mapped[str | None]
    """Why it was not accepted: a code of ticketing/seed/refusals.yaml (T4). Stays when the refusal is filed."""
    rejected_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who refused it: an objection is decided by somebody else (T32)."""
    investigator_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """The supervisor who owns it from the third return on (D06)."""
    excluded_from_rates: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Left out of 满意率 and 解决率: law enforcement, mediation, unreasonable (4d); the count is published."""
    excluded_reason: Mapped[str] = mapped_column(default="", server_default="")
    satisfaction: Mapped[str | None]
    solved: Mapped[bool | None]
    """As the citizen said in the callback."""
    no_callback_reason: Mapped[str | None]
    """Why it was closed without a callback result: unreached, anonymous, answered_on_the_spot, …"""
    answer: Mapped[str | None]
    """The result as told to the citizen."""
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """Adapter data, for example {"transcript": "missing"} or Open311 attributes."""
    next_due_at: Mapped[datetime | None]
    """When the most pressing running clock is due. Kept by a trigger on `deadline` (docs/decisions/0110); never set by hand."""
    next_white_at: Mapped[datetime | None]
    """When the first running clock has run so much of its time that it is reminded of. Kept beside `next_due_at`."""
    next_yellow_at: Mapped[datetime | None]
    """When the first running clock is over due: at its due time, or earlier where the policy says so. Kept beside `next_due_at`."""


class TicketWords(Base):
    """What the search by text looks up: hashes of the pairs of neighbouring characters. Kept by a trigger on `ticket`.

    Each hash holds the block of 16,384 tickets that the ticket is of, so that the newest finds of a common word are read
    without reading all of them (`ticketing.ticket.triggers`, docs/decisions/0110).
    """

    __tablename__ = "ticket_words"
    # no list of pending entries: every look-up of a search would read it from end to end, once for each block (docs/decisions/0160)
    __table_args__ = (Index("ix_ticket_words_cells", "cells", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),)

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    cells: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class UnitQueue(Base):
    """What lies and lay at the units: one row for each assignment that stands, with what the queues need of its ticket.

    Kept by triggers (`ticketing.ticket.triggers`), never written by hand: a unit's tickets are then in the order of its queues
    in one index each, where the tickets of all its assignments would have to be looked at one by one (docs/decisions/0124).
    """

    __tablename__ = "unit_queue"
    __table_args__ = (
        Index("ix_unit_queue_state", "unit_id", "state", "next_due_at", "ticket_id", postgresql_include=["secret", "line"]),
        Index("ix_unit_queue_part", "unit_id", "part", "next_due_at", "ticket_id", postgresql_include=["secret", "line"]),
        Index(
            "ix_unit_queue_due",
            "unit_id",
            "next_due_at",
            "ticket_id",
            postgresql_where=text("next_due_at IS NOT NULL"),
            postgresql_include=["next_white_at", "next_yellow_at", "secret", "line", "state"],
        ),
        Index(
            "ix_unit_queue_closed",
            "unit_id",
            "closed_at",
            "ticket_id",
            postgresql_where=text("closed_at IS NOT NULL"),
            postgresql_include=["state", "secret", "line"],
        ),
        Index("ix_unit_queue_ticket_id", "ticket_id"),
    )

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int]
    part: Mapped[str]
    """The state of the assignment."""
    state: Mapped[str]
    """The state of the ticket."""
    next_due_at: Mapped[datetime | None]
    """Of the ticket."""
    next_white_at: Mapped[datetime | None]
    """Of the ticket."""
    next_yellow_at: Mapped[datetime | None]
    """Of the ticket."""
    closed_at: Mapped[datetime | None]
    """Of the ticket."""
    secret: Mapped[bool]
    """Whether the ticket is: then the unit's people do not see it by their role."""
    line: Mapped[str]
    """Of the ticket."""


class Attachment(Base):
    """A file of the citizen or the unit. The path is ours, the name is theirs and never used as a path."""

    __tablename__ = "attachment"
    __table_args__ = (
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint("NOT (for_citizen AND from_citizen)", name="for_citizen"),
        Index("ix_attachment_ticket_id", "ticket_id"),
        Index("ix_attachment_conversation_id", "conversation_id"),
        Index("ix_attachment_path", "path"),
        Index("ix_attachment_article_id", "article_id", postgresql_where=text("article_id IS NOT NULL")),
        Index("ix_attachment_held_id", "held_id", postgresql_where=text("held_id IS NOT NULL")),
        Index("ix_attachment_reply_id", "reply_id", postgresql_where=text("reply_id IS NOT NULL")),
        Index("ix_attachment_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id"))
    article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"))
    """A file of the knowledge base: shown to everybody while a published version names it."""
    held_id: Mapped[UUID | None] = mapped_column(ForeignKey("held_appeal.id", ondelete="SET NULL"))
    """Came with an appeal that waits for a look (`ticketing.held`)."""
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("reply.id", ondelete="SET NULL"))
    """The unit's reply that it belongs to (`ticketing.assignment.reply_files`)."""
    for_citizen: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """给市民看: the unit means it for the citizen, who sees it once the reply passed its review. Otherwise it stays inside."""
    file_name: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    path: Mapped[str]
    """Key in the store, made from the content: the same file is kept once (`ticketing.attachment`)."""
    from_citizen: Mapped[bool]
    created_at: Mapped[datetime]
