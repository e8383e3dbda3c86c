"""Tables of subscriptions and of the place in the event log up to which they were served."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class WebhookSubscription(Base):
    """An address that is told of events. Its deliveries are rows of the outbox (channel `webhook`)."""

    __tablename__ = "webhook_subscription"
    __table_args__ = (
        CheckConstraint("char_length(url) BETWEEN 10 AND 500", name="url_length"),
        CheckConstraint("jsonb_array_length(events) BETWEEN 1 AND 50", name="events"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[Any]] = mapped_column(JSONB)
    """Names of events; `ticket.*` stands for all that begin so, `*` for all."""
    secret_sealed: Mapped[bytes]
    """Key of the signature, under the master key."""
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class EventCursor(Base):
    """How far a reader of the event log has come. Two columns are a proposal for the next step, see `ticketing.webhook.reader`."""

    __tablename__ = "event_cursor"

    reader: Mapped[str] = mapped_column(primary_key=True)
    last_event_id: Mapped[int] = mapped_column(default=0)
    next_event_id: Mapped[int | None]
    next_transaction: Mapped[int | None]
