"""Issued briefs, and the indexes on which the figures live."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import DDL, CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, event, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.assignment.models import Assignment
from ticketing.callback.models import ReturnCall
from ticketing.conversation.models import Call, Conversation
from ticketing.deadline.models import Deadline
from ticketing.ticket.models import Ticket


class Brief(Base):
    """A brief as it was issued. Never changed: computed anew, it is a new version (a trigger holds it)."""

    __tablename__ = "brief"
    __table_args__ = (
        CheckConstraint("kind IN ('day', 'week', 'month', 'year')", name="kind"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("last >= first", name="runs_forward"),
        UniqueConstraint("kind", "first", "line", "version"),
        Index("ix_brief_issued_at", "issued_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    first: Mapped[date] = mapped_column(Date)
    """First and last city day."""
    last: Mapped[date] = mapped_column(Date)
    line: Mapped[str] = mapped_column(default="")
    """A line of its own, or empty for the whole city."""
    version: Mapped[int]
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Null: by the scheduler."""
    reason: Mapped[str] = mapped_column(default="")
    """Why there is a further version."""
    content: Mapped[dict[str, Any]]
    """What `ticketing.statistics.brief` computed: page, table and print are made of it alone."""


_IMMUTABLE = (
    """CREATE FUNCTION refuse_brief_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an issued brief is never changed: issue a new version' USING ERRCODE = 'check_violation';
END
$$""",
    "CREATE TRIGGER brief_immutable BEFORE UPDATE OR DELETE ON brief FOR EACH ROW EXECUTE FUNCTION refuse_brief_change()",
)
for _statement in _IMMUTABLE:
    event.listen(Brief.__table__, "after_create", DDL(_statement.replace("%", "%%")))  # type: ignore[no-untyped-call]

# The moments of `sources`: every figure of a period is read through one of these (docs/statistics.md).
Index("ix_deadline_kind_due_at", Deadline.kind, Deadline.due_at)
Index("ix_ticket_closed_at", Ticket.closed_at, postgresql_where=text("closed_at IS NOT NULL"))
Index("ix_assignment_assigned_at", Assignment.assigned_at)
Index("ix_assignment_accepted_at", Assignment.accepted_at, postgresql_where=text("accepted_at IS NOT NULL"))
Index("ix_call_started_at", Call.started_at)
Index("ix_conversation_created_at", Conversation.created_at)
Index("ix_return_call_due_at", ReturnCall.due_at)
