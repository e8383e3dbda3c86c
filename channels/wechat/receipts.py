"""Receipts (送达回执): what the platform reports later about a 模板消息 or a 订阅通知 that it had taken.

A receipt may come before the number of its message is written down here, twice, or for a message of somebody else's. So each
one is kept for an hour and tried again by the scheduler until its delivery is known; what nobody knows by then is dropped.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.models import WechatReceipt
from ticketing.context import Core
from ticketing.notice.deliveries import receipt

KEPT = timedelta(hours=1)
"""The number of a message is written down within seconds; whatever is still unknown then is none of ours."""
_AT_ONCE = 200


async def take(core: Core, session: AsyncSession, message_id: str, problem: str) -> None:
    """A receipt came: `problem` is empty when the message arrived. Ids are the platform's, digits only; others are left alone."""
    if not (message_id.isascii() and message_id.isdecimal() and len(message_id) <= 32):
        return
    if await _apply(core, session, message_id, problem):
        return
    values = {"message_id": message_id, "problem": problem[:60], "came_at": core.clock.now()}
    await session.execute(insert(WechatReceipt).values(**values).on_conflict_do_nothing())


async def settle(core: Core, session: AsyncSession) -> int:
    """Try those again that came too early, drop the old ones. Returns how many found their delivery."""
    await session.execute(delete(WechatReceipt).where(WechatReceipt.came_at < core.clock.now() - KEPT))
    waiting = select(WechatReceipt).order_by(WechatReceipt.came_at).limit(_AT_ONCE).with_for_update(skip_locked=True)
    count = 0
    for row in list(await session.scalars(waiting)):
        if await _apply(core, session, row.message_id, row.problem):
            await session.delete(row)
            count += 1
    return count


async def _apply(core: Core, session: AsyncSession, message_id: str, problem: str) -> bool:
    return await receipt(core, session, channel="wechat", gateway_id=message_id, arrived=not problem, code=problem)
