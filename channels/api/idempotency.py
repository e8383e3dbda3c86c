"""Idempotency-Key: the same request sent again within a day has no second effect and gets the first answer.

The claim, the work and the answer are one transaction. A second request with the same key waits at the unique constraint
until the first has committed and then finds its answer; when the first failed, nothing was kept and the second does the work.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from aiohttp import web
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from channels.api.call import Call
from hotline.database import Database
from hotline.errors import Conflict, InvalidInput
from hotline.i18n import _
from ticketing.access_token.models import ApiAnswer
from ticketing.context import Core

KEPT = timedelta(hours=24)
MAX_KEY = 200
_HEADERS = ("ETag", "Location")


async def begin(call: Call, key: str, raw: bytes) -> web.Response | None:
    """Claim `key`; the stored answer when it was used before. Raises InvalidInput when it was used for another request."""
    if len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(_("Idempotency-Key最多{n}个可见字符").format(n=MAX_KEY), field="Idempotency-Key")
    now = call.core.clock.now()
    name, digest = _name(call, key), _digest(call, raw)
    mine = (ApiAnswer.user_id == call.bearer.user.id) & (ApiAnswer.key_hash == name)
    await call.session.execute(delete(ApiAnswer).where(mine, ApiAnswer.created_at <= now - KEPT))
    claim = (
        insert(ApiAnswer)
        .values(user_id=call.bearer.user.id, key_hash=name, request_hash=digest, created_at=now, headers={})
        .on_conflict_do_nothing(index_elements=["user_id", "key_hash"])
        .returning(ApiAnswer.id)
    )
    if await call.session.scalar(claim) is not None:
        return None
    known = (await call.session.scalars(select(ApiAnswer).where(mine))).one()
    if known.request_hash != digest:
        raise InvalidInput(_("这个Idempotency-Key已经用于另一个请求，请换一个"), field="Idempotency-Key")
    if known.status is None or known.body_sealed is None:  # claim and answer commit together; should they ever not, nothing is done twice
        raise Conflict(_("带这个Idempotency-Key的请求还没有结果，请稍后再试"))
    text = call.core.vault.open(known.body_sealed)
    headers = {"Cache-Control": "no-store", "Idempotent-Replayed": "true", **known.headers}
    return web.Response(text=text, status=known.status, content_type="application/json", charset="utf-8", headers=headers)


async def finish(call: Call, key: str, response: web.StreamResponse) -> None:
    """Keep the answer, sealed, in the same transaction."""
    text = response.text if isinstance(response, web.Response) else None
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    await keep(call, key, response.status, text or "", headers)


async def keep(call: Call, key: str, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    """The same for an answer that is not sent as it is: one item of a bulk."""
    mine = (ApiAnswer.user_id == call.bearer.user.id) & (ApiAnswer.key_hash == _name(call, key))
    values = {"status": status, "headers": headers or {}, "body_sealed": call.core.vault.seal(text)}
    await call.session.execute(update(ApiAnswer).where(mine).values(**values))


def _name(call: Call, key: str) -> str:
    return call.core.vault.fingerprint(key, "idempotency-key")


def _digest(call: Call, raw: bytes) -> str:
    seen = f"{call.request.method}\n{call.request.path_qs}\n{call.request.headers.get('If-Match', '')}\n".encode()
    return hashlib.sha256(seen + raw).hexdigest()


async def forget_old(core: Core, database: Database) -> int:
    """Drop answers that nobody may ask for any more. For the scheduler; returns how many."""
    async with database.transaction() as session:
        old = delete(ApiAnswer).where(ApiAnswer.created_at <= core.clock.now() - KEPT).returning(ApiAnswer.id)
        return len((await session.execute(old)).all())
