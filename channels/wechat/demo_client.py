"""Plays a citizen on WeChat, and the platform around them, against a running service: `hotline wechat say`, `hotline wechat chat`.

It signs and encrypts as the platform does, with the keys of the settings, so it can be used only by who runs the service.
Messages that the service sends later (an agent's reply) arrive when `HOTLINE_WECHAT_API_BASE` is a loopback address, as in
the demo: the client listens there as long as it runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import xmltodict
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import to_text

from channels.wechat.api import LOOPBACK
from channels.wechat.replies import escape
from channels.wechat.signature import sign
from hotline.clock import Clock, SystemClock
from hotline.errors import InvalidInput, Unavailable
from hotline.settings import Settings

ACCOUNT = "gh_demo"
_REPLY_S = 5.0


@dataclass(frozen=True)
class Heard:
    """What the service answered to one push."""

    status: int
    text: str
    """The passive reply; empty when the service had nothing to say at once."""


class Phone:
    """A citizen's phone with WeChat. Use as an asynchronous context manager."""

    def __init__(self, settings: Settings, name: str, clock: Clock | None = None) -> None:
        """`name` stands for a person: the same name is the same openid. Raises `InvalidInput` when the channel is off."""
        if not settings.wechat_token.get_secret_value():
            raise InvalidInput("微信渠道没有打开：请设置 HOTLINE_WECHAT_TOKEN（script/demo 会自己生成）")
        self._settings, self._clock = settings, clock or SystemClock()
        self.openid = "o" + hashlib.sha256(name.encode()).hexdigest()[:27]
        key = settings.wechat_aes_key.get_secret_value()
        self._token = settings.wechat_token.get_secret_value()
        self._crypto = WeChatCrypto(self._token, key, settings.wechat_app_id) if key else None
        self._url = f"http://{settings.http_host}:{settings.http_port}/wechat"
        self._files: dict[str, bytes] = {}
        self.later: asyncio.Queue[str] = asyncio.Queue()
        """Customer messages as they come in."""
        self.listens = False
        """Whether customer messages can come in at all."""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start listening, if the service is set to send to a loopback address."""
        self._http = await self._stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=_REPLY_S)))
        base = self._settings.wechat_api_base
        if base.host in LOOPBACK:
            runner = web.AppRunner(self._platform())
            await runner.setup()
            self._stack.push_async_callback(runner.cleanup)
            try:
                await web.TCPSite(runner, base.host.strip("[]"), base.port).start()
                self.listens = True
            except OSError:  # another client listens already; this one can still speak
                pass
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop listening."""
        await self._stack.aclose()

    async def type(self, text: str) -> Heard:
        """Send a text."""
        return await self._push({"MsgType": "text", "Content": text})

    async def send_file(self, path: Path) -> Heard:
        """Send a voice message (.amr) or a picture; needs `listens`, since the service fetches the file here."""
        if not self.listens:
            raise Unavailable("语音和照片要由服务来取：请把 HOTLINE_WECHAT_API_BASE 设为本机地址，例如 http://127.0.0.1:8086")
        media_id = secrets.token_urlsafe(32)
        self._files[media_id] = path.read_bytes()
        kind = "voice" if path.suffix.lower() == ".amr" else "image"
        return await self._push({"MsgType": kind, "MediaId": media_id, "Format": "amr", "PicUrl": ""})

    async def _push(self, fields: Mapping[str, str]) -> Heard:
        """Deliver a message as the platform does; raises `Unavailable` when the service does not answer."""
        stamp, nonce = str(int(self._clock.now().timestamp())), str(secrets.randbelow(10**10))
        head = {"ToUserName": ACCOUNT, "FromUserName": self.openid, "CreateTime": stamp, "MsgId": str(secrets.randbits(62))}
        body = _xml({**head, **fields})
        query = {"signature": sign(self._token, stamp, nonce), "timestamp": stamp, "nonce": nonce, "openid": self.openid}
        if self._crypto is not None:
            body = to_text(self._crypto.encrypt_message(body, nonce, stamp))
            sealed = xmltodict.parse(body)["xml"]["Encrypt"]
            query |= {"encrypt_type": "aes", "msg_signature": sign(self._token, stamp, nonce, sealed)}
        try:
            async with self._http.post(self._url, params=query, data=body.encode()) as response:
                return Heard(response.status, self._read(await response.text(), response.status))
        except (ClientConnectionError, TimeoutError) as error:
            raise Unavailable("{url} 没有回应：服务在运行吗？（script/demo）", url=self._url) from error

    def _read(self, reply: str, status: int) -> str:
        if status != 200 or reply in ("", "success"):
            return ""
        data = xmltodict.parse(reply)["xml"]
        if self._crypto is not None:
            clear = self._crypto.decrypt_message(reply, data["MsgSignature"], data["TimeStamp"], data["Nonce"])
            data = xmltodict.parse(clear)["xml"]
        return str(data["Content"] or "")

    def _platform(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/cgi-bin/stable_token", self._give_token)
        app.router.add_post("/cgi-bin/message/custom/send", self._take_message)
        app.router.add_get("/cgi-bin/media/get", self._give_file)
        return app

    async def _give_token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": secrets.token_urlsafe(32), "expires_in": 7200})

    async def _take_message(self, request: web.Request) -> web.Response:
        data = await request.json()
        if data.get("touser") != self.openid:
            return web.json_response({"errcode": 45015, "errmsg": "this citizen's phone is switched off"})
        self.later.put_nowait(_shown(data))
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _give_file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.query.get("media_id", ""))
        if found is None:
            return web.json_response({"errcode": 40007, "errmsg": "invalid media_id"})
        return web.Response(body=found, content_type="application/octet-stream", headers={"Content-Disposition": "attachment"})


def _xml(fields: Mapping[str, str]) -> str:
    return "<xml>" + "".join(f"<{name}><![CDATA[{escape(value)}]]></{name}>" for name, value in fields.items()) + "</xml>"


def _shown(data: dict[str, Any]) -> str:
    if data.get("msgtype") == "msgmenu":
        menu = data["msgmenu"]
        return "\n".join([menu["head_content"], *(f"[{entry['content']}]" for entry in menu["list"]), menu["tail_content"]])
    return str(data.get("text", {}).get("content", ""))


def say(settings: Settings, text: str, *, name: str, file: Path | None, wait_s: float, as_json: bool) -> int:
    """`hotline wechat say`: one message; prints the reply, then what comes within `wait_s`. Exit code 1: refused."""
    heard, later = asyncio.run(_say(settings, text, name, file, wait_s))
    if as_json:
        line = json.dumps({"status": heard.status, "reply": heard.text, "later": later}, ensure_ascii=False)
        sys.stdout.write(line + "\n")
    else:
        refused = [] if heard.status == 200 else [f"HTTP {heard.status}"]
        sys.stdout.write("\n".join([*refused, *(part for part in (heard.text, *later) if part)]) + "\n")
    return 0 if heard.status == 200 else 1


async def _say(settings: Settings, text: str, name: str, file: Path | None, wait_s: float) -> tuple[Heard, list[str]]:
    later: list[str] = []
    async with Phone(settings, name) as phone:
        heard = await phone.send_file(file) if file is not None else await phone.type(text)
        try:
            async with asyncio.timeout(wait_s if phone.listens else 0):
                while True:
                    later.append(await phone.later.get())
        except TimeoutError:
            pass
    return heard, later


def chat(settings: Settings, *, name: str) -> None:
    """`hotline wechat chat`: a chat in the terminal until the end of input; a line `@FILE` sends a picture or voice message."""
    asyncio.run(_chat(settings, name))


async def _chat(settings: Settings, name: str) -> None:
    async with Phone(settings, name) as phone:

        async def show_later() -> None:
            while True:
                sys.stdout.write(f"\n◂ {await phone.later.get()}\n> ")
                sys.stdout.flush()

        showing = asyncio.create_task(show_later())
        try:
            while line := await asyncio.to_thread(_ask_line):
                heard = await (phone.send_file(Path(line[1:])) if line.startswith("@") else phone.type(line))
                sys.stdout.write(f"◂ {heard.text or '…'}\n")
        finally:
            showing.cancel()


def _ask_line() -> str:
    """The next line that is not blank; empty at the end of input."""
    while True:
        sys.stdout.write("> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line or line.strip():
            return line.strip()


def upload_menu(settings: Settings) -> int:
    """`hotline wechat menu`: make menu.yaml the account's menu; exit code 1 when the platform refuses."""
    from channels.wechat import menu
    from channels.wechat.api import Client
    from channels.wechat.errors import PlatformError

    client = Client.of(settings)
    if client is None:
        raise InvalidInput("没有可用的公众号：请设置 HOTLINE_WECHAT_APP_ID 和 HOTLINE_WECHAT_APP_SECRET（演示模式没有真的公众号）")
    try:
        made = asyncio.run(menu.upload(client, settings))
    except PlatformError as error:
        sys.stderr.write(f"微信平台没有接受菜单：{error}\n")
        return 1
    sys.stdout.write("，".join(str(button["name"]) for button in made.buttons) + "：已上传，手机上五分钟内可见\n")
    return 0
