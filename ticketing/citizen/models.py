"""Citizens, the only table with personal data."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Citizen(Base):
    """A person who appealed. Every private field is sealed by `hotline.security.Vault`."""

    __tablename__ = "citizen"
    __table_args__ = (
        Index("ix_citizen_phone_hash", "phone_hash"),
        Index("uq_citizen_verified_phone", "phone_hash", unique=True, postgresql_where=text("phone_verified IS true")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name_sealed: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_hash: Mapped[str | None]
    """Keyed hash of the number in E.164."""
    phone_verified: Mapped[bool] = mapped_column(default=False)
    """True when the person called from it. A number typed into a form proves nothing and opens nothing."""
    openid_sealed: Mapped[bytes | None]
    openid_hash: Mapped[str | None] = mapped_column(unique=True)
    needs: Mapped[str] = mapped_column(default="")
    """Comma-separated: text_only, elderly, deaf."""
    created_at: Mapped[datetime]
