"""Units and staff accounts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class Role(StrEnum):
    """What a staff account may do (domain.md 4b). One account has one role."""

    AGENT = "agent"
    """话务员"""
    DISPATCHER = "dispatcher"
    """派单员"""
    CLERK = "clerk"
    """承办单位经办人"""
    CHIEF = "chief"
    """首席代表：signs the unit's replies"""
    SUPERVISOR = "supervisor"
    """督办"""
    CALLBACK = "callback"
    """回访员"""
    QUALITY = "quality"
    """质检员"""
    EDITOR = "editor"
    """知识编辑"""
    ADMIN = "admin"
    """管理员：no case content"""
    LEADER = "leader"
    """领导"""

    @property
    def in_unit(self) -> bool:
        """Whether the role belongs to a handling unit and sees only that unit's tickets."""
        return self in (Role.CLERK, Role.CHIEF)


ROLE_VALUES = ", ".join(f"'{role.value}'" for role in Role)


class Unit(Base):
    """A body that handles tickets, or the hotline centre itself."""

    __tablename__ = "unit"
    __table_args__ = (CheckConstraint("level BETWEEN 1 AND 3", name="level"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    level: Mapped[int] = mapped_column(default=2)
    """1 the centre, 2 departments, districts and utilities, 3 streets, towns and grids."""
    active: Mapped[bool] = mapped_column(default=True)


class User(Base):
    """A personal staff account. There are no shared log-ins (I05)."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint(f"role IN ({ROLE_VALUES})", name="role"),
        CheckConstraint("role NOT IN ('clerk', 'chief') OR unit_id IS NOT NULL", name="unit_role_has_unit"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    staff_number: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    line: Mapped[str | None]
    """Set for people of a sub-platform, who see only that line's tickets."""
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]


class LoginSession(Base):
    """A logged-in browser. The cookie holds the token, the table only its hash."""

    __tablename__ = "login_session"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    csrf_token: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
