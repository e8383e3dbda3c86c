"""Tables of supervision: cards, rectification tasks, notices to the staff, urging, formal supervision, commitments."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base

FORMAL_SEQUENCE = Sequence("formal_supervision_seq", metadata=Base.metadata)
"""Numbers of formal supervision come from here, never from max()+1 (lesson 14)."""


class CardReason(StrEnum):
    """Why a card was given, besides the kinds of clocks (`ClockKind`)."""

    TWO_YELLOWS = "two_yellows"
    FALSE_REPLY = "false_reply"
    FINDING = "finding"
    BY_HAND = "by_hand"


class Card(Base):
    """A yellow or red card. Given once per clock and colour; never deleted and never taken back by an extension.

    A supervisor may revoke it with a reason: then it stays, marked, and no longer counts.
    """

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("deadline_id", "colour"),
        CheckConstraint("colour IN ('yellow', 'red')", name="colour"),
        CheckConstraint("state IN ('given', 'revoked')", name="state"),
        CheckConstraint(
            "(state = 'revoked') = "
            "(revoked_at IS NOT NULL AND revoked_by_id IS NOT NULL AND char_length(coalesce(revoke_reason, '')) >= 10)",
            name="revoked_has_reason",
        ),
        CheckConstraint("deadline_id IS NOT NULL OR reason IN ('two_yellows', 'false_reply', 'finding', 'by_hand')", name="has_cause"),
        Index("ix_card_unit_id", "unit_id", "at"),
        Index("ix_card_at", "at"),
        Index("ix_card_ticket_id", "ticket_id"),
        Index(
            "uq_card_two_yellows",
            "ticket_id",
            "unit_id",
            unique=True,
            postgresql_where=text("reason = 'two_yellows' AND state = 'given'"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    deadline_id: Mapped[int | None] = mapped_column(ForeignKey("deadline.id", ondelete="CASCADE"))
    """The clock that ran out; null for cards with another cause."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    """Null when the centre itself is late."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """The person who signed for the matter, when somebody did."""
    colour: Mapped[str]
    reason: Mapped[str]
    """Kind of the clock, or a `CardReason`."""
    note: Mapped[str] = mapped_column(default="", server_default="")
    at: Mapped[datetime]
    given_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Null: by the sweep."""
    state: Mapped[str] = mapped_column(default="given", server_default="given")
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    revoke_reason: Mapped[str | None]
    rectification_id: Mapped[int | None] = mapped_column(ForeignKey("rectification.id"))
    """The task that it opened, or that was open already."""


class Rectification(Base):
    """整改: what a card obliges the unit to: cause, measure, done, confirmed by the supervisor. One open task per ticket and unit."""

    __tablename__ = "rectification"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'done', 'confirmed', 'dropped')", name="state"),
        CheckConstraint(
            "state NOT IN ('done', 'confirmed') OR (char_length(cause) >= 5 AND char_length(measure) >= 10)", name="done_has_text"
        ),
        CheckConstraint("state <> 'confirmed' OR confirmed_by_id IS DISTINCT FROM done_by_id", name="confirmed_by_another"),
        Index(
            "uq_rectification_open",
            "ticket_id",
            "unit_id",
            unique=True,
            postgresql_where=text("state IN ('open', 'done')"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_rectification_open", "due_at", postgresql_where=text("state IN ('open', 'done')")),
        Index("ix_rectification_unit_id", "unit_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    """Null: the centre."""
    state: Mapped[str] = mapped_column(default="open")
    """open, done (waits for the supervisor), confirmed, dropped (its card was revoked)"""
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    cause: Mapped[str] = mapped_column(default="", server_default="")
    measure: Mapped[str] = mapped_column(default="", server_default="")
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    confirmed_at: Mapped[datetime | None]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="", server_default="")
    """What the supervisor wrote, also when it went back to the unit."""
    overdue_told_at: Mapped[datetime | None]


class StaffNotice(Base):
    """A message in a person's inbox. It holds no word of the case: the page takes title and number by the door of tickets."""

    __tablename__ = "staff_notice"
    __table_args__ = (
        CheckConstraint("how IN ('now', 'digest', 'list')", name="how"),
        Index("ix_staff_notice_unread", "user_id", "how", "not_before", postgresql_where=text("read_at IS NULL")),
        Index("ix_staff_notice_user_id", "user_id", "id"),
        Index("ix_staff_notice_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    kind: Mapped[str]
    """See `notices.NoticeKind`."""
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    how: Mapped[str] = mapped_column(default="now", server_default="now")
    """`wishes.How`, as the person wished when it was written: only `now` is counted on the bell."""
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    """Later than `created_at` in quiet hours (lesson 7)."""
    read_at: Mapped[datetime | None]


class StaffPreference(Base):
    """How a person of the staff wants to be told. No row: as seed/staff_notices.yaml has it for the role."""

    __tablename__ = "staff_preference"
    __table_args__ = (
        CheckConstraint("jsonb_typeof(hows) = 'object'", name="hows"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet_whole"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    hows: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """What was chosen for single groups: {"due_soon": "digest"}."""
    quiet_from: Mapped[time | None]
    quiet_to: Mapped[time | None]
    """Own quiet hours besides the city's; they may run over midnight."""
    digest: Mapped[bool | None]
    """Null: as the role has it."""
    digest_at: Mapped[time | None]
    """Null: the hour of the file."""
    updated_at: Mapped[datetime]


class StaffDigest(Base):
    """That a person's digest of a day was made, so that nobody gets two; also when there was nothing to say."""

    __tablename__ = "staff_digest"
    __table_args__ = (Index("ix_staff_digest_day", "day"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """Of the city."""
    made_at: Mapped[datetime]
    notice_id: Mapped[int | None] = mapped_column(ForeignKey("staff_notice.id", ondelete="SET NULL"))
    """Null: there was nothing to say."""


class Urging(Base):
    """催办: somebody asked to hurry."""

    __tablename__ = "urging"
    __table_args__ = (
        CheckConstraint("by IN ('citizen', 'agent', 'dispatcher', 'supervisor', 'leader')", name="by"),
        Index("ix_urging_ticket_id", "ticket_id", "at"),
        Index("ix_urging_at", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    by: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="", server_default="")
    at: Mapped[datetime]


class FormalSupervision(Base):
    """督办: a written order to a unit, with number, demands, answer and conclusion."""

    __tablename__ = "formal_supervision"
    __table_args__ = (
        CheckConstraint("state IN ('issued', 'answered', 'concluded', 'withdrawn')", name="state"),
        CheckConstraint("state NOT IN ('answered', 'concluded') OR answer IS NOT NULL", name="answered_has_text"),
        CheckConstraint("state <> 'concluded' OR (conclusion IS NOT NULL AND concluded_at IS NOT NULL)", name="concluded_has_text"),
        CheckConstraint("due_at > issued_at", name="due_after_issue"),
        CheckConstraint("char_length(demands) BETWEEN 10 AND 4000", name="demands_length"),
        Index("ix_formal_supervision_ticket_id", "ticket_id"),
        Index("ix_formal_supervision_unit_id", "unit_id", "id"),
        Index("ix_formal_supervision_open", "due_at", postgresql_where=text("state IN ('issued', 'answered')")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    """DB-yyyy-NNNNN"""
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    ordered_by: Mapped[str]
    """Who ordered it, as it is printed: 督查室, 王市长 …"""
    instruction: Mapped[str] = mapped_column(default="", server_default="")
    """批示: the leader's words."""
    demands: Mapped[str]
    state: Mapped[str] = mapped_column(default="issued")
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    due_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    conclusion: Mapped[str | None]
    concluded_at: Mapped[datetime | None]
    concluded_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    sent_back: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the answer was not good enough."""
    overdue_told_at: Mapped[datetime | None]


class Commitment(Base):
    """承诺: who promised what by when; ends kept or broken, with proof."""

    __tablename__ = "commitment"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'kept', 'broken')", name="state"),
        CheckConstraint("due_at > promised_at", name="due_after_promise"),
        CheckConstraint("state = 'open' OR (char_length(proof) >= 5 AND decided_at IS NOT NULL)", name="end_has_proof"),
        CheckConstraint("char_length(what) BETWEEN 5 AND 1000", name="what_length"),
        Index("ix_commitment_ticket_id", "ticket_id"),
        Index("ix_commitment_unit_id", "unit_id", "id"),
        Index("ix_commitment_open", "due_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    """Null: promised by the centre."""
    promised_by: Mapped[str]
    """The person who gave the word."""
    what: Mapped[str]
    promised_at: Mapped[datetime]
    remind_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="open")
    noted_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reminded_at: Mapped[datetime | None]
    overdue_told_at: Mapped[datetime | None]
    proof: Mapped[str] = mapped_column(default="", server_default="")
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
