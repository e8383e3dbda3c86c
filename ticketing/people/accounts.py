"""Keeping accounts: add, change, switch off, unlock, reset; a person's own password.

The administrator keeps all of them, a unit's clerk those of the clerks of the unit and below (4b: O users): nobody can give
a role that reaches further than the own one. Every change is an event; what takes rights away ends the sessions at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, false, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _, languages
from hotline.security import hash_password, verify_password
from ticketing.access_token.models import ApiToken
from ticketing.context import Core
from ticketing.people import second_factor
from ticketing.people.actor import Actor
from ticketing.people.models import Line, Role, Unit, User
from ticketing.people.passwords import check_password, initial_password
from ticketing.people.permissions import Scope, ensure, scope_of
from ticketing.people.service import count_try, end_sessions, user_event
from ticketing.people.units import below

PAGE_SIZE = 50


@dataclass(frozen=True)
class Account:
    """What the form of an account holds."""

    login: str
    name: str
    staff_number: str
    role: Role
    unit_id: int | None
    line: str | None = None


@dataclass(frozen=True)
class Made:
    """A new account, or one with a new password; the password exists in clear only here."""

    user: User
    password: str


def manageable(actor: Actor) -> ColumnElement[bool]:
    """The accounts that the actor keeps."""
    match scope_of(actor, "users.manage") if actor.role else None:
        case Scope.ALL:
            return true()
        case Scope.TREE if actor.unit_id is not None:
            return User.unit_id.in_(below(actor.unit_id)) & (User.role == Role.CLERK.value)
        case _:
            return false()


def grantable(actor: Actor) -> tuple[Role, ...]:
    """The roles that the actor may give."""
    match scope_of(actor, "users.manage") if actor.role else None:
        case Scope.ALL:
            return tuple(Role)
        case Scope.TREE:
            return (Role.CLERK,)
        case _:
            return ()


def people_statement(actor: Actor, words: str = "", after: int = 0, *, limit: int = PAGE_SIZE) -> Select[User, str | None]:
    """Accounts with the name of their unit, by id, one more than `limit`.

    `words`: part of name, log-in or number; `after`: the last id of the page before.
    """
    statement = select(User, Unit.name).outerjoin(Unit, Unit.id == User.unit_id).where(manageable(actor), User.id > after)
    if words.strip():
        columns = (User.name, User.login, User.staff_number, Unit.name)
        statement = statement.where(or_(*(column.icontains(words.strip(), autoescape=True) for column in columns)))
    return statement.order_by(User.id).limit(limit + 1)


async def access_user(session: AsyncSession, actor: Actor, user_id: int, *, lock: bool = False) -> User:
    """An account that the actor keeps. Raises NotFound, whether it does not exist or is somebody else's to keep."""
    statement = select(User).where(User.id == user_id, manageable(actor))
    user = (await session.scalars(statement.with_for_update(of=User) if lock else statement)).first()
    if user is None:
        raise NotFound(_("没有找到这个账号"))
    return user


async def add_account(core: Core, session: AsyncSession, actor: Actor, account: Account) -> Made:
    """A new account with a one-time password that must be changed. Raises InvalidInput by field, NotAllowed, Conflict."""
    ensure(actor, "users.manage")
    await _check(session, actor, account)
    password = initial_password()
    user = User(
        login=account.login,
        name=account.name,
        staff_number=account.staff_number,
        role=account.role.value,
        unit_id=account.unit_id,
        line=account.line,
        password_hash=await asyncio.to_thread(hash_password, password),
        must_change_password=True,
    )
    session.add(user)
    await _flush(session)
    await user_event(core, session, actor, user, "account.added", _facts(account))
    return Made(user, password)


async def change_account(core: Core, session: AsyncSession, actor: Actor, user_id: int, account: Account) -> User:
    """Another name, role, unit or line; log-in and number stay.

    A changed right ends the sessions and the tokens. Raises as `add_account`.
    """
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    account = Account(user.login, account.name, user.staff_number, account.role, account.unit_id, account.line)
    await _check(session, actor, account)
    before = _facts(Account(user.login, user.name, user.staff_number, Role(user.role), user.unit_id, user.line))
    if user.id == actor.user_id and account.role.value != user.role:
        raise InvalidInput(_("不能改自己的岗位，请由另一位管理员操作"), field="role")
    user.name, user.role, user.unit_id, user.line = account.name, account.role.value, account.unit_id, account.line
    after = _facts(account)
    if after == before:
        return user
    await _flush(session)
    if {**before, "name": ""} != {**after, "name": ""}:
        await end_sessions(session, user.id)
        await _revoke_tokens(core, session, user.id)
    await user_event(core, session, actor, user, "account.changed", {"before": before, "after": after})
    return user


async def set_active(core: Core, session: AsyncSession, actor: Actor, user_id: int, *, active: bool) -> User:
    """Switch an account off, which ends its sessions and tokens, or on again. Nobody switches off the own one: one administrator stays."""
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    if user.id == actor.user_id:
        raise InvalidInput(_("不能停用自己的账号，请由另一位管理员操作"), field="active")
    if user.active == active:
        return user
    user.active = active
    if not active:
        await end_sessions(session, user.id)
        await _revoke_tokens(core, session, user.id)
    await user_event(core, session, actor, user, "account.switched_on" if active else "account.switched_off")
    return user


async def unlock(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> User:
    """End the wait after wrong passwords."""
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    user.failed_logins, user.locked_until = 0, None
    await user_event(core, session, actor, user, "account.unlocked")
    return user


async def reset_password(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> Made:
    """A new one-time password that must be changed; ends the sessions and revokes the tokens. The second factor stays."""
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    if user.id == actor.user_id:
        raise InvalidInput(_("自己的密码请在“我的账号”里修改"), field="password")
    password = initial_password()
    user.password_hash = await asyncio.to_thread(hash_password, password)
    user.must_change_password, user.failed_logins, user.locked_until = True, 0, None
    await end_sessions(session, user.id)
    await _revoke_tokens(core, session, user.id)
    await user_event(core, session, actor, user, "account.password_reset")
    return Made(user, password)


async def reset_second_factor(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> User:
    """The telephone is lost: no second factor any more. Ends the sessions."""
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    await second_factor.switch_off(core, session, actor, user)
    await end_sessions(session, user.id)
    return user


async def end_all_sessions(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> int:
    """Log the person out everywhere; returns from how many browsers."""
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    ended = await end_sessions(session, user.id)
    await user_event(core, session, actor, user, "account.sessions_ended", {"count": ended})
    return ended


async def confirm_password(core: Core, session: AsyncSession, actor: Actor, password: str) -> User | None:
    """The actor's own account, locked, if the password is right; None, counted like a wrong log-in, if not."""
    user = (await session.scalars(select(User).where(User.id == actor.user_id).with_for_update())).first()
    if user is None:
        raise NotFound(_("没有找到这个账号"))
    right = await asyncio.to_thread(verify_password, user.password_hash, password[:200])
    return user if await count_try(core, session, user, right=right) else None


async def change_password(core: Core, session: AsyncSession, actor: Actor, user: User, new: str, *, session_id: int) -> None:
    """The person's own new password; `user` came from `confirm_password`. All other sessions and all tokens end. Raises InvalidInput."""
    if user.id != actor.user_id:
        raise NotAllowed(_("只能修改自己的密码"))
    check_password(new, login=user.login, name=user.name, staff_number=user.staff_number)
    if await asyncio.to_thread(verify_password, user.password_hash, new):
        raise InvalidInput(_("新密码要和原来的不同"), field="password")
    user.password_hash = await asyncio.to_thread(hash_password, new)
    user.must_change_password, user.password_changed_at = False, core.clock.now()
    await end_sessions(session, user.id, but=session_id)
    await _revoke_tokens(core, session, user.id)
    await user_event(core, session, actor, user, "account.password_changed")


async def choose_language(session: AsyncSession, actor: Actor, language: str) -> None:
    """In which language the person's own pages are. Raises InvalidInput for one that there is not."""
    if language not in languages():
        raise InvalidInput(_("没有这种语言"), field="language")
    await session.execute(update(User).where(User.id == actor.user_id).values(language=language))


async def _revoke_tokens(core: Core, session: AsyncSession, user_id: int) -> None:
    """What was made with the old password or the old rights is worth nothing any more."""
    lasting = (ApiToken.user_id == user_id) & ApiToken.revoked_at.is_(None)
    await session.execute(update(ApiToken).where(lasting).values(revoked_at=core.clock.now()))


def _facts(account: Account) -> dict[str, object]:
    return {"name": account.name, "role": account.role.value, "unit": account.unit_id, "line": account.line}


async def _check(session: AsyncSession, actor: Actor, account: Account) -> None:
    """Every field at once."""
    errors: dict[str, str] = {}
    if not 2 <= len(account.login) <= 40 or not all((part.isascii() and part.isalnum() and part.islower()) or part.isdigit()
                                                   for part in account.login.split("-")):  # fmt: skip
        errors["login"] = _("账号用小写字母、数字和连字符，2到40个字符")
    if not 2 <= len(account.name) <= 20:
        errors["name"] = _("姓名2到20个字")
    if not (account.staff_number.isascii() and account.staff_number.isdigit() and 4 <= len(account.staff_number) <= 8):
        errors["staff_number"] = _("工号4到8位数字")
    if account.role not in grantable(actor):
        errors["role"] = _("你不能授予这个岗位")
    unit = await session.get(Unit, account.unit_id) if account.unit_id is not None else None
    if unit is None or not unit.active or not await _may_place(session, actor, unit):
        errors["unit"] = _("请选择单位")
    elif account.role.in_unit != (unit.level > 1):
        errors["unit"] = _("经办人和首席代表属于承办单位，其他岗位属于热线中心")
    line = await session.get(Line, account.line) if account.line else None
    if account.line and (line is None or not line.active or scope_of(actor, "users.manage") is not Scope.ALL):
        errors["line"] = _("请选择线路")
    if errors:
        raise InvalidInput(errors=errors)


async def _may_place(session: AsyncSession, actor: Actor, unit: Unit) -> bool:
    if scope_of(actor, "users.manage") is Scope.ALL:
        return True
    return actor.unit_id is not None and unit.id in set(await session.scalars(below(actor.unit_id)))


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(_("这个账号或工号已经有人用了")) from error
