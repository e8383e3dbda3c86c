"""Stand-ins of the two providers' SMS interfaces: they check signature, age and form as the providers' documents say."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

_MAX_AGE_S = 900


@dataclass
class Cloud:
    """What both have in common: an account, what came, and what is answered next."""

    key: str = "key-id"
    secret: str = "key-secret"
    sent: list[dict[str, Any]] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)
    """Codes for the next messages, instead of success."""
    status: int = 200
    """Anything else: an answer of a broken gateway in between."""

    def app(self) -> web.Application:
        """The interface as a web application."""
        app = web.Application()
        app.router.add_post("/", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """One call."""
        raise NotImplementedError

    def number(self) -> str:
        """The provider's own number of the message."""
        return f"no-{len(self.sent)}"


class Alibaba(Cloud):
    """dysmsapi 2017-05-25, signature version V3 (ACS3-HMAC-SHA256)."""

    async def handle(self, request: web.Request) -> web.Response:
        """Answers as the provider: errors of the signature are HTTP 4xx, refusals of a message HTTP 200 with a code."""
        if self.status != 200:
            return web.Response(status=self.status, text="<html>bad gateway</html>")
        problem = self._wrong(request, await request.read())
        if problem:
            return web.json_response({"Code": problem, "Message": problem, "RequestId": "r"}, status=400)
        query = request.query
        if request.headers["x-acs-action"] != "SendSms" or request.headers["x-acs-version"] != "2017-05-25":
            return web.json_response({"Code": "InvalidAction", "Message": "x", "RequestId": "r"}, status=404)
        if self.refuse:
            return web.json_response({"Code": self.refuse.pop(0), "Message": "x", "RequestId": "r"})
        self.sent.append({**query, "values": json.loads(query["TemplateParam"])})
        return web.json_response({"Code": "OK", "Message": "OK", "BizId": self.number(), "RequestId": "r"})

    def _wrong(self, request: web.Request, body: bytes) -> str:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(","))
        if scheme != "ACS3-HMAC-SHA256" or parts.get("Credential") != self.key:
            return "InvalidAccessKeyId.NotFound"
        at = datetime.fromisoformat(request.headers["x-acs-date"].replace("Z", "+00:00"))
        if abs((datetime.now(UTC) - at).total_seconds()) > _MAX_AGE_S:
            return "InvalidTimeStamp.Expired"
        digest = request.headers["x-acs-content-sha256"]
        signed = parts["SignedHeaders"].split(";")
        if digest != hashlib.sha256(body).hexdigest() or not {"host", "x-acs-action", "x-acs-date", "x-acs-content-sha256"} <= set(signed):
            return "IncompleteSignature"
        pairs = sorted(request.query.items())
        query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
        headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed)
        whole = f"POST\n/\n{query}\n{headers}\n{parts['SignedHeaders']}\n{digest}"
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(whole.encode()).hexdigest()}"
        expected = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(expected, parts["Signature"]) else "SignatureDoesNotMatch"


class Tencent(Cloud):
    """sms 2021-01-11, signature TC3-HMAC-SHA256. Every answer is HTTP 200."""

    async def handle(self, request: web.Request) -> web.Response:
        """Answers as the provider."""
        if self.status != 200:
            return web.Response(status=self.status, text="<html>bad gateway</html>")
        raw = await request.read()
        problem = self._wrong(request, raw)
        if problem:
            return _plain_json({"Response": {"Error": {"Code": problem, "Message": "x"}, "RequestId": "r"}})
        if request.headers["X-TC-Action"] != "SendSms" or request.headers["X-TC-Version"] != "2021-01-11":
            return _plain_json({"Response": {"Error": {"Code": "InvalidAction", "Message": "x"}, "RequestId": "r"}})
        data = json.loads(raw)
        code = self.refuse.pop(0) if self.refuse else "Ok"
        if code == "Ok":
            self.sent.append(data)
        status = {"SerialNo": self.number(), "PhoneNumber": data["PhoneNumberSet"][0], "Fee": 1, "Code": code, "Message": "x"}
        status |= {"SessionContext": data.get("SessionContext", ""), "IsoCode": "CN"}
        return _plain_json({"Response": {"SendStatusSet": [status], "RequestId": "r"}})

    def _wrong(self, request: web.Request, body: bytes) -> str:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        stamp = int(request.headers["X-TC-Timestamp"])
        if abs(datetime.now(UTC).timestamp() - stamp) > _MAX_AGE_S:
            return "AuthFailure.SignatureExpire"
        date = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
        scope = f"{date}/sms/tc3_request"
        if scheme != "TC3-HMAC-SHA256" or parts.get("Credential") != f"{self.key}/{scope}":
            return "AuthFailure.SecretIdNotFound"
        headers = "".join(f"{name}:{request.headers[name].strip().lower()}\n" for name in parts["SignedHeaders"].split(";"))
        whole = f"POST\n/\n\n{headers}\n{parts['SignedHeaders']}\n{hashlib.sha256(body).hexdigest()}"
        text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(whole.encode()).hexdigest()}"
        key = f"TC3{self.secret}".encode()
        for step in (date, "sms", "tc3_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(expected, parts["Signature"]) else "AuthFailure.SignatureFailure"


def _plain_json(data: dict[str, Any]) -> web.Response:
    """The client reads errors only where the type is exactly this, without a charset."""
    return web.Response(body=json.dumps(data).encode(), headers={"Content-Type": "application/json"})
