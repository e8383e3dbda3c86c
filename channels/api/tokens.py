"""Personal tokens by API: list, make a lesser one, revoke."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Sent, Told, text
from channels.web.inputs import whole_number
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.access_token import service
from ticketing.access_token.models import ApiToken, TokenScope

TAG = "令牌"


class TokenOut(Told):
    """A token without its text."""

    id: int
    name: str
    hint: str = Field(description="最后四个字符")
    scope: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class Tokens(Told):
    """The caller's tokens."""

    items: list[TokenOut]


class NewToken(Sent):
    """What is asked for. A token never makes one that may do or lasts more than itself."""

    name: Annotated[str, text(1, 60, "用在哪里")]
    scope: TokenScope = TokenScope.READ
    days: Annotated[int, Field(ge=1, le=service.MAX_DAYS, description="有效天数")] = 30


class MadeToken(Told):
    """A new token. `text` is told only here."""

    token: TokenOut
    text: str


class Revoked(Told):
    """Done."""

    id: int


def token_out(token: ApiToken) -> TokenOut:
    """A token."""
    plain = ("id", "name", "hint", "scope", "created_at", "expires_at", "last_used_at")
    return TokenOut(**{name: getattr(token, name) for name in plain})


async def list_tokens(call: Call) -> Tokens:
    """The caller's tokens that were not revoked."""
    return Tokens(items=[token_out(each) for each in await service.tokens_of(call.session, call.actor)])


async def make_token(call: Call) -> Answer:
    """A further token of the same account."""
    sent = call.sent(NewToken)
    until = call.core.clock.now() + timedelta(days=sent.days)
    if until > call.bearer.token.expires_at:
        raise InvalidInput(_("新令牌不能比当前令牌更晚到期"), field="days")
    made = await service.issue(call.core, call.session, call.actor, name=sent.name, scope=sent.scope, days=sent.days)
    return Answer(MadeToken(token=token_out(made.token), text=made.text), 201)


async def revoke_token(call: Call) -> Revoked:
    """Switch one off."""
    number = whole_number(call.part("id"))
    if number is None:
        raise NotFound(_("没有找到这个令牌"))
    await service.revoke(call.core, call.session, call.actor, number)
    return Revoked(id=number)


OPERATIONS = (
    Operation("GET", "/tokens", list_tokens, "listTokens", TAG, "我的令牌", answer=Tokens),
    Operation("POST", "/tokens", make_token, "makeToken", TAG, "新建令牌", answer=MadeToken, body=NewToken, status=201),
    Operation("DELETE", "/tokens/{id}", revoke_token, "revokeToken", TAG, "停用令牌", answer=Revoked),
)
