"""The same submission twice (a retry, a double click) has one effect: the second gets the first one's answer.

The journal row and what is done for it are written in one transaction. A second request with the same key waits at the
unique constraint until the first has committed, and then finds its answer (lesson 13).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import InboundMessage


async def begin(core: Core, session: AsyncSession, *, channel: str, key: str, body: str) -> dict[str, Any] | None:
    """Claim `key` for `body` in this transaction.

    Returns:
        None when this is the first time: do the work, then call `finish`. Else the answer that the first one got.

    Raises:
        Conflict: the key was used with another body.
    """
    name = core.vault.fingerprint(key, f"once:{channel}")
    digest = hashlib.sha256(body.encode()).hexdigest()
    claimed = await session.scalar(
        insert(InboundMessage)
        .values(
            channel=channel,
            external_id=name,
            body_sealed=core.vault.seal(body),
            body_hash=digest,
            received_at=core.clock.now(),
            state="received",
            attempts=1,
        )
        .on_conflict_do_nothing(index_elements=["channel", "external_id"])
        .returning(InboundMessage.id)
    )
    if claimed is not None:
        return None
    known = (
        await session.scalars(select(InboundMessage).where(InboundMessage.channel == channel, InboundMessage.external_id == name))
    ).one()
    if known.body_hash != digest or known.answer is None:
        raise Conflict(_("同一个提交编号已经用于另一份内容，请换一个编号"))
    return cast(dict[str, Any], json.loads(core.vault.open(known.answer.encode())))


async def finish(core: Core, session: AsyncSession, *, channel: str, key: str, answer: dict[str, Any]) -> None:
    """Keep the answer, sealed, for whoever comes with the same key again."""
    await session.execute(
        update(InboundMessage)
        .where(InboundMessage.channel == channel, InboundMessage.external_id == core.vault.fingerprint(key, f"once:{channel}"))
        .values(state="answered", answered_at=core.clock.now(), answer=core.vault.seal(json.dumps(answer)).decode())
    )
