"""The table of investigations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Investigation(Base):
    """The third return of a matter: the supervisor finds out himself, the unit only helps (D06)."""

    __tablename__ = "investigation"
    __table_args__ = (
        CheckConstraint("(concluded_at IS NULL) = (findings = '')", name="concluded_has_findings"),
        CheckConstraint("concluded_at IS NULL OR char_length(findings) >= 30", name="findings_length"),
        Index("uq_investigation_open", "ticket_id", unique=True, postgresql_where=text("concluded_at IS NULL")),
        Index("ix_investigation_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    level: Mapped[int]
    opened_at: Mapped[datetime]
    supervisor_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Who took it over; null until somebody did."""
    findings: Mapped[str] = mapped_column(default="", server_default="")
    """What he found: the answer that the citizen is told."""
    false_reply: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """An earlier reply of the unit was untrue: handed over to the discipline organ."""
    concluded_at: Mapped[datetime | None]
