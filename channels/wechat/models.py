"""The channel's own tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class WechatSignature(Base):
    """A signature that was used, and for which message.

    In plain mode the signature does not cover the body: who sees one address line could forge any citizen's message with
    it. Remembered for as long as the signature would be accepted, in the database because several processes share the work.
    """

    __tablename__ = "wechat_signature"
    __table_args__ = (Index("ix_wechat_signature_seen_at", "seen_at"),)

    signature_hash: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    seen_at: Mapped[datetime]


class WechatKept(Base):
    """Something of the platform that all processes share because a second one would cost a call of few: the jsapi_ticket."""

    __tablename__ = "wechat_kept"

    name: Mapped[str] = mapped_column(primary_key=True)
    value_sealed: Mapped[bytes]
    good_until: Mapped[datetime]


class WechatReceipt(Base):
    """A receipt that came before the number of its message was written down (`channels.wechat.receipts`); dropped after days."""

    __tablename__ = "wechat_receipt"
    __table_args__ = (Index("ix_wechat_receipt_came_at", "came_at"),)

    message_id: Mapped[str] = mapped_column(primary_key=True)
    problem: Mapped[str]
    """Empty when the message arrived, else what the platform said."""
    came_at: Mapped[datetime]


class WechatSubscription(Base):
    """One consent of a citizen to one 订阅通知 of a template: good for one notice, unless the template is a lasting one."""

    __tablename__ = "wechat_subscription"
    __table_args__ = (
        UniqueConstraint("source", "template_id"),
        Index("ix_wechat_subscription_citizen_id", "citizen_id", "template_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    citizen_id: Mapped[int] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"))
    template_id: Mapped[str]
    source: Mapped[int | None]
    """The message of the journal that told it, so that it counts once; null: the platform said that there is none (43101)."""
    granted_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """Taken back by the citizen, or unknown to the platform."""


class Poster(Base):
    """A poster with a WeChat code of its own (带参数二维码): where it hangs and what for."""

    __tablename__ = "poster"
    __table_args__ = (CheckConstraint("char_length(name) BETWEEN 2 AND 40", name="name_length"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scene: Mapped[str] = mapped_column(unique=True)
    """What the code carries (场景值): 1 to 64 characters."""
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]
    """What the staff call it, and what a citizen who scans it reads."""
    place: Mapped[str] = mapped_column(default="", server_default="")
    """The address at which it hangs, printed on it."""
    purpose: Mapped[str] = mapped_column(default="", server_default="")
    """What it is for, printed below the code."""
    code_url: Mapped[str | None]
    """What the platform's code says; null until it was asked for. The same scene always has the same one."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Null: by the command line."""
    withdrawn_at: Mapped[datetime | None]


class PosterScan(Base):
    """One scan of a poster's code; nobody's name."""

    __tablename__ = "poster_scan"
    __table_args__ = (Index("ix_poster_scan_poster_id", "poster_id", "newcomer"),)

    source: Mapped[int] = mapped_column(primary_key=True)
    """The message of the journal, so that it counts once."""
    poster_id: Mapped[int] = mapped_column(ForeignKey("poster.id"))
    scanned_at: Mapped[datetime]
    newcomer: Mapped[bool]
    """Whether this scan made somebody follow the account."""
