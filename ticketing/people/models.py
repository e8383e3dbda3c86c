"""Units and staff accounts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, UniqueConstraint, event
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
    __table_args__ = (CheckConstraint("level BETWEEN 1 AND 3", name="level"), Index("ix_unit_parent_id", "parent_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    level: Mapped[int] = mapped_column(default=2)
    """1 the centre, 2 departments, districts and utilities, 3 streets, towns and grids."""
    active: Mapped[bool] = mapped_column(default=True)


UNIT_TREE_GUARD = """CREATE FUNCTION check_unit_tree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above bigint;
BEGIN
    IF NEW.parent_id IS NOT NULL THEN
        SELECT level INTO above FROM unit WHERE id = NEW.parent_id FOR SHARE;
        IF above >= NEW.level THEN
            RAISE EXCEPTION 'a unit must stand below its parent' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_unit_tree';
        END IF;
    END IF;
    IF EXISTS (SELECT FROM unit WHERE parent_id = NEW.id AND level <= NEW.level) THEN
        RAISE EXCEPTION 'a unit must stand above its children' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_unit_tree';
    END IF;
    RETURN NEW;
END
$$"""
"""Levels only fall on the way down, so there is no cycle. A trigger, since a CHECK cannot look at another row."""
event.listen(Unit.__table__, "after_create", DDL(UNIT_TREE_GUARD))  # type: ignore[no-untyped-call]
_TREE_TRIGGER = (
    "CREATE TRIGGER unit_tree BEFORE INSERT OR UPDATE OF parent_id, level ON unit FOR EACH ROW EXECUTE FUNCTION check_unit_tree()"
)
event.listen(Unit.__table__, "after_create", DDL(_TREE_TRIGGER))  # type: ignore[no-untyped-call]


class Line(Base):
    """A number that citizens dial and the sub-platform behind it (12345, 12319 …)."""

    __tablename__ = "line"
    __table_args__ = (CheckConstraint("number ~ '^[0-9]{3,8}$'", name="number"),)

    number: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    greeting: Mapped[str] = mapped_column(default="")
    """What callers of this number hear first; empty: the greeting of the city."""
    active: Mapped[bool] = mapped_column(default=True)


class LineAlias(Base):
    """Another number, an old short number or a direct line, that leads to the same line (A01)."""

    __tablename__ = "line_alias"

    number: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str] = mapped_column(ForeignKey("line.number"))


class User(Base):
    """A personal staff account. There are no shared log-ins (I05)."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint(f"role IN ({ROLE_VALUES})", name="role"),
        CheckConstraint("role NOT IN ('clerk', 'chief') OR unit_id IS NOT NULL", name="unit_role_has_unit"),
        CheckConstraint("(totp_sealed IS NULL) = (totp_step IS NULL)", name="totp"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    staff_number: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    line: Mapped[str | None] = mapped_column(ForeignKey("line.number"))
    """Set for people of a sub-platform, who see only that line's tickets."""
    password_hash: Mapped[str]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    """The password came from an administrator: nothing else can be opened before it is changed."""
    password_changed_at: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    totp_sealed: Mapped[bytes | None]
    """The secret of the one-time codes (RFC 6238), under the master key. Null: not set up."""
    totp_step: Mapped[int | None]
    """The last time step whose code was accepted; the same or an older one is refused."""
    language: Mapped[str] = mapped_column(default="zh", server_default="zh")
    """In which the person reads the console, a name of `hotline.i18n.languages`. What is written stays in the city's language."""


class RecoveryCode(Base):
    """A code that replaces the one-time code once, when the telephone is lost."""

    __tablename__ = "staff_recovery_code"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    code_hash: Mapped[str]
    used_at: Mapped[datetime | None]


class LoginSession(Base):
    """A logged-in browser. The cookie holds the token, the table only its hash."""

    __tablename__ = "login_session"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_login_session_user_id", "user_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    csrf_token: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """When it was last used, to the minute."""
    expires_at: Mapped[datetime]
    browser: Mapped[str] = mapped_column(default="")
    """Which browser and system, for the person's own list."""
    address: Mapped[str] = mapped_column(default="")
    second_factor_due: Mapped[bool] = mapped_column(default=False)
    """The password was right, the one-time code is still awaited: nothing else can be opened."""


class LoginAddress(Base):
    """How fast one network address may try to log in, for all web processes together (a leaky bucket in one column)."""

    __tablename__ = "login_address"

    address_hash: Mapped[str] = mapped_column(primary_key=True)
    busy_until: Mapped[datetime]
    """Each failed try moves it on; too far in the future, the address has to wait."""


class Deputy(Base):
    """A/B post (AB岗, C09): while it lasts, the deputy signs and signs off in the principal's place."""

    __tablename__ = "deputy"
    __table_args__ = (
        CheckConstraint("user_id <> deputy_id", name="somebody_else"),
        CheckConstraint("ends_at > starts_at", name="period"),
        Index("ix_deputy_deputy_id", "deputy_id", "ends_at"),
        Index("ix_deputy_user_id", "user_id", "ends_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    """Who is away."""
    deputy_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    """Brought forward when it is ended early; rows stay as a record."""
    created_at: Mapped[datetime]
