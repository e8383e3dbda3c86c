"""Categories of appeals, and the dispatch catalogue: which unit handles what where."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import DispatchMode, HandlingKind, sql_values


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
    """Blank-separated words of the category, shown to people and learned from (ticketing.suggestion.examples)."""
    active: Mapped[bool] = mapped_column(default=True)


class DispatchRule(Base):
    """A row of the dispatch catalogue: a category, perhaps only in a district or street, and who handles it there.

    Among the rows that fit, the most particular decides: street before district before line before words before none.
    A category without a fitting row goes to its own unit (`Category.unit_id`).
    """

    __tablename__ = "dispatch_rule"
    __table_args__ = (
        CheckConstraint(f"handling_kind IS NULL OR handling_kind IN ({sql_values(HandlingKind)})", name="handling_kind"),
        CheckConstraint(f"dispatch_mode IN ({sql_values(DispatchMode)})", name="dispatch_mode"),
        CheckConstraint("lead_unit_id <> ALL (co_unit_ids)", name="lead_is_no_co_unit"),
        CheckConstraint("version >= 1", name="version"),
        Index(
            "uq_dispatch_rule_case",
            "category_code",
            text("coalesce(district, '')"),
            text("coalesce(street, '')"),
            text("coalesce(line, '')"),
            "words",
            "valid_from",
            unique=True,
            postgresql_where=text("active"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"))
    words: Mapped[str] = mapped_column(default="", server_default="")
    """Blank-separated; when not empty, the row counts only for appeals in which one of them is said."""
    district: Mapped[str | None]
    street: Mapped[str | None]
    line: Mapped[str | None]
    lead_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    """The inactive unit 属地街道办事处 stands for the street office or town of the place."""
    co_unit_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list, server_default=text("'{}'"))
    handling_kind: Mapped[str | None]
    dispatch_mode: Mapped[str] = mapped_column(default="phone", server_default="phone")
    valid_from: Mapped[date] = mapped_column(Date)
    note: Mapped[str] = mapped_column(default="", server_default="")
    active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - read by SQLAlchemy as a class attribute
