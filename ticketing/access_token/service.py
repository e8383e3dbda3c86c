"""Making, finding and revoking personal access tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from hotline.security import hash_token
from ticketing.access_token.models import ApiToken, TokenScope
from ticketing.calendar import versions
from ticketing.calendar.versions import Versions
from ticketing.context import Core
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.deputies import standing_for
from ticketing.people.models import User
from ticketing.people.service import user_event

PREFIX = "hl_"
"""By which secret scanners and people know what it is."""
MAX_DAYS = 365
MAX_TOKENS = 20
USED_EVERY = timedelta(minutes=1)
"""How exactly the last use is known; written seldom, since every request would write otherwise."""


class TokenRefused(HotlineError):
    """Unknown, expired, revoked, or the account was switched off: the caller is not told which."""

    status, code = 401, "token_refused"


@dataclass(frozen=True)
class NewToken:
    """A token that was just made. The text exists in clear only here."""

    token: ApiToken
    text: str


@dataclass(frozen=True)
class Bearer:
    """Who is behind a token, and what the token is good for."""

    actor: Actor
    user: User
    token: ApiToken

    @property
    def may_write(self) -> bool:
        """Whether the token may change anything."""
        return self.token.scope == TokenScope.WRITE.value


async def issue(core: Core, session: AsyncSession, actor: Actor, *, name: str, scope: TokenScope, days: int) -> NewToken:
    """Make a token for the actor's own account, valid for `days`. Raises InvalidInput by field."""
    user = await _own_account(session, actor)
    errors: dict[str, str] = {}
    name = name.strip()
    if not 1 <= len(name) <= 60:
        errors["name"] = _("请写明这个令牌用在哪里，最多60个字")
    if not 1 <= days <= MAX_DAYS:
        errors["days"] = _("有效期应在1天到{days}天之间").format(days=MAX_DAYS)
    now = core.clock.now()
    lasting = (ApiToken.user_id == user.id) & ApiToken.revoked_at.is_(None) & (ApiToken.expires_at > now)
    if not errors and (await session.scalar(select(func.count()).where(lasting)) or 0) >= MAX_TOKENS:
        errors["name"] = _("每个账号最多{count}个有效令牌，请先停用不再使用的").format(count=MAX_TOKENS)
    if errors:
        raise InvalidInput(errors=errors)
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=user.id, name=name, token_hash=hash_token(text), hint=text[-4:], scope=scope.value,
        created_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    session.add(token)
    await session.flush()
    await user_event(core, session, actor, user, "token.issued", {"token": token.id, "scope": scope.value, "days": days})
    return NewToken(token, text)


_FIND = (
    select(ApiToken, User, *versions.COLUMNS)
    .join(User, User.id == ApiToken.user_id)
    .where(ApiToken.token_hash == bindparam("hash"), ApiToken.revoked_at.is_(None), ApiToken.expires_at > bindparam("now"), User.active)
)
"""Read at each request, so that a revoked token opens nothing any more; the rules' versions come along."""


async def find(core: Core, session: AsyncSession, text: str) -> Bearer:
    """Who is behind the text of a token. Raises TokenRefused, the same for every reason."""
    now = core.clock.now()
    row = (await session.execute(_FIND, {"hash": hash_token(text), "now": now})).first()
    if row is None or not text.startswith(PREFIX) or row.User.must_change_password:
        raise TokenRefused(_("令牌无效、已过期或已停用。请在控制台“我的令牌”里新建一个"))
    token, user = row.ApiToken, row.User
    versions.keep(session, Versions(row.calendar, row.policies, row.workflow))
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        await session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))
    return Bearer(staff_actor(user, await standing_for(core, session, user)), user, token)


async def tokens_of(session: AsyncSession, actor: Actor) -> list[ApiToken]:
    """The actor's own tokens that were not revoked, newest first."""
    own = (ApiToken.user_id == actor.user_id) & ApiToken.revoked_at.is_(None)
    return list(await session.scalars(select(ApiToken).where(own).order_by(ApiToken.id.desc())))


async def revoke(core: Core, session: AsyncSession, actor: Actor, token_id: int) -> None:
    """Switch off one of the actor's own tokens, at once and for good. Raises NotFound for anybody else's."""
    user = await _own_account(session, actor)
    token = (await session.scalars(select(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id).with_for_update())).first()
    if token is None:
        raise NotFound(_("没有找到这个令牌"))
    if token.revoked_at is None:
        token.revoked_at = core.clock.now()
        await user_event(core, session, actor, user, "token.revoked", {"token": token.id})


async def _own_account(session: AsyncSession, actor: Actor) -> User:
    return (await session.scalars(select(User).where(User.id == actor.account))).one()
