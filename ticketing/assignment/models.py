"""Assignments to units and their replies."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class AssignmentState(StrEnum):
    """What the unit is at (domain.md 4a)."""

    ASSIGNED = "assigned"
    SIGNED = "signed"
    WORKING = "working"
    UNIT_REVIEW = "unit_review"
    REPLIED = "replied"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    REDO = "redo"

    @property
    def is_open(self) -> bool:
        """Whether the unit still owes something."""
        return self in (
            AssignmentState.ASSIGNED,
            AssignmentState.SIGNED,
            AssignmentState.WORKING,
            AssignmentState.UNIT_REVIEW,
            AssignmentState.REDO,
        )


class Facts(StrEnum):
    """Finding of the unit: is what the citizen says true (F09)?"""

    TRUE = "true"
    PARTLY = "partly"
    UNTRUE = "untrue"
    CANNOT_VERIFY = "cannot_verify"


class Assignment(Base):
    """A ticket handed to a unit."""

    __tablename__ = "assignment"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(AssignmentState)})", name="state"),
        Index("ix_assignment_unit_state", "unit_id", "state"),
        # what a unit sees (ticketing.ticket.access)
        Index("ix_assignment_unit_tickets", "unit_id", "ticket_id", postgresql_where=text("state NOT IN ('returned', 'cancelled')")),
        Index("ix_assignment_ticket_id", "ticket_id"),
        Index(
            "uq_assignment_one_lead",
            "ticket_id",
            unique=True,
            postgresql_where=text("lead AND state NOT IN ('returned', 'cancelled')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    lead: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str]
    instruction: Mapped[str] = mapped_column(default="")
    assigned_at: Mapped[datetime]
    assigned_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    signed_at: Mapped[datetime | None]
    signed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    contacted_at: Mapped[datetime | None]
    replied_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id"))
    """The level-2 unit's assignment that this level-3 one came from."""
    by_ruling: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Named by the ruling of a dispute: it cannot be returned (T13)."""
    waived_reason: Mapped[str] = mapped_column(default="", server_default="")
    """Why the reply of a co-unit is not needed (T19)."""
    responsible_leader: Mapped[str] = mapped_column(default="", server_default="")
    """五定 (F06): unit and deadline stand elsewhere; leader, person and quality here, fixed when the unit signs."""
    responsible_person: Mapped[str] = mapped_column(default="", server_default="")
    quality_standard: Mapped[str] = mapped_column(default="", server_default="")
    procedure_result: Mapped[str] = mapped_column(default="", server_default="")
    """What came out of the statutory procedure that the unit led the matter into, as the citizen was told."""
    procedure_ended_at: Mapped[datetime | None]


class LegalProcedure(StrEnum):
    """A procedure by statute that a matter went into; it runs by its own limits, longer than the hotline's (domain.md 2.4)."""

    MARKET_COMPLAINT = "market_complaint"
    MARKET_REPORT = "market_report"
    LABOUR = "labour"
    PENALTY = "penalty"
    RECONSIDERATION = "reconsideration"
    PETITION = "petition"
    OTHER = "other"


class Reply(Base):
    """A unit's structured reply of one round."""

    __tablename__ = "reply"
    __table_args__ = (
        CheckConstraint(f"facts IN ({sql_values(Facts)})", name="facts"),
        CheckConstraint("char_length(measures) >= 30", name="measures_length"),
        CheckConstraint(f"legal_procedure = '' OR legal_procedure IN ({sql_values(LegalProcedure)})", name="legal_procedure"),
        CheckConstraint("legal_procedure = '' OR legal_limit <> ''", name="legal_limit"),
        CheckConstraint("reviewed_by_id IS NULL OR reviewed_by_id <> author_id", name="reviewer_is_not_author"),
        Index("ix_reply_assignment_id", "assignment_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    round: Mapped[int]
    facts: Mapped[str]
    measures: Mapped[str]
    """What was done or will be done, at least 30 characters (F10)."""
    basis: Mapped[str] = mapped_column(default="")
    contact_note: Mapped[str] = mapped_column(default="")
    explanation: Mapped[str] = mapped_column(default="", server_default="")
    """Why it came back: mandatory from the second return on (D05)."""
    legal_procedure: Mapped[str] = mapped_column(default="", server_default="")
    """The statutory procedure that took the matter over; empty: none. Its result is told by that procedure (P-REPORT)."""
    legal_limit: Mapped[str] = mapped_column(default="", server_default="")
    """The procedure's own time limit, in words."""
    legal_due_on: Mapped[date | None] = mapped_column(Date)
    """The last day of the procedure as the unit names it; null: by `ticketing/seed/procedures.yaml`."""
    author_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    written_at: Mapped[datetime]
    signed_off_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    signed_off_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reviewed_at: Mapped[datetime | None]
    accepted: Mapped[bool | None]
    review_note: Mapped[str | None]
