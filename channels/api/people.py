"""Keeping accounts, and the deputies that somebody names. One-time passwords are told only in the answer that made them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.call import Answer, Call, Operation
from channels.api.models import Id, Moment, Page, Sent, Switch, Told, text
from channels.api.paging import Paging
from channels.api.ticket_answers import UnitRef, unit_ref
from channels.api.units import LineNumber
from ticketing.context import Core
from ticketing.people import accounts as service
from ticketing.people import deputies as deputy_service
from ticketing.people.accounts import Account, Made, access_user, people_statement
from ticketing.people.actor import Actor
from ticketing.people.models import Deputy, Role, Unit, User
from ticketing.people.permissions import ensure

TAG = "账号"


class AccountQuery(Page):
    """Filters of the list."""

    q: Annotated[str, text(0, 100, "姓名、账号、工号、单位里的文字")] = ""


class AccountFields(Sent):
    """What may be changed of an account. Another role, unit or line ends its sessions and tokens."""

    name: Annotated[str, text(2, 20)]
    role: Role
    unit_id: Id
    line: LineNumber | None = None


class NewAccount(AccountFields):
    """A personal account."""

    login: Annotated[str, text(2, 40, "小写字母、数字和连字符")]
    staff_number: Annotated[str, Field(pattern=r"^[0-9]{4,8}$", description="工号")]


class AccountOut(Told):
    """A personal account."""

    id: int
    login: str
    name: str
    staff_number: str
    role: str
    unit: UnitRef | None
    line: str | None
    active: bool
    locked_until: dt.datetime | None
    must_change_password: bool
    second_factor: bool


class Accounts(Told):
    """The accounts that the caller keeps, by id."""

    items: list[AccountOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class MadeAccount(Told):
    """An account with a new one-time password, which is told only here and must be changed at the first log-in."""

    account: AccountOut
    password: str


class Colleague(Told):
    """Somebody who may be named."""

    id: int
    name: str
    role: str


class DeputyOut(Told):
    """Who signs in the caller's place, and how long."""

    id: int
    deputy: Colleague
    starts_at: dt.datetime
    ends_at: dt.datetime


class Deputies(Told):
    """What the caller arranged and is not over; whom the caller may name."""

    items: list[DeputyOut]
    candidates: list[Colleague]


class NewDeputy(Sent):
    """A colleague of the unit for a time."""

    deputy_id: Id
    starts_at: Annotated[Moment | None, Field(description="不填从现在起")] = None
    ends_at: Moment


class DeputyEnded(Told):
    """Done."""

    id: int


async def _out(session: AsyncSession, user: User) -> AccountOut:
    unit = await session.get(Unit, user.unit_id) if user.unit_id else None
    return _account(user, unit_ref(unit))


def _account(user: User, unit: UnitRef | None) -> AccountOut:
    return AccountOut(
        id=user.id, login=user.login, name=user.name, staff_number=user.staff_number, role=user.role, unit=unit, line=user.line,
        active=user.active, locked_until=user.locked_until, must_change_password=user.must_change_password,
        second_factor=user.totp_sealed is not None,
    )  # fmt: skip


async def list_accounts(call: Call) -> Accounts:
    """The accounts that the caller keeps."""
    asked = call.asked(AccountQuery)
    ensure(call.actor, "users.manage")
    paging = Paging(call, "accounts", asked)
    rows = (await call.session.scalars(people_statement(call.actor, asked.q, paging.before or 0, limit=asked.limit))).all()
    shown, following = paging.cut(rows, lambda user: (user.id,))
    wanted = {user.unit_id for user in shown}
    units = {unit.id: unit for unit in await call.session.scalars(select(Unit).where(Unit.id.in_(wanted)))}
    return Accounts(items=[_account(user, unit_ref(units.get(user.unit_id or 0))) for user in shown], next=following)


async def get_account(call: Call) -> AccountOut:
    """One account that the caller keeps."""
    ensure(call.actor, "users.manage")
    return await _out(call.session, await access_user(call.session, call.actor, call.id()))


async def add_account(call: Call) -> Answer:
    """A new account."""
    sent = call.sent(NewAccount)
    wanted = Account(sent.login, " ".join(sent.name.split()), sent.staff_number, sent.role, sent.unit_id, sent.line)
    return Answer(await _made(call, await service.add_account(call.core, call.session, call.actor, wanted)), 201)


async def change_account(call: Call) -> AccountOut:
    """Another name, role, unit or line."""
    sent = call.sent(AccountFields)
    wanted = Account("", " ".join(sent.name.split()), "", sent.role, sent.unit_id, sent.line)
    return await _out(call.session, await service.change_account(call.core, call.session, call.actor, call.id(), wanted))


async def switch_account(call: Call) -> AccountOut:
    """Off, which ends its sessions and tokens, or on."""
    active = call.sent(Switch).active
    return await _out(call.session, await service.set_active(call.core, call.session, call.actor, call.id(), active=active))


async def reset_password(call: Call) -> MadeAccount:
    """A new one-time password."""
    return await _made(call, await service.reset_password(call.core, call.session, call.actor, call.id()))


async def _made(call: Call, made: Made) -> MadeAccount:
    return MadeAccount(account=await _out(call.session, made.user), password=made.password)


def _step(run: Callable[[Core, AsyncSession, Actor, int], Awaitable[object]]) -> Callable[[Call], Awaitable[AccountOut]]:
    """A step on an account that needs nothing but the account."""

    async def handle(call: Call) -> AccountOut:
        await run(call.core, call.session, call.actor, call.id())
        return await _out(call.session, await access_user(call.session, call.actor, call.id()))

    return handle


async def list_deputies(call: Call) -> Deputies:
    """The caller's own arrangements."""
    found = await deputy_service.arrangements(call.core, call.session, call.bearer.user.id)
    others = await deputy_service.candidates(call.session, call.actor)
    return Deputies(items=[_deputy(row, user) for row, user in found], candidates=[_colleague(user) for user in others])


def _colleague(user: User) -> Colleague:
    return Colleague(id=user.id, name=user.name, role=user.role)


def _deputy(row: Deputy, user: User) -> DeputyOut:
    return DeputyOut(id=row.id, deputy=_colleague(user), starts_at=row.starts_at, ends_at=row.ends_at)


async def name_deputy(call: Call) -> Answer:
    """Somebody signs in the caller's place for a time."""
    sent, now = call.sent(NewDeputy), call.core.clock.now()
    row = await deputy_service.name_deputy(
        call.core, call.session, call.actor, deputy_id=sent.deputy_id, starts_at=max(sent.starts_at or now, now), ends_at=sent.ends_at
    )
    return Answer(_deputy(row, await call.session.get_one(User, row.deputy_id)), 201)


async def end_deputy(call: Call) -> DeputyEnded:
    """The caller is back early."""
    await deputy_service.end_deputy(call.core, call.session, call.actor, call.id())
    return DeputyEnded(id=call.id())


OPERATIONS = (
    Operation("GET", "/accounts", list_accounts, "listAccounts", TAG, "账号", answer=Accounts, query=AccountQuery),
    Operation("POST", "/accounts", add_account, "addAccount", TAG, "新建账号", answer=MadeAccount, body=NewAccount, status=201),
    Operation("GET", "/accounts/{id}", get_account, "getAccount", TAG, "一个账号", answer=AccountOut),
    Operation("PUT", "/accounts/{id}", change_account, "changeAccount", TAG, "修改账号", answer=AccountOut, body=AccountFields),
    Operation("POST", "/accounts/{id}/switch", switch_account, "switchAccount", TAG, "停用或启用账号", answer=AccountOut, body=Switch),
    Operation("POST", "/accounts/{id}/reset-password", reset_password, "resetPassword", TAG, "重置密码", answer=MadeAccount),
    Operation("POST", "/accounts/{id}/unlock", _step(service.unlock), "unlockAccount", TAG, "解除锁定", answer=AccountOut),
    Operation(
        "POST", "/accounts/{id}/end-sessions", _step(service.end_all_sessions), "endSessions", TAG, "强制退出登录", answer=AccountOut
    ),
    Operation(
        "POST", "/accounts/{id}/reset-second-factor", _step(service.reset_second_factor), "resetSecondFactor", TAG, "重置动态口令",
        answer=AccountOut,
    ),
    Operation("GET", "/deputies", list_deputies, "listDeputies", TAG, "我的代理人（AB岗）", answer=Deputies),
    Operation("POST", "/deputies", name_deputy, "nameDeputy", TAG, "指定代理人", answer=DeputyOut, body=NewDeputy, status=201),
    Operation("DELETE", "/deputies/{id}", end_deputy, "endDeputy", TAG, "提前结束代理", answer=DeputyEnded),
)  # fmt: skip
