"""Tables of notices: edited templates, what was told, and how it was delivered."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import sql_values


class NoticeTemplate(Base):
    """A template that an administrator edited; the highest version of a key is in force, the file's when there is none."""

    __tablename__ = "notice_template"
    __table_args__ = (UniqueConstraint("key", "version"), CheckConstraint("version >= 2", name="version"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    version: Mapped[int]
    """Version 1 is the file's."""
    text: Mapped[str]
    sms: Mapped[str]
    edited_at: Mapped[datetime]
    edited_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    reason: Mapped[str]


class Notice(Base):
    """One thing that a citizen was told. The tracking page shows it; pushing it is a matter of its deliveries."""

    __tablename__ = "notice"
    __table_args__ = (
        CheckConstraint("(text_sealed IS NULL) <> (text IS NULL)", name="text_once"),
        Index("ix_notice_ticket_id", "ticket_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    template: Mapped[str]
    template_version: Mapped[int]
    event: Mapped[str]
    """What caused it; empty for one that was sent by hand or by a sweep."""
    text_sealed: Mapped[bytes | None]
    """Under the person's own key, so that erasing the person erases it."""
    text: Mapped[str | None]
    """In clear when there is no person (anonymous): it tells no more than the ticket does."""
    created_at: Mapped[datetime]


class DeliveryState(StrEnum):
    """Where one push of a notice stands. It says nothing about the ticket (lesson 24)."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    """tried, will be tried again"""
    GIVEN_UP = "given_up"
    """tried for hours, or refused: somebody has to look"""
    NO_GATEWAY = "no_gateway"
    """no SMS gateway is configured: nothing was sent"""
    ACKNOWLEDGED = "acknowledged"
    """somebody saw that it is stuck and left it so"""


class NoticeDelivery(Base):
    """One notice to one recipient by one channel, with a state of its own. The outbox does the sending (key `notice:<id>`)."""

    __tablename__ = "notice_delivery"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'wechat')", name="channel"),
        CheckConstraint(f"state IN ({sql_values(DeliveryState)})", name="state"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_has_time"),
        CheckConstraint("(state = 'acknowledged') = (acknowledged_by_id IS NOT NULL)", name="acknowledged_by_somebody"),
        UniqueConstraint("notice_id", "channel"),
        Index("ix_notice_delivery_stuck", "id", postgresql_where=text("state IN ('given_up', 'no_gateway')")),
        Index("ix_notice_delivery_phone", "phone_hash", "queued_at", postgresql_where=text("phone_hash IS NOT NULL")),
        Index("ix_notice_delivery_state", "state", "id"),
        Index("ix_notice_delivery_gateway", "gateway_id", postgresql_where=text("gateway_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id", ondelete="CASCADE"))
    channel: Mapped[str]
    state: Mapped[str] = mapped_column(default=DeliveryState.QUEUED.value)
    attempts: Mapped[int] = mapped_column(default=0)
    resends: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    gateway_id: Mapped[str | None]
    """The provider's own number of the message: its delivery receipt (状态报告) names it."""
    delivered_at: Mapped[datetime | None]
    """When the receipt said that it had reached the telephone; null: no receipt came (yet)."""
    phone_hash: Mapped[str | None]
    """Of a number that nobody verified, to count how many messages a day it gets."""
    acknowledged_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class NoticePreference(Base):
    """How a citizen wants to be told. No row: as the appeal came in, within the city's quiet hours."""

    __tablename__ = "notice_preference"
    __table_args__ = (
        CheckConstraint("way IN ('auto', 'sms', 'wechat', 'none')", name="way"),
        CheckConstraint("jsonb_typeof(ways) = 'object'", name="ways"),
        CheckConstraint("language IN ('zh', 'en')", name="language"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet_whole"),
    )

    citizen_id: Mapped[int] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"), primary_key=True)
    way: Mapped[str] = mapped_column(default="auto")
    """auto, sms, wechat, or none: only what has to be told (`Template.required`)."""
    ways: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """Where another way was chosen for one kind (`templates.About`): {"progress": "none"}."""
    quiet_from: Mapped[time | None]
    quiet_to: Mapped[time | None]
    """The citizen's own quiet hours, besides the city's; they may run over midnight."""
    language: Mapped[str] = mapped_column(default="zh")
    opted_out_at: Mapped[datetime | None]
    """When the citizen answered 退订 (TD) to a text message; 恢复 takes it back."""
    updated_at: Mapped[datetime]
