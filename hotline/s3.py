"""Attachments in an S3-compatible store (AWS, MinIO, Ceph, Aliyun OSS and COS in their S3 mode), by plain signed requests.

Four requests are all that `ticketing.attachment.store.FileStore` needs, so no SDK is taken along (docs/decisions/0099).
Addresses are in path style, `endpoint/bucket/key`, which every such store understands. Requests are signed with AWS
Signature Version 4 over headers and body; the clock is the real one, since the store compares it with its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from hotline.clock import Clock
from hotline.errors import NotFound, Unavailable
from hotline.i18n import _

_TIMEOUT = ClientTimeout(total=60, connect=5)
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Credentials:
    """Who signs, for where."""

    access_key: str
    secret_key: str
    region: str
    service: str = "s3"


def sign(
    who: Credentials, method: str, path: str, headers: Mapping[str, str], payload_sha256: str, at: datetime, query: str = ""
) -> dict[str, str]:
    """The headers with `Authorization` (AWS Signature Version 4). `path` is already encoded; `headers` must hold Host."""
    moment = at.astimezone(UTC)
    stamp, day = f"{moment:%Y%m%dT%H%M%SZ}", f"{moment:%Y%m%d}"
    told = {**headers, "X-Amz-Date": stamp}
    lower = {name.lower(): " ".join(value.split()) for name, value in told.items()}
    names = ";".join(sorted(lower))
    lines = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower))
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload_sha256}"
    scope = f"{day}/{who.region}/{who.service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{who.secret_key}".encode()
    for part in (day, who.region, who.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{who.access_key}/{scope}"
    return {**told, "Authorization": f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={signature}"}


class S3Store:
    """One bucket. Holds no connection between requests."""

    def __init__(self, endpoint: str, bucket: str, credentials: Credentials, clock: Clock) -> None:
        """`endpoint`: for example https://s3.example.cn; the bucket must exist."""
        self._base = endpoint.rstrip("/")
        self._bucket, self._credentials, self._clock = bucket, credentials, clock

    def _request(self, session: ClientSession, method: str, key: str, body: bytes = b"") -> AbstractAsyncContextManager[ClientResponse]:
        parts = urlsplit(self._base)
        path = quote(f"{parts.path}/{self._bucket}/{key}", safe="/-_.~")
        digest = hashlib.sha256(body).hexdigest()
        headers = sign(self._credentials, method, path, {"Host": parts.netloc, "X-Amz-Content-Sha256": digest}, digest, self._clock.now())
        url = URL(f"{parts.scheme}://{parts.netloc}{path}", encoded=True)
        return session.request(method, url, data=body or None, headers=headers, allow_redirects=False)

    async def put(self, key: str, body: bytes) -> None:
        """See `FileStore`. The store checks the body against the signed hash before it answers."""
        if await self.exists(key):
            return
        await self._simple("PUT", key, body, fine=(200, 201, 204))

    async def delete(self, key: str) -> None:
        """See `FileStore`."""
        await self._simple("DELETE", key, fine=(200, 204, 404))

    async def exists(self, key: str) -> bool:
        """See `FileStore`."""
        return await self._simple("HEAD", key, fine=(200, 404)) == 200

    async def _simple(self, method: str, key: str, body: bytes = b"", *, fine: tuple[int, ...]) -> int:
        try:
            async with ClientSession(timeout=_TIMEOUT) as session, self._request(session, method, key, body) as response:
                await _judge(response, fine)
                return response.status
        except (ClientError, TimeoutError, OSError) as error:
            raise Unavailable(_("文件存储暂时连不上，请稍后再试")) from error

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """See `FileStore`."""
        try:
            async with ClientSession(timeout=_TIMEOUT) as session, self._request(session, "GET", key) as response:
                if response.status == 404:
                    raise NotFound(_("文件已不在服务器上，请联系管理员"))
                await _judge(response, (200,))
                async for piece in response.content.iter_chunked(_PIECE):
                    yield piece
        except (ClientError, TimeoutError, OSError) as error:
            raise Unavailable(_("文件存储暂时连不上，请稍后再试")) from error

    def local(self, key: str) -> Path | None:
        """See `FileStore`: nothing lies here."""
        return None


async def _judge(response: ClientResponse, fine: tuple[int, ...]) -> None:
    """Raises `Unavailable` with the store's own code in the cause; its text may name keys and is not passed on."""
    if response.status not in fine:
        raise Unavailable(_("文件存储没有接受请求（{status}），请联系管理员"), status=response.status)
