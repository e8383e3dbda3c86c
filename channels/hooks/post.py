"""One signed POST to somebody else's server: no redirects, short patience, never into our own network (SSRF)."""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import socket
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from hotline.errors import InvalidInput
from ticketing.webhook.urls import check_url, may_connect

TIMEOUT_S = 10.0
MAX_ANSWER = 16 * 1024
"""Bytes of an answer that are read; the rest is nobody's business."""


class NotDelivered(Exception):
    """The other side did not take it. `for_good`: it makes no sense to try again."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        """`reason` is kept with the delivery."""
        super().__init__(reason)
        self.for_good = for_good


@dataclass(frozen=True)
class Delivered:
    """The other side took it."""

    status: int
    text: str


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body` in hexadecimal. The timestamp is signed too, so an old message cannot be replayed."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def is_signed(secret: str, header: str, body: bytes, *, now: datetime, within_s: int = 300) -> bool:
    """Whether a signature header is right and fresh: what a receiver has to check (docs/api.md), and what our tests do."""
    parts = dict(item.partition("=")[::2] for item in header.split(","))
    moment = parts.get("t", "")
    if not (moment.isascii() and moment.isdecimal()) or abs(int(moment) - now.timestamp()) > within_s:
        return False
    return hmac.compare_digest(parts.get("v1", "").encode(), signature(secret, int(moment), body).encode())


class _Guarded(AbstractResolver):
    """Resolves names and leaves out addresses that must not be called; asked at every connection, so a changed name is caught."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed
        self._inner = DefaultResolver()

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        good = [item for item in found if may_connect(ip_address(item["host"].split("%")[0]), host, self._allowed)]
        if not good:
            raise OSError(errno.EHOSTUNREACH, f"{host} leads into a private network")
        return good

    async def close(self) -> None:
        await self._inner.close()


class Poster:
    """A client that keeps its connections; use it as a context manager."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        """`allowed`: private hosts and networks that the operator permits."""
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Poster:
        """Open the client."""
        connector = aiohttp.TCPConnector(resolver=_Guarded(self._allowed), use_dns_cache=False, limit_per_host=4)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the client."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, *, secret: str, event_id: str, now: datetime, extra: dict[str, str]) -> Delivered:
        """Send `body`. Raises NotDelivered."""
        assert self._session is not None  # noqa: S101 - used as a context manager
        try:
            check_url(url, self._allowed)  # the operator may have taken a host back
        except InvalidInput as error:
            raise NotDelivered(str(error), for_good=True) from None
        moment = int(now.timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "hotline-webhook/1",
            "Webhook-Id": event_id,
            "Webhook-Timestamp": str(moment),
            "Webhook-Signature": f"t={moment},v1={signature(secret, moment, body)}",
            **extra,
        }
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                text = (await response.content.read(MAX_ANSWER)).decode("utf-8", "replace")
                return _judge(response.status, text)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}"[:200]) from None


def _judge(status: int, text: str) -> Delivered:
    if 200 <= status < 300:
        return Delivered(status, text)
    if status == 410:
        raise NotDelivered("HTTP 410: the receiver is gone for good", for_good=True)
    raise NotDelivered(f"HTTP {status}")


def as_bytes(payload: Any) -> bytes:
    """A payload as it is signed and sent: the same bytes at every try."""
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
