"""The channel's own table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
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
