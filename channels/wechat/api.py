"""A thin asyncio client for the calls of the platform's API that the hotline needs.

wechatpy's own client is not used: it repeats a call without end when a token is refused, ignores the time limit of the
token call and carries the token in its exceptions (docs/wechat.md). Here no call is repeated more than once, and a message
only when the platform said that it did not take it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from channels.wechat.errors import RENEW_TOKEN, NotSent, PlatformRefused, UnknownOutcome
from hotline.settings import Settings

MAX_FILE_BYTES = 12 << 20
"""Largest file that is fetched: pictures have up to 10 MB."""
_MAX_JSON_BYTES = 1 << 20
_RENEW_AHEAD_S = 240
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Hosts on which a stand-in of the platform may run."""
_FILE_TYPES = ("image/", "audio/", "video/", "voice/")


class Client:
    """The account's calls. One per process. Every call has a connection of its own, so there is nothing to close.

    On a kept connection «closed by the server» would not tell whether the request was taken.

    The token lives in the process. `stable_token` answers every process with the same token for as long as it is good, so
    nothing is gained by sharing it through the database, and no secret has to lie there.
    """

    def __init__(self, app_id: str, secret: str, base: str, *, timeout_s: float = 4.0) -> None:
        """`timeout_s` bounds every single call, the token call included."""
        self._app_id, self._secret, self._base = app_id, secret, base.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(2.0, timeout_s))
        self._token, self._good_until = "", 0.0
        self._renewal = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Client | None:
        """The client of the account in the settings; None when there is nobody to call.

        That is without AppSecret, and in the demo as long as the platform's address is the real one: the demo's account does
        not exist there.
        """
        secret = settings.wechat_app_secret.get_secret_value()
        if not settings.wechat_app_id or not secret:
            return None
        if settings.demo and settings.wechat_api_base.host not in LOOPBACK:
            return None
        return cls(settings.wechat_app_id, secret, str(settings.wechat_api_base))

    async def send(self, openid: str, kind: str, content: Mapping[str, Any]) -> None:
        """Send a customer message (客服消息); raises `PlatformRefused`, `NotSent` or `UnknownOutcome`."""
        await self._call("POST", "/cgi-bin/message/custom/send", {"touser": openid, "msgtype": kind, kind: content})

    async def text(self, openid: str, text: str) -> None:
        """Send a text of at most 2,048 bytes."""
        await self.send(openid, "text", {"content": text})

    async def notice(self, path: str, body: Mapping[str, Any]) -> str:
        """Send a 模板消息 or 订阅通知 (`channels.wechat.notices.body`). Refused: 43004 no follower, 43101 not subscribed or used up.

        Returns the message's number, which its receipt will name; empty when the platform gave none.
        """
        answer = await self._call("POST", path, dict(body))
        return str(answer.get("msgid", "")) if isinstance(answer, dict) else ""

    async def media(self, media_id: str) -> bytes:
        """Fetch a picture or a voice message that a citizen sent (kept three days by the platform)."""
        found = await self._call("GET", "/cgi-bin/media/get", media_id=media_id)
        if not isinstance(found, bytes):
            raise PlatformRefused(40007, "not a file")  # a video comes as JSON with an address
        return found

    async def openid(self, code: str) -> str:
        """Who came back from OAuth with this code, which is good once and for five minutes; refused: 40029, 40163."""
        asked = {"appid": self._app_id, "secret": self._secret, "code": code, "grant_type": "authorization_code"}
        answer = await self._send("GET", "/sns/oauth2/access_token", asked, None)
        found = answer.get("openid")
        if not isinstance(found, str) or not found:
            raise UnknownOutcome("the answer names nobody")
        return found

    async def page_ticket(self) -> tuple[str, float]:
        """The jsapi_ticket, which signs pages for the platform's script, and how many seconds it is good."""
        answer = await self._call("GET", "/cgi-bin/ticket/getticket", type="jsapi")
        try:
            return str(answer["ticket"]), float(answer["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise NotSent("the ticket answer cannot be read") from None

    async def scene_code(self, scene: str) -> str:
        """What a permanent code with this scene says (QR_LIMIT_STR_SCENE, 100,000 in all); the same for the same scene."""
        body = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": scene}}}
        answer = await self._call("POST", "/cgi-bin/qrcode/create", body)
        found = answer.get("url")
        if not isinstance(found, str) or not found.startswith(("http://", "https://")):
            raise UnknownOutcome("the answer names no code")
        return found

    async def create_menu(self, menu: Mapping[str, Any]) -> None:
        """Replace the account's menu."""
        await self._call("POST", "/cgi-bin/menu/create", dict(menu))

    async def token(self, refused: str | None = None) -> str:
        """The access token. `refused` names one that the platform did not accept, so that only this one is replaced."""
        async with self._renewal:  # one renewal, however many calls wait for it
            loop = asyncio.get_running_loop()
            if refused is not None and refused == self._token:
                self._token = ""
            if not self._token or loop.time() >= self._good_until:
                self._token, lifetime = await self._ask_token()
                self._good_until = loop.time() + max(30.0, lifetime - _RENEW_AHEAD_S)
            return self._token

    async def probe(self) -> float:
        """Ask for the token as if none were held, and try it on a call that changes nothing; how many seconds it is good.

        Raises `PlatformRefused` for what the operator has to mend (40164 address not allowed, 40125 secret), `NotSent`, `UnknownOutcome`.
        """
        token, lifetime = await self._ask_token()
        await self._send("GET", "/cgi-bin/getcallbackip", {"access_token": token}, None)
        return lifetime

    async def _ask_token(self) -> tuple[str, float]:
        body = {"grant_type": "client_credential", "appid": self._app_id, "secret": self._secret}
        answer = await self._send("POST", "/cgi-bin/stable_token", {}, body)
        try:
            return str(answer["access_token"]), float(answer["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise NotSent("the token answer cannot be read") from None

    async def _call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        token = await self._token_or_not_sent()
        try:
            return await self._send(method, path, {**query, "access_token": token}, body)
        except PlatformRefused as error:
            if error.code not in RENEW_TOKEN:
                raise
        token = await self._token_or_not_sent(refused=token)
        return await self._send(method, path, {**query, "access_token": token}, body)

    async def _token_or_not_sent(self, refused: str | None = None) -> str:
        try:
            return await self.token(refused)
        except UnknownOutcome as error:  # the token call may be repeated at will: nothing was sent to a citizen
            raise NotSent(str(error)) from None

    async def _send(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        """One request. Errors never carry the address, which holds the token."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as http,
                http.request(method, self._base + path, params=query, data=data, headers=headers, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise UnknownOutcome(f"HTTP {response.status}")
                is_file = "Content-Disposition" in response.headers or response.content_type.startswith(_FILE_TYPES)
                raw = await _read(response, MAX_FILE_BYTES if is_file else _MAX_JSON_BYTES)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnknownOutcome(type(error).__name__) from None
        return raw if is_file else _answer(raw)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    blob = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        blob += chunk
        if len(blob) > limit:
            raise UnknownOutcome("the answer is too large")
    return bytes(blob)


def _answer(raw: bytes) -> Any:
    try:
        data = json.loads(raw)
        code = int(data.get("errcode", 0))
    except (ValueError, TypeError, AttributeError):
        raise UnknownOutcome("the answer cannot be read") from None
    if code:
        raise PlatformRefused(code, str(data.get("errmsg", ""))[:120])
    return data
