"""The half of the platform that our server calls: token, customer messages, media, menu; with its limits and error codes."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.simulators.wechat_account import Account

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MESSAGES = {
    0: "ok",
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid appid",
    40016: "invalid button size",
    40029: "invalid code",
    40037: "invalid template_id",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    41001: "access_token missing",
    42001: "access_token expired",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    44004: "empty content",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    47001: "data format error",
    47003: "argument invalid! data.thing2.value invalid",
}
SEND, MEDIA, STABLE_TOKEN, MENU = "/cgi-bin/message/custom/send", "/cgi-bin/media/get", "/cgi-bin/stable_token", "/cgi-bin/menu/create"
OAUTH, AUTHORIZE, CODE = "/sns/oauth2/access_token", "/connect/oauth2/authorize", "/cgi-bin/qrcode/create"
CALLBACK_IP = "/cgi-bin/getcallbackip"
PAGE_TICKET, PAGE_SCRIPT = "/cgi-bin/ticket/getticket", "/open/js/jweixin-1.6.0.js"
_WITHOUT_TOKEN = (STABLE_TOKEN, OAUTH, AUTHORIZE, PAGE_SCRIPT)
_SDK = Path(__file__).parents[2] / "node_modules" / "weixin-js-sdk" / "index.js"
TEMPLATE, SUBSCRIPTION = "/cgi-bin/message/template/send", "/cgi-bin/message/subscribe/bizsend"
_TYPES = {
    "thing": r".{1,20}",
    "phrase": r"[\u4e00-\u9fff]{1,5}",
    "character_string": r"[ -~]{1,32}",
    "time": r"\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d",
}


class Api:
    """`app` is served on a loopback port; faults are set in `account.faults` or by the fields here."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.swallow = asyncio.Event()
        """When set, a customer message is taken and shown, but the answer never comes: the connection is closed."""
        self.hold: asyncio.Event | None = None
        """When it is an event, calls wait for it before they are looked at."""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate])
        app.router.add_post(STABLE_TOKEN, self._stable_token)
        app.router.add_post(SEND, self._send)
        app.router.add_post(TEMPLATE, self._template)
        app.router.add_post(SUBSCRIPTION, self._template)
        app.router.add_get(MEDIA, self._media)
        app.router.add_post(MENU, self._menu)
        app.router.add_get(OAUTH, self._oauth)
        app.router.add_get(AUTHORIZE, self._authorize)
        app.router.add_post(CODE, self._code)
        app.router.add_get(CALLBACK_IP, self._callback_ip)
        app.router.add_get(PAGE_TICKET, self._page_ticket)
        app.router.add_get(PAGE_SCRIPT, self._page_script)
        return app

    @staticmethod
    def error(code: int) -> web.Response:
        return web.json_response({"errcode": code, "errmsg": MESSAGES[code] + (f" rid: {secrets.token_hex(4)}" if code else "")})

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        account = self.account
        account.calls[request.path] += 1
        if self.hold is not None:
            await self.hold.wait()
        for place, (path, code) in enumerate(account.faults):
            if path == request.path:
                del account.faults[place]
                return self.error(code)
        if request.path not in _WITHOUT_TOKEN and (refused := self._check_token(request.query.get("access_token"))):
            return self.error(refused)
        try:
            return await handler(request)
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.error(47001)

    def _check_token(self, token: str | None) -> int:
        account, now = self.account, self.account.clock()
        if not token:
            return 41001
        if token not in account.tokens or account.superseded.get(token, now) < now:
            return 40001
        return 42001 if account.tokens[token] <= now else 0

    async def _stable_token(self, request: web.Request) -> web.Response:
        account, data = self.account, await request.json()
        if data.get("grant_type") != "client_credential":
            return self.error(40002)
        if data.get("appid") != account.app_id or data.get("secret") != account.secret:
            return self.error(40013 if data.get("appid") != account.app_id else 40125)
        now = account.clock()
        left = account.tokens.get(account.current, 0) - now
        if left <= 300:  # renewed by the platform five minutes ahead; the old one stays good for a while
            if account.current:
                account.superseded[account.current] = now + account.rules.old_token_grace_s
            account.current = "stable_" + secrets.token_urlsafe(90)
            account.tokens[account.current] = now + account.rules.token_life_s
            left = account.rules.token_life_s
        return web.json_response({"access_token": account.current, "expires_in": int(left)})

    async def _send(self, request: web.Request) -> web.Response:
        data = await request.json()
        fan, kind = self.account.fans.get(data["touser"]), data["msgtype"]
        if fan is None:
            return self.error(40003)
        if kind not in {"text", "msgmenu"}:
            return self.error(40008)
        refused = self._check_content(kind, data[kind]) or self.account.spend(fan)
        if refused:
            return self.error(refused)
        fan.inbox.append({"via": "custom", "type": kind, **data[kind]})
        if self.swallow.is_set():
            assert request.transport is not None
            request.transport.close()
        return self.error(0)

    async def _template(self, request: web.Request) -> web.Response:
        """模板消息 for followers, a repeat with the same client_msg_id is dropped; 订阅通知 for whoever has a subscription left."""
        data, by = await request.json(), request.path
        fan = self.account.fans.get(data["touser"])
        if fan is None:
            return self.error(40003)
        if data["template_id"] not in self.account.templates:
            return self.error(40037)
        for name, each in data["data"].items():
            if not re.fullmatch(_TYPES[name.rstrip("0123456789")], each["value"]):
                return self.error(47003)
        if by == SUBSCRIPTION:
            if not fan.subscriptions[data["template_id"]]:
                return self.error(43101)
            if data["template_id"] not in self.account.lasting:
                fan.subscriptions[data["template_id"]] -= 1
        elif not fan.subscribed:
            return self.error(43004)
        elif data["client_msg_id"] in fan.told:
            return self._taken(fan.told[data["client_msg_id"]])
        number = next(self.account.ids)
        if by == TEMPLATE:
            fan.told[data["client_msg_id"]] = number
        self.account.sent.append((fan.openid, data["template_id"], number))
        fan.inbox.append({"via": "notice", "type": "template", "content": {name: each["value"] for name, each in data["data"].items()}})
        if self.swallow.is_set():
            assert request.transport is not None
            request.transport.close()
        return self._taken(number)

    @staticmethod
    def _taken(number: int) -> web.Response:
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": number})

    def _check_content(self, kind: str, body: dict[str, Any]) -> int:
        if kind == "msgmenu":
            return 0 if body["head_content"] and all(one["id"] and one["content"] for one in body["list"]) else 47001
        size = len(body["content"].encode())
        return 44004 if size == 0 else 45002 if size > self.account.rules.text_bytes else 0

    async def _authorize(self, request: web.Request) -> web.Response:
        """snsapi_base: silent, back at once with a code for the person whose phone it is."""
        assert self.account.visitor is not None
        code = secrets.token_urlsafe(16)
        self.account.oauth_codes[code] = self.account.visitor.openid
        back = f"{request.query['redirect_uri']}?{urlencode({'code': code, 'state': request.query['state']})}"
        return web.Response(status=302, headers={"Location": back})

    async def _oauth(self, request: web.Request) -> web.Response:
        """A code is good once. The real one answers as text/plain."""
        account, query = self.account, request.query
        if query.get("appid") != account.app_id or query.get("secret") != account.secret:
            return self.error(40125)
        openid = account.oauth_codes.get(query.get("code", ""))
        if openid is None:
            return self.error(40029)
        if not openid:
            return self.error(40163)
        account.oauth_codes[query["code"]] = ""
        data = {"access_token": "web", "expires_in": 7200, "refresh_token": "r", "openid": openid, "scope": "snsapi_base"}
        return web.Response(text=json.dumps(data), content_type="text/plain")

    async def _code(self, request: web.Request) -> web.Response:
        data = await request.json()
        scene = data["action_info"]["scene"]["scene_str"]
        if data["action_name"] != "QR_LIMIT_STR_SCENE" or not 1 <= len(scene) <= 64:
            return self.error(47001)
        return web.json_response({"ticket": f"T{scene}", "url": f"http://weixin.qq.com/q/{scene}"})

    async def _callback_ip(self, _request: web.Request) -> web.Response:
        return web.json_response({"ip_list": ["127.0.0.1"]})

    async def _page_ticket(self, request: web.Request) -> web.Response:
        """ASSUMED, the worst case: every call makes a new ticket, and the one before is no longer good."""
        if request.query.get("type") != "jsapi":
            return self.error(47001)
        self.account.page_ticket = "ticket_" + secrets.token_urlsafe(60)
        return web.json_response({"errcode": 0, "errmsg": "ok", "ticket": self.account.page_ticket, "expires_in": 7200})

    async def _page_script(self, _request: web.Request) -> web.Response:
        """The platform's own script, from its npm package: there it exports instead of setting the global names."""
        text = f"var module = {{}};\n{_SDK.read_text(encoding='utf-8')}\nwindow.wx = window.jWeixin = module.exports;\n"
        return web.Response(text=text, content_type="text/javascript")

    async def _media(self, request: web.Request) -> web.Response:
        found = self.account.find_media(request.query.get("media_id", ""))
        if found is None:  # the real one answers 200 with JSON as text/plain
            return web.Response(text=json.dumps({"errcode": 40007, "errmsg": MESSAGES[40007]}))
        kind, name = {"voice": ("audio/amr", "v.amr")}.get(found[0], ("image/jpeg", "i.jpg"))
        return web.Response(body=found[1], content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    async def _menu(self, request: web.Request) -> web.Response:
        menu = await request.json()
        tops = menu["button"]
        if not 1 <= len(tops) <= 3 or any(len(top.get("sub_button", [])) > 5 for top in tops):
            return self.error(40016)
        self.account.menu = menu
        return self.error(0)
