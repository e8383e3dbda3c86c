"""Citizens, the only table with personal data."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Citizen(Base):
    """A person who appealed.

    Every private field is sealed by the person's own data key, and that key is wrapped by the master key
    (`hotline.security.PersonVault`). Without `data_key_sealed` nothing can be read: that is how a person is erased.
    """

    __tablename__ = "citizen"
    __table_args__ = (
        CheckConstraint(
            "data_key_sealed IS NOT NULL OR (name_sealed IS NULL AND phone_sealed IS NULL"
            " AND openid_sealed IS NULL AND id_number_sealed IS NULL)",
            name="sealed_by_key",
        ),
        CheckConstraint(
            "erased_at IS NULL OR (data_key_sealed IS NULL AND phone_hash IS NULL AND openid_hash IS NULL)", name="erased_is_empty"
        ),
        Index("ix_citizen_phone_hash", "phone_hash"),
        Index("uq_citizen_verified_phone", "phone_hash", unique=True, postgresql_where=text("phone_verified IS true")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    data_key_sealed: Mapped[bytes | None]
    """The person's data key, wrapped by the master key. Null: nothing private is stored, or the person was erased."""
    name_sealed: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_hash: Mapped[str | None]
    """Keyed hash of the number in E.164."""
    phone_verified: Mapped[bool] = mapped_column(default=False)
    """True when the person called from it. A number typed into a form proves nothing and opens nothing."""
    openid_sealed: Mapped[bytes | None]
    openid_hash: Mapped[str | None] = mapped_column(unique=True)
    id_number_sealed: Mapped[bytes | None]
    """居民身份证号, only where the matter needs it."""
    needs: Mapped[str] = mapped_column(default="")
    """Comma-separated: text_only, elderly, deaf."""
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]
    """When the data key was destroyed; the row stays, so that tickets and their events stay whole."""
