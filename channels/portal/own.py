"""我的工单: every matter of one telephone number, opened by a one-time code that is sent to it. No account, no password, no picture.

Whether a number is known is told only to its holder: the page answers the same for every number, the limits too.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NoReturn, cast

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.limits import Limiter
from channels.portal import cookies, told
from channels.portal.preferences import page, remember_language
from channels.web.address import address_of
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from hotline.security import InvalidToken
from ticketing.citizen.codes import CodeFor, check_code, mobile, send_code
from ticketing.citizen.service import by_caller, mask_phone
from ticketing.notice import preferences
from ticketing.ticket.access import tickets_of_number
from ticketing.ticket.models import Ticket

OWN = "hotline_own"
OWN_AGE = timedelta(minutes=30)
MOST = 50
CODES: web.AppKey[Limiter] = web.AppKey("portal_codes")
CODE_TRIES: web.AppKey[Limiter] = web.AppKey("portal_code_tries")


async def show(request: web.Request) -> web.StreamResponse:
    """GET /mine: the list for who proved a number, else the question for it."""
    phone = number_of(request)
    if phone is None:
        return _ask(request)
    return await _page(request, phone)


async def _page(request: web.Request, phone: str, *, errors: dict[str, str] | None = None, status: int = 200) -> web.Response:
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        tickets = list(await session.scalars(tickets_of_number(core, phone).limit(MOST)))
        wish = await preferences.of_number(core, session, phone)
        wechat = await preferences.in_wechat(core, session, phone)
    said = _("已保存") if request.query.get("done") == "told" else ""
    return page(
        request, "portal/own.html", tickets=tickets, phone=mask_phone(phone), most=MOST, wish=wish, errors=errors or {}, said=said,
        status=status, wechat=wechat, kinds=told.kinds(wish, wechat=wechat),
    )  # fmt: skip


async def choose(request: web.Request) -> web.StreamResponse:
    """POST /mine/told: how the holder of this number wants to be told."""
    phone, typed = number_of(request), told.typed_of(await request.post())
    if phone is None:
        raise web.HTTPSeeOther("/mine")
    core = request.app[CORE]
    try:
        async with request.app[DATABASE].transaction() as session:
            language = await told.save(core, session, (await by_caller(core, session, phone)).id, typed)
    except InvalidInput as error:
        return await _page(request, phone, errors=error.errors, status=422)
    response = web.HTTPSeeOther("/mine?done=told")
    remember_language(request, response, language)
    raise response


def _ask(
    request: web.Request, *, phone: str = "", sent: bool = False, errors: dict[str, str] | None = None, status: int = 200
) -> web.Response:
    return page(request, "portal/own_form.html", status=status, phone=phone, sent=sent, errors=errors or {})


async def send(request: web.Request) -> web.StreamResponse:
    """POST /mine/code: send a code; the answer is the same whether the number is known."""
    phone = str((await request.post()).get("phone", "")).strip()[:40]
    core = request.app[CORE]
    try:
        number = mobile(phone)
        if request.app[CODES].wait_seconds(address_of(request)):
            raise InvalidInput(_("要验证码的次数太多，请过几分钟再试，或拨打热线由话务员帮您查"), field="phone")
        async with request.app[DATABASE].transaction() as session:
            known = (await session.scalars(tickets_of_number(core, number).limit(1))).first() is not None
            await send_code(core, session, number, CodeFor.OWN_TICKETS, really=known)
    except InvalidInput as error:
        return _ask(request, phone=phone, errors=error.errors, status=422)
    return _ask(request, phone=phone, sent=True)


async def prove(request: web.Request) -> web.StreamResponse:
    """POST /mine: number and code."""
    data = await request.post()
    phone, code = str(data.get("phone", "")).strip()[:40], str(data.get("code", "")).strip()[:20]
    if request.app[CODE_TRIES].wait_seconds(address_of(request)):
        return _ask(request, phone=phone, sent=True, errors={"code": _("试的次数太多，请过几分钟再试")}, status=429)
    async with request.app[DATABASE].transaction() as session:
        right = await check_code(request.app[CORE], session, phone, CodeFor.OWN_TICKETS, code)
    if not right:
        return _ask(request, phone=phone, sent=True, errors={"code": _("验证码不对或已经过期，请核对，或重新要一个")}, status=422)
    response = web.HTTPSeeOther("/mine")
    _remember(request, response, mobile(phone))
    raise response


def _remember(request: web.Request, response: web.StreamResponse, number: str) -> None:
    until = (request.app[CORE].clock.now() + OWN_AGE).isoformat()
    sealed = request.app[CORE].vault.seal(json.dumps({"own": number, "until": until}))
    cookies.keep(request, response, OWN, sealed.decode(), OWN_AGE)


def number_of(request: web.Request) -> str | None:
    """The number that this browser proved, for half an hour."""
    try:
        held = cast(dict[str, Any], json.loads(request.app[CORE].vault.open(request.cookies.get(OWN, "").encode())))
    except InvalidToken:
        return None
    if "own" not in held or datetime.fromisoformat(held["until"]) < request.app[CORE].clock.now():
        return None
    return str(held["own"])


async def open_one(request: web.Request) -> NoReturn:
    """POST /mine/open: this matter, as if its query code had been typed. Raises NotFound for one of somebody else."""
    phone = number_of(request)
    if phone is None:
        raise web.HTTPSeeOther("/mine")
    number = str((await request.post()).get("number", ""))[:40]
    async with request.app[DATABASE].transaction() as session:
        if not await _is_own(request, session, phone, number):
            raise NotFound(_("没有找到这件事，请重新输入编号和查询码"))
    response = web.HTTPSeeOther("/track")
    cookies.remember_ticket(request, response, number)
    raise response


async def _is_own(request: web.Request, session: AsyncSession, phone: str, number: str) -> bool:
    return (await session.scalars(tickets_of_number(request.app[CORE], phone).where(Ticket.number == number))).first() is not None


async def leave(request: web.Request) -> NoReturn:
    """POST /mine/leave: this browser forgets the number and what was opened by it."""
    response = web.HTTPSeeOther("/mine")
    cookies.forget(response, OWN, cookies.TRACK, cookies.RECEIPT)
    raise response
