"""Citizens, the only table with personal data."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Citizen(Base):
    """A person who appealed. Every private field is sealed by `hotline.security.Vault`."""

    __tablename__ = "citizen"

    id: Mapped[int] = mapped_column(primary_key=True)
    name_sealed: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_hash: Mapped[str | None] = mapped_column(unique=True)
    """Keyed hash of the number in E.164."""
    openid_sealed: Mapped[bytes | None]
    openid_hash: Mapped[str | None] = mapped_column(unique=True)
    needs: Mapped[str] = mapped_column(default="")
    """Comma-separated: text_only, elderly, deaf."""
    created_at: Mapped[datetime]
