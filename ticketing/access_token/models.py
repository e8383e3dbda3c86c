"""Tables of tokens and of remembered answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class TokenScope(StrEnum):
    """What a token may be used for. What the person may do is a matter of the account, not of the token."""

    READ = "read"
    WRITE = "write"
    """Writing includes reading."""


class ApiToken(Base):
    """A personal access token. The table holds its hash only."""

    __tablename__ = "api_token"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("scope IN ('read', 'write')", name="scope"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 60", name="name_length"),
        Index("ix_api_token_user_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    name: Mapped[str]
    """What it is for, in the person's words."""
    token_hash: Mapped[str]
    hint: Mapped[str]
    """The last four characters, so that the person knows which one it is."""
    scope: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    """To the minute."""
    revoked_at: Mapped[datetime | None]


class ApiAnswer(Base):
    """The answer to a request with an Idempotency-Key, for whoever sends it again within a day."""

    __tablename__ = "api_answer"
    __table_args__ = (
        UniqueConstraint("user_id", "key_hash"),
        CheckConstraint("(status IS NULL) = (body_sealed IS NULL)", name="whole"),
        Index("ix_api_answer_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    key_hash: Mapped[str]
    request_hash: Mapped[str]
    """Over method, address and body: the same key with another request is refused."""
    created_at: Mapped[datetime]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    body_sealed: Mapped[bytes | None]
