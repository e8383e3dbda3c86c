"""Categories of appeals."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Category(Base):
    """A second-level category, for example 0501 施工噪声."""

    __tablename__ = "category"
    __table_args__ = (CheckConstraint("code ~ '^[0-9]{4}$'", name="code"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    group_name: Mapped[str]
    """First level, for example 05 生态环境."""
    name: Mapped[str]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    keywords: Mapped[str] = mapped_column(default="")
    """Blank-separated words by which the category is suggested."""
    active: Mapped[bool] = mapped_column(default=True)
