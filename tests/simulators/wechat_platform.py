"""The half of the platform that calls our server: it signs, encrypts, waits 5 s, tries three times and checks the reply."""

from __future__ import annotations

import secrets
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp

from tests.simulators.wechat_account import Account, Fan, Pushed
from tests.simulators.wechat_codec import from_xml, sign, to_xml

Mode = Literal["plain", "compat", "safe"]


class Platform:
    """Pushes to `callback_url` what citizens do."""

    def __init__(self, account: Account, http: aiohttp.ClientSession, callback_url: str, *, mode: Mode = "safe") -> None:
        self.account, self._http, self.callback_url, self.mode = account, http, callback_url, mode

    def envelope(self, xml: str) -> tuple[dict[str, str], str]:
        """Address line and body for a message in the account's mode, newly signed."""
        account = self.account
        stamp, nonce = str(int(account.clock())), str(secrets.randbelow(10**10))
        query = {"signature": sign(account.token, stamp, nonce), "timestamp": stamp, "nonce": nonce}
        if self.mode == "plain":
            return query, xml
        sealed = account.cipher.encrypt(xml)
        query |= {"encrypt_type": "aes", "msg_signature": sign(account.token, stamp, nonce, sealed)}
        fields = from_xml(xml)
        keep = fields if self.mode == "compat" else {"ToUserName": fields["ToUserName"]}
        return query, to_xml({**keep, "Encrypt": sealed})

    async def verify_url(self) -> bool:
        """The check made when the callback address is saved: echostr must come back as it is."""
        echo = secrets.token_hex(10)
        query = self.envelope("<xml><ToUserName>x</ToUserName></xml>")[0]
        query = {key: query[key] for key in ("signature", "timestamp", "nonce")}
        async with self._http.get(self.callback_url, params={**query, "echostr": echo}) as response:
            return response.status == 200 and await response.text() == echo

    def xml(self, fan: Fan, fields: Mapping[str, Any]) -> str:
        """A message in clear."""
        return to_xml({"ToUserName": self.account.name, "FromUserName": fan.openid, "CreateTime": int(self.account.clock()), **fields})

    async def post(self, query: Mapping[str, str], body: str) -> int:
        """One request as it is, for forgeries; returns the status."""
        async with self._http.post(self.callback_url, params=query, data=body.encode(errors="surrogateescape")) as response:
            await response.read()
            return response.status

    async def push(self, fan: Fan, fields: Mapping[str, Any]) -> Pushed:
        """Deliver as the platform does; the outcome also lies in the citizen's inbox."""
        done, xml = Pushed(fields), self.xml(fan, fields)
        for _ in range(self.account.rules.attempts):
            status, raw = await self._attempt(fan, xml)
            done.attempts.append(status)
            if status == "200":
                done.reply, done.complaint = self._read_reply(fan, raw)
                break
            if status.isdigit() and not self.account.rules.retry_on_http_error:
                break
        if done.attempts[-1] != "200":
            done.complaint = "no answer: " + done.attempts[-1]
        if done.reply is not None:
            fan.inbox.append({"via": "passive", **done.reply})
        elif done.complaint:
            fan.inbox.append({"via": "notice", "why": done.complaint})
        return done

    async def _attempt(self, fan: Fan, xml: str) -> tuple[str, bytes]:
        query, body = self.envelope(xml)
        timeout = aiohttp.ClientTimeout(total=self.account.rules.reply_timeout_s)
        try:
            async with self._http.post(
                self.callback_url,
                params={**query, "openid": fan.openid},
                data=body.encode(),
                headers={"Content-Type": "text/xml"},
                timeout=timeout,
            ) as response:
                return str(response.status), await response.read()
        except TimeoutError:
            return "timeout", b""
        except aiohttp.ClientError:
            return "refused", b""

    def _read_reply(self, fan: Fan, raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
        if raw in (b"", b"success"):
            return None, None
        account = self.account
        try:
            reply = from_xml(raw.decode())
            if "Encrypt" in reply:
                sealed = reply["Encrypt"]
                if reply["MsgSignature"] != sign(account.token, reply["TimeStamp"], reply["Nonce"], sealed):
                    return None, "reply signature is wrong"
                reply = from_xml(account.cipher.decrypt(sealed))
            elif self.mode == "safe":
                return None, "reply is not encrypted"
            int(reply["CreateTime"])
            if (reply["ToUserName"], reply["FromUserName"]) != (fan.openid, account.name):
                return None, "reply names are wrong"
            if reply["MsgType"] != "text":
                return None, "reply type is unknown"
            if not 0 < len(reply["Content"].encode()) <= account.rules.text_bytes:
                return None, "reply text is empty or too long"
        except (ValueError, KeyError, TypeError, ElementTree.ParseError) as error:
            return None, f"reply is broken: {error!r}"
        return reply, None

    # what a citizen can do

    async def message(self, fan: Fan, kind: str, fields: Mapping[str, Any], scene: str = "message") -> Pushed:
        self.account.credit(fan, scene)
        return await self.push(fan, {"MsgType": kind, **fields, "MsgId": next(self.account.ids)})

    async def event(self, fan: Fan, name: str, fields: Mapping[str, Any] | None = None, scene: str = "") -> Pushed:
        if scene:
            self.account.credit(fan, scene)
        return await self.push(fan, {"MsgType": "event", "Event": name, **(fields or {})})

    async def text(self, fan: Fan, content: str) -> Pushed:
        return await self.message(fan, "text", {"Content": content})

    async def choose(self, fan: Fan, menu_id: str, content: str) -> Pushed:
        """A tap on a msgmenu entry: comes as text, yet counts as a menu click. An id with letters comes back as 0."""
        back = menu_id if menu_id.isdigit() else "0"
        return await self.message(fan, "text", {"Content": content, "bizmsgmenuid": back}, "menu")

    async def voice(self, fan: Fan, audio: bytes) -> Pushed:
        return await self.message(fan, "voice", {"MediaId": self.account.add_media("voice", audio), "Format": "amr", "Recognition": ""})

    async def image(self, fan: Fan, data: bytes) -> Pushed:
        media = self.account.add_media("image", data)
        return await self.message(fan, "image", {"PicUrl": "http://mmbiz.invalid/x", "MediaId": media})

    async def location(self, fan: Fan, latitude: float, longitude: float, label: str) -> Pushed:
        fields = {"Location_X": f"{latitude:.6f}", "Location_Y": f"{longitude:.6f}", "Scale": "15", "Label": label}
        return await self.message(fan, "location", fields)

    async def click(self, fan: Fan, key: str) -> Pushed:
        return await self.event(fan, "CLICK", {"EventKey": key}, "menu")

    async def follow(self, fan: Fan, qr_scene: str = "") -> Pushed:
        fan.subscribed = True
        key = {"EventKey": f"qrscene_{qr_scene}", "Ticket": "T"} if qr_scene else {"EventKey": ""}
        return await self.event(fan, "subscribe", key, "subscribe")

    async def consent(self, fan: Fan, *templates: str, status: str = "accept") -> Pushed:
        """The citizen agreed (or not) to 订阅通知 on a page; one entry comes as an object, several as an array."""
        if status == "accept":
            fan.subscriptions.update(templates)
        entries = [{"TemplateId": each, "SubscribeStatusString": status, "PopupScene": 1} for each in templates]
        return await self.event(fan, "subscribe_msg_popup_event", {"SubscribeMsgPopupEvent": {"List": entries}})

    async def withdraw_consent(self, fan: Fan, template: str) -> Pushed:
        """The citizen refuses a template in WeChat's own list of 服务通知."""
        del fan.subscriptions[template]
        entry = {"TemplateId": template, "SubscribeStatusString": "reject"}
        return await self.event(fan, "subscribe_msg_change_event", {"SubscribeMsgChangeEvent": {"List": entry}})

    async def template_receipt(self, fan: Fan, number: int, status: str = "success") -> Pushed:
        """success, failed:user block, failed: system failed."""
        return await self.event(fan, "TEMPLATESENDJOBFINISH", {"MsgID": number, "Status": status})

    async def subscription_receipt(self, fan: Fan, template: str, number: int, code: int = 0) -> Pushed:
        """What became of a 订阅通知."""
        entry = {"TemplateId": template, "MsgID": number, "ErrorCode": code, "ErrorStatus": "success" if code == 0 else "fail"}
        return await self.event(fan, "subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": entry}})

    async def scan(self, fan: Fan, qr_scene: str) -> Pushed:
        """A follower scans a code with a scene; whoever does not follow yet follows by it (`follow`)."""
        return await self.event(fan, "SCAN", {"EventKey": qr_scene, "Ticket": "T"}, "scan")

    async def unfollow(self, fan: Fan) -> Pushed:
        fan.subscribed = False
        return await self.event(fan, "unsubscribe", {"EventKey": ""})
