"""Giving people a SIP telephone and taking it back."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.accounts import access_user, manageable
from ticketing.people.actor import Actor
from ticketing.people.models import User
from ticketing.people.permissions import ensure
from ticketing.people.service import user_event
from ticketing.sip_account.models import EXTENSION, REALM, SipAccount


@dataclass(frozen=True)
class NewTelephone:
    """What is typed into the telephone. The password exists in clear only here."""

    extension: str
    password: str


async def issue(core: Core, session: AsyncSession, actor: Actor, user_id: int, extension: str) -> NewTelephone:
    """Give a person an extension with a new password; again: a new password, the old one ends (话机登记).

    Raises InvalidInput for what is no extension, Conflict when somebody else has it, NotFound, NotAllowed.
    """
    ensure(actor, "users.manage")
    if not re.fullmatch(EXTENSION, extension):
        raise InvalidInput(_("分机号应是4位数字，以2到8开头"), field="extension")
    user = await access_user(session, actor, user_id, lock=True)
    if not user.active:
        raise InvalidInput(_("这个账号已停用，请先启用"), field="user")
    password = secrets.token_urlsafe(18)
    account = await session.scalar(select(SipAccount).where(SipAccount.user_id == user.id).with_for_update())
    if account is None:
        account = SipAccount(user_id=user.id)
        session.add(account)
    account.extension, account.ha1, account.issued_at = extension, ha1(extension, password), core.clock.now()
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        raise Conflict(_("这个分机号已经分给别人了")) from error
    await user_event(core, session, actor, user, "telephone.issued", {"extension": extension})
    return NewTelephone(extension, password)


async def withdraw(core: Core, session: AsyncSession, actor: Actor, user_id: int) -> None:
    """Take a person's telephone back: it cannot register any more. Raises NotFound, NotAllowed."""
    ensure(actor, "users.manage")
    user = await access_user(session, actor, user_id, lock=True)
    account = await session.scalar(select(SipAccount).where(SipAccount.user_id == user.id).with_for_update())
    if account is None:
        raise NotFound(_("这个账号没有登记话机"))
    await session.delete(account)
    await user_event(core, session, actor, user, "telephone.withdrawn", {"extension": account.extension})


async def telephones(session: AsyncSession, actor: Actor) -> list[tuple[User, SipAccount]]:
    """Who has which extension, among the accounts that the actor keeps."""
    ensure(actor, "users.manage")
    statement = select(User, SipAccount).join(SipAccount, SipAccount.user_id == User.id).where(manageable(actor))
    return [(user, account) for user, account in await session.execute(statement.order_by(SipAccount.extension))]


def ha1(extension: str, password: str) -> str:
    """What digest log-in needs instead of the password (RFC 2617)."""
    return hashlib.md5(f"{extension}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
