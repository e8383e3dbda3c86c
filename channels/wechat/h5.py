"""`/my`: the citizen's page inside WeChat. The openid comes by OAuth (snsapi_base: silent, nothing but the openid).

Own tickets, the binding of a telephone number that was proved by a one-time code (`/mine`), and how the citizen wants to
be told. Plain pages: they work in old Android WeChat browsers and without JavaScript. Outside WeChat `/mine` does the same.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from datetime import datetime, timedelta
from typing import Any, NoReturn, cast
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal import cookies, in_wechat, own, told
from channels.portal.preferences import page, remember_language
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.wechat import binding, jssdk, remind, subscriptions
from channels.wechat.api import LOOPBACK, Client
from channels.wechat.errors import PlatformError
from channels.wechat.jssdk import CLIENT
from channels.wechat.pulse import WATCH, Watch
from hotline import logs
from hotline.errors import InvalidInput, NotFound, Unavailable
from hotline.i18n import _
from hotline.security import InvalidToken
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import by_openid, mask_phone, phone_number
from ticketing.notice.models import NoticePreference

log = logs.get(__name__)
WHO, STATE = "hotline_wechat", "hotline_oauth"
WHO_AGE, STATE_AGE = timedelta(hours=12), timedelta(minutes=10)
_AUTHORIZE = "https://open.weixin.qq.com/connect/oauth2/authorize"
_CODE = re.compile(r"[A-Za-z0-9_-]{1,512}")


def setup(app: web.Application) -> None:
    """Add the pages; without an AppSecret only the way to `/mine`."""
    client = Client.of(app[SETTINGS])
    if client is not None:
        app[WATCH] = Watch(client, app[CORE].clock)
        jssdk.setup(app, client)
        remind.read_templates(app)
    app.router.add_get("/my", show)
    app.router.add_get("/my/back", come_back)
    app.router.add_get(in_wechat.REMIND, show_reminding)
    for name, handler in (("open", open_one), ("bind", bind), ("told", choose), ("leave", leave)):
        app.router.add_post(f"/my/{name}", handler)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /my: the page; who is not known yet is sent through WeChat's OAuth once, silently."""
    if CLIENT not in request.app:
        raise web.HTTPSeeOther("/mine")
    if openid_of(request) is None:
        raise to_wechat(request)
    return await _page(request)


async def _page(request: web.Request, *, errors: dict[str, str] | None = None, status: int = 200) -> web.Response:
    core, said = request.app[CORE], request.query.get("done", "")
    async with request.app[DATABASE].transaction() as session:
        citizen = await citizen_of(request, session)
        tickets = await binding.tickets(core, session, citizen)
        bound = phone_number(core, citizen) if citizen.phone_verified else None
        wish = await session.get(NoticePreference, citizen.id)
    proved = own.number_of(request)
    return page(
        request,
        "portal/my.html",
        status=status,
        tickets=tickets,
        bound=mask_phone(bound) if bound else "",
        proved=mask_phone(proved) if proved and proved != bound else "",
        wish=wish,
        kinds=told.kinds(wish, wechat=True),
        reminds=bool(remind.groups_of(request.app)),
        errors=errors or {},
        said={"bound": _("手机号已绑定"), "told": _("已保存")}.get(said, ""),
    )


def to_wechat(request: web.Request) -> web.HTTPSeeOther:
    """To WeChat's OAuth, which leads back to this page."""
    settings, state = request.app[SETTINGS], secrets.token_hex(16)
    base = settings.wechat_api_base
    authorize = f"{str(base).rstrip('/')}/connect/oauth2/authorize" if base.host in LOOPBACK else _AUTHORIZE
    asked = {
        "appid": settings.wechat_app_id,
        "redirect_uri": f"{settings.web_url}/my/back",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": state,
    }
    response = web.HTTPSeeOther(f"{authorize}?{urlencode(asked)}#wechat_redirect")
    cookies.keep(request, response, STATE, cookies.sign(request, STATE, f"{state} {request.path}", STATE_AGE), STATE_AGE)
    return response


async def show_reminding(request: web.Request) -> web.StreamResponse:
    """GET /my/remind: what the citizen can be told of in WeChat, and the button that WeChat wants to have tapped for it."""
    groups = remind.groups_of(request.app)
    if not groups:
        raise web.HTTPSeeOther("/my")
    if openid_of(request) is None:
        raise to_wechat(request)
    async with request.app[DATABASE].transaction() as session:
        left = await subscriptions.left(session, (await citizen_of(request, session)).id)
    return page(request, "portal/remind.html", groups=groups, left=left, inside=in_wechat.is_wechat(request))


async def come_back(request: web.Request) -> web.StreamResponse:
    """GET /my/back?code=…&state=…: the state must be this browser's own, or somebody could put his account into it."""
    known, _blank, wanted = (cookies.unsign(request, STATE, request.cookies.get(STATE, "")) or "").partition(" ")
    code, state = request.query.get("code", ""), request.query.get("state", "")
    if CLIENT not in request.app or not known or not hmac.compare_digest(known.encode(), state.encode("utf-8", "replace")):
        raise web.HTTPSeeOther("/my")
    if not _CODE.fullmatch(code):
        raise InvalidInput(_("没有得到微信的授权，请从公众号菜单重新进入"))
    try:
        openid = await request.app[CLIENT].openid(code)
    except PlatformError as error:
        log.warning("oauth failed", reason=str(error))
        raise Unavailable(_("暂时没能和微信核对身份，请从公众号菜单重新进入")) from None
    response = web.HTTPSeeOther(wanted if wanted == in_wechat.REMIND else "/my")
    until = (request.app[CORE].clock.now() + WHO_AGE).isoformat()
    sealed = request.app[CORE].vault.seal(json.dumps({"wechat": openid, "until": until}))
    cookies.keep(request, response, WHO, sealed.decode(), WHO_AGE)
    cookies.forget(response, STATE)
    raise response


def openid_of(request: web.Request) -> str | None:
    """Who WeChat says this browser belongs to."""
    try:
        held = cast(dict[str, Any], json.loads(request.app[CORE].vault.open(request.cookies.get(WHO, "").encode())))
    except InvalidToken:
        return None
    if "wechat" not in held or datetime.fromisoformat(held["until"]) < request.app[CORE].clock.now():
        return None
    return str(held["wechat"])


async def citizen_of(request: web.Request, session: AsyncSession) -> Citizen:
    """The person whose browser this is. Raises HTTPSeeOther to `/my` when it is nobody's yet."""
    openid = openid_of(request)
    if openid is None:
        raise web.HTTPSeeOther("/my")
    return await by_openid(request.app[CORE], session, openid)


async def open_one(request: web.Request) -> NoReturn:
    """POST /my/open: one of the own tickets, as if its query code had been typed."""
    number = str((await request.post()).get("number", ""))[:40]
    async with request.app[DATABASE].transaction() as session:
        tickets = await binding.tickets(request.app[CORE], session, await citizen_of(request, session))
    if number not in {ticket.number for ticket in tickets}:
        raise NotFound(_("没有找到这件事，请重新输入编号和查询码"))
    response = web.HTTPSeeOther("/track")
    cookies.remember_ticket(request, response, number)
    raise response


async def bind(request: web.Request) -> NoReturn:
    """POST /my/bind: the number that this browser has just proved, with the consent that the form asks for."""
    proved, data = own.number_of(request), await request.post()
    if proved is None:
        raise web.HTTPSeeOther("/mine")
    if data.get("agree") != "yes":
        raise InvalidInput(_("请先勾选同意"), field="agree")
    async with request.app[DATABASE].transaction() as session:
        await binding.bind(request.app[CORE], session, await citizen_of(request, session), proved)
    raise web.HTTPSeeOther("/my?done=bound")


async def choose(request: web.Request) -> web.StreamResponse:
    """POST /my/told: how the citizen wants to be told."""
    typed = told.typed_of(await request.post())
    try:
        async with request.app[DATABASE].transaction() as session:
            language = await told.save(request.app[CORE], session, (await citizen_of(request, session)).id, typed)
    except InvalidInput as error:
        return await _page(request, errors=error.errors, status=422)
    response = web.HTTPSeeOther("/my?done=told")
    remember_language(request, response, language)
    raise response


async def leave(request: web.Request) -> NoReturn:
    """POST /my/leave: this browser forgets who it was."""
    response = web.HTTPSeeOther("/")
    cookies.forget(response, WHO, cookies.TRACK, cookies.RECEIPT)
    raise response
