"""The table of requests."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.request.states import RequestKind, RequestState, SuspensionReason
from ticketing.ticket.states import sql_values


class Request(Base):
    """Somebody asks for a return, an extension, a suspension, a ruling or a refusal; somebody else decides."""

    __tablename__ = "request"
    __table_args__ = (
        CheckConstraint(f"kind IN ({sql_values(RequestKind)})", name="kind"),
        CheckConstraint(f"state IN ({sql_values(RequestState)})", name="state"),
        CheckConstraint("char_length(reason) >= 5", name="reason_length"),
        CheckConstraint("(state IN ('approved', 'refused')) = (decided_at IS NOT NULL)", name="decided_has_time"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> asked_by_id", name="decider_is_not_asker"),
        CheckConstraint("kind <> 'suspension' OR (review_on IS NOT NULL AND reason_class IS NOT NULL)", name="suspension_has_review"),
        CheckConstraint(f"reason_class IS NULL OR reason_class IN ({sql_values(SuspensionReason)})", name="reason_class"),
        CheckConstraint("kind <> 'extension' OR limit_value > 0", name="extension_has_limit"),
        CheckConstraint("kind IN ('dispute', 'refusal') OR assignment_id IS NOT NULL", name="of_an_assignment"),
        Index(
            "uq_request_one_pending",
            "ticket_id",
            text("coalesce(assignment_id, 0)"),
            "kind",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_request_pending", "kind", "asked_at", postgresql_where=text("state = 'pending'")),
        Index("ix_request_ticket_id", "ticket_id"),
        Index("ix_request_assignment_id", "assignment_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default=RequestState.PENDING.value)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    reason: Mapped[str]
    """For a return: the legal basis. For an extension: why, and how far it is. For a refusal: reason and legal way."""
    told: Mapped[str] = mapped_column(default="", server_default="")
    """What the citizen was told (extension, suspension)."""
    limit_value: Mapped[float | None]
    limit_unit: Mapped[str | None]
    """Extension: by how much; unit as in `ticketing.deadline.policy.Limit`."""
    reason_class: Mapped[str | None]
    review_on: Mapped[date | None] = mapped_column(Date)
    """Suspension: when it is looked at again."""
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime]
    consented_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    consented_at: Mapped[datetime | None]
    """The unit's chief agrees with what the clerk asks."""
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="", server_default="")
    """What the decider says."""
    data: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """What was ruled or moved: units of a ruling, old and new due time of an extension."""
