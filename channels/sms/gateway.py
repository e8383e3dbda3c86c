"""The gateway that sends text messages: an interface, one for every provider that takes a JSON POST, and the demo's spool.

The provider's body is a setting (`HOTLINE_SMS_BODY`) with {phone}, {text}, {id} and {signature} in it. With a secret, each
request carries `X-Hotline-Timestamp` and `X-Hotline-Signature`: HMAC-SHA256 over `timestamp.body`, hex. {id} is the same
in every repeat of one message, so that a provider that knows it sends it once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp

from channels.outbox import GiveUp, TryLater
from channels.sms import providers
from hotline.clock import Clock
from hotline.settings import Settings

_MAX_ANSWER = 1 << 16
_BUSY = frozenset({408, 425, 429})


class Gateway(Protocol):
    """Sends one text message."""

    async def send(
        self, phone: str, text: str, message_id: str, *, template: str = "", values: Mapping[str, str] | None = None
    ) -> str | None:
        """Raises `TryLater` or `GiveUp`; returning means that the provider took it, perhaps with a number of its own for receipts.

        `template` and `values` are for providers that send approved templates only (`channels.sms.providers`).
        """
        ...


class SpoolGateway:
    """The demo's: every message counts as sent and can be read on the console's page (`/console/sms`); none leaves the machine."""

    async def send(self, phone: str, text: str, message_id: str, *, template: str = "", values: Mapping[str, str] | None = None) -> None:
        """Nothing to do: the outbox row, which holds the sealed text, is the spool."""


def gateway_of(settings: Settings, clock: Clock) -> Gateway | None:
    """The gateway of the settings; None when none is configured. Raises `providers.TemplatesError`."""
    if settings.sms_provider != "http":
        return providers.of(settings)
    if not settings.sends_sms and settings.demo:
        return SpoolGateway()
    return HttpGateway.of(settings, clock)


class HttpGateway:
    """A provider that takes a JSON POST."""

    def __init__(
        self, url: str, body: str, *, clock: Clock, secret: str = "", signature: str = "", success: str = "", timeout_s: float = 8.0
    ) -> None:
        """`body` is JSON with placeholders; `success` is `field=value` of the provider's answer, empty: any 2xx."""
        self._url, self._body, self._clock = url, json.loads(body), clock
        self._secret, self._signature, self._success = secret, signature, success
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(3.0, timeout_s))

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> HttpGateway | None:
        """The gateway of the settings; None when none is configured."""
        if settings.sms_url is None:
            return None
        return cls(
            str(settings.sms_url),
            settings.sms_body,
            clock=clock,
            secret=settings.sms_secret.get_secret_value(),
            signature=settings.sms_signature,
            success=settings.sms_success,
        )

    async def send(self, phone: str, text: str, message_id: str, *, template: str = "", values: Mapping[str, str] | None = None) -> None:
        """POST the message. Errors never carry the number or the text."""
        values = {"phone": phone, "text": self._signature + text, "id": message_id, "signature": self._signature}
        data = json.dumps(_fill(self._body, values), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "X-Hotline-Message": message_id}
        if self._secret:
            stamp = str(int(self._clock.now().timestamp()))
            digest = hmac.new(self._secret.encode(), f"{stamp}.".encode() + data, hashlib.sha256).hexdigest()
            headers |= {"X-Hotline-Timestamp": stamp, "X-Hotline-Signature": digest}
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as http,
                http.post(self._url, data=data, headers=headers, allow_redirects=False) as response,
            ):
                status, raw = response.status, await response.content.read(_MAX_ANSWER)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryLater(type(error).__name__) from None  # repeated with the same id
        self._judge(status, raw)

    def _judge(self, status: int, raw: bytes) -> None:
        if status >= 500 or status in _BUSY:
            raise TryLater(f"HTTP {status}")
        if not 200 <= status < 300:
            raise GiveUp(f"HTTP {status}")
        if not self._success:
            return
        name, _equals, wanted = self._success.partition("=")
        try:
            found = json.loads(raw)[name]
        except (ValueError, KeyError, TypeError):
            raise GiveUp(f"the answer has no field {name}") from None
        if str(found) != wanted:
            raise GiveUp(f"{name}={str(found)[:40]}")


def _fill(template: Any, values: dict[str, str]) -> Any:
    """Placeholders in the strings of a JSON value; a number or a text with quotes can break nothing, since JSON is made afterwards."""
    if isinstance(template, str):
        for name, value in values.items():
            if template == f"{{{name}}}":
                return value
        return template.format_map(_Known(values))
    if isinstance(template, dict):
        return {key: _fill(value, values) for key, value in template.items()}
    return [_fill(value, values) for value in template] if isinstance(template, list) else template


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


__all__ = ["Gateway", "HttpGateway", "SpoolGateway", "gateway_of"]
