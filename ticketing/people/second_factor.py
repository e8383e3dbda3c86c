"""The optional second factor: one-time codes of an authenticator app (RFC 6238), and recovery codes for a lost telephone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import LoginSession, RecoveryCode, User
from ticketing.people.service import LoginRefused, count_try, user_event
from ticketing.people.totp import matching_step, new_secret, uri

RECOVERY_CODES = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True)
class Offer:
    """A secret that is not in force before a code of it was typed in."""

    secret: str
    uri: str


def offer(user: User, issuer: str) -> Offer:
    """A fresh secret for the person's app."""
    secret = new_secret()
    return Offer(secret, uri(secret, account=user.login, issuer=issuer))


async def set_up(core: Core, session: AsyncSession, actor: Actor, secret: str, code: str) -> list[str]:
    """The person typed a code of the offered secret: it is in force from now on. Returns the recovery codes, in clear only here."""
    user = await _own_account(session, actor)
    if user.totp_sealed is not None:
        raise IllegalStep(_("已经设置了动态验证码，要换手机请先停用"))
    step = matching_step(secret, code, core.clock.now(), after=-1)
    if step is None:
        raise InvalidInput(_("验证码不对。请看手机上现在的6位数字，并检查手机时间"), field="code")
    user.totp_sealed, user.totp_step = core.vault.seal(secret), step
    codes = ["-".join("".join(secrets.choice(_ALPHABET) for _number in range(5)) for _half in range(2)) for _code in range(RECOVERY_CODES)]
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_hashes(core, recovery)[0]) for recovery in codes)
    await user_event(core, session, actor, user, "account.second_factor_set")
    return codes


async def switch_off(core: Core, session: AsyncSession, actor: Actor, user: User) -> None:
    """No second factor any more: by the person with the password, or by the administrator when the telephone is lost."""
    user.totp_sealed = user.totp_step = None
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    await user_event(core, session, actor, user, "account.second_factor_removed")


async def recovery_codes_left(session: AsyncSession, user_id: int) -> int:
    """How many recovery codes were not used yet."""
    unused = (RecoveryCode.user_id == user_id) & RecoveryCode.used_at.is_(None)
    return await session.scalar(select(func.count()).where(unused)) or 0


async def check_second_factor(core: Core, session: AsyncSession, session_id: int, code: str, *, hours: int) -> bool:
    """The second half of a log-in: with a right code the session lasts `hours`. A wrong one counts like a wrong password."""
    login = (await session.scalars(select(LoginSession).where(LoginSession.id == session_id).with_for_update())).first()
    if login is None or not login.second_factor_due:
        return False
    user = (await session.scalars(select(User).where(User.id == login.user_id).with_for_update())).one()
    right = await _uses_code(core, session, user, code)
    if not await count_try(core, session, user, right=right):
        return False
    now = core.clock.now()
    login.second_factor_due, login.expires_at, login.seen_at = False, now + timedelta(hours=hours), now
    await user_event(core, session, staff_actor(user), user, "login.accepted")
    return True


async def _uses_code(core: Core, session: AsyncSession, user: User, code: str) -> bool:
    """Whether the code is right; it is used up then. The row of the user is locked, so the same one twice at once fails once."""
    if user.totp_sealed is None or user.totp_step is None:
        return False
    now = core.clock.now()
    if user.locked_until is not None and user.locked_until > now:
        return False  # nothing is used up while the account is locked
    step = matching_step(core.vault.open(user.totp_sealed), code, now, after=user.totp_step)
    if step is not None:
        user.totp_step = step
        return True
    unused = (RecoveryCode.user_id == user.id) & RecoveryCode.code_hash.in_(_hashes(core, code)) & RecoveryCode.used_at.is_(None)
    used = await session.execute(update(RecoveryCode).where(unused).values(used_at=now).returning(RecoveryCode.id))
    return used.first() is not None


def wrong_code() -> LoginRefused:
    """The error of a refused code; it does not tell a wrong code from a locked account."""
    return LoginRefused(_("验证码不对或已用过，也可能账号已锁定。请等下一个验证码再试，连续输错5次会锁定15分钟"))


def _hashes(core: Core, code: str) -> list[str]:
    """Keyed, since fifty bits alone could be guessed from a plain hash."""
    return core.vault.fingerprints("".join(code.split()).replace("-", "").casefold(), "recovery-code")


async def _own_account(session: AsyncSession, actor: Actor) -> User:
    user = (await session.scalars(select(User).where(User.id == actor.user_id).with_for_update())).first()
    if user is None:
        raise NotFound(_("没有找到这个账号"))
    return user
