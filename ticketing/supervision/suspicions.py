"""Tables of what looks wrong: findings of the monitoring rules, hand-over records, bursts of equal appeals."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Sequence, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values

HAND_OVER_SEQUENCE = Sequence("hand_over_seq", metadata=Base.metadata)


class Rule(StrEnum):
    """The monitoring points (D11)."""

    NO_CONTACT = "no_contact"
    """closed, and nobody spoke with the citizen"""
    CONTACT_DENIED = "contact_denied"
    """the unit noted a contact, the citizen knows of none"""
    SHORT_REPLY = "short_reply"
    SAME_TEXT = "same_text"
    BRUSH_OFF = "brush_off"
    INSTANT = "instant"
    LATE_CONTACT = "late_contact"
    """the contact was noted after the reply was written"""
    CALLBACK_WITHOUT_CALL = "callback_without_call"
    LAST_MINUTE = "last_minute"


class Finding(Base):
    """One suspicion. Somebody has to confirm or dismiss it; the machine never punishes."""

    __tablename__ = "finding"
    __table_args__ = (
        UniqueConstraint("rule", "key"),
        CheckConstraint(f"rule IN ({sql_values(Rule)})", name="rule"),
        CheckConstraint("state IN ('open', 'confirmed', 'dismissed')", name="state"),
        CheckConstraint(
            "state = 'open' OR (decided_at IS NOT NULL AND decided_by_id IS NOT NULL AND char_length(note) >= 5)", name="decided_has_reason"
        ),
        Index("ix_finding_open", "id", postgresql_where=text("state = 'open'")),
        Index("ix_finding_ticket_id", "ticket_id"),
        Index("ix_finding_unit_id", "unit_id", "found_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    key: Mapped[str]
    """What it is about, for example `reply:12`: the same is found once, however often one looks."""
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(default="open")
    found_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="", server_default="")
    card_id: Mapped[int | None] = mapped_column(ForeignKey("card.id"))


class ReplyPrint(Base):
    """Fingerprint of a reply's text, by which likenesses are found without reading all replies of a unit."""

    __tablename__ = "reply_print"
    __table_args__ = (Index("ix_reply_print_bands", "bands", postgresql_using="gin"),)

    reply_id: Mapped[int] = mapped_column(ForeignKey("reply.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    bands: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """Min-hash bands, each salted with the unit: equal bands mean «probably alike and of the same unit»."""
    at: Mapped[datetime]


class HandOver(Base):
    """移交: the record by which a false reply goes to the discipline organ (D06). Written once; its receipt may be added."""

    __tablename__ = "hand_over"
    __table_args__ = (
        CheckConstraint("state IN ('sent', 'received', 'answered')", name="state"),
        CheckConstraint("char_length(facts) >= 20", name="facts_length"),
        Index("ix_hand_over_ticket_id", "ticket_id"),
        Index("ix_hand_over_unit_id", "unit_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    """YJ-yyyy-NNNNN"""
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    card_id: Mapped[int | None] = mapped_column(ForeignKey("card.id"))
    organ: Mapped[str]
    persons: Mapped[str] = mapped_column(default="", server_default="")
    """Head of the unit and who is directly responsible (D06)."""
    facts: Mapped[str]
    """What the reply said and what was found."""
    made_at: Mapped[datetime]
    made_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    state: Mapped[str] = mapped_column(default="sent")
    answer: Mapped[str] = mapped_column(default="", server_default="")
    """What the organ wrote back."""
    answered_at: Mapped[datetime | None]


class TicketPlace(Base):
    """Where a ticket's matter is, as keys that two tickets of the same place have in common."""

    __tablename__ = "ticket_place"
    __table_args__ = (
        Index("ix_ticket_place_keys", "keys", postgresql_using="gin"),
        Index("ix_ticket_place_category_code", "category_code", "received_at"),
    )

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    category_code: Mapped[str]
    keys: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Each with the category in front: `0501|滨河路188号`."""
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    received_at: Mapped[datetime]


class Burst(Base):
    """群体预警: the same place and category many times, or the sudden rise of a category."""

    __tablename__ = "burst"
    __table_args__ = (
        CheckConstraint("kind IN ('place', 'rise')", name="kind"),
        CheckConstraint("state IN ('open', 'handled', 'dismissed')", name="state"),
        CheckConstraint("state = 'open' OR (decided_at IS NOT NULL AND char_length(note) >= 5)", name="decided_has_reason"),
        Index("ix_burst_last_at", "last_at"),
        Index("ix_burst_open", "category_code", "last_at", postgresql_where=text("state = 'open'")),
        Index("uq_burst_rise", "category_code", unique=True, postgresql_where=text("kind = 'rise' AND state = 'open'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"))
    place: Mapped[str]
    """In words; empty for a rise of the whole city."""
    count: Mapped[int]
    usual: Mapped[float | None]
    """For a rise: the daily mean before."""
    told_count: Mapped[int]
    """How many it had when people were told last; told again when it has doubled."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="open")
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="", server_default="")


class BurstTicket(Base):
    """A ticket of a burst."""

    __tablename__ = "burst_ticket"
    __table_args__ = (Index("ix_burst_ticket_ticket_id", "ticket_id"),)

    burst_id: Mapped[int] = mapped_column(ForeignKey("burst.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
