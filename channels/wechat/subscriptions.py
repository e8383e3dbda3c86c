"""订阅通知: who has consented to which, kept per person and template, one use each (docs/decisions/0245).

The platform tells of each consent by an event, whether it was given on our page or in an article. It remains the judge: whoever
has no row here (the event was lost, or is older than this table) is tried once, and what it refuses is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.errors import NOT_SUBSCRIBED, PlatformRefused
from channels.wechat.models import WechatSubscription


async def grant(session: AsyncSession, citizen_id: int, source: int, templates: Iterable[str], at: datetime) -> None:
    """The citizen consented to these templates; `source`, the message that told it, counts once."""
    rows = [{"citizen_id": citizen_id, "template_id": each, "source": source, "granted_at": at} for each in dict.fromkeys(templates)]
    if rows:
        await session.execute(insert(WechatSubscription).values(rows).on_conflict_do_nothing())


async def end(session: AsyncSession, citizen_id: int, template_id: str, at: datetime) -> None:
    """Nothing is left of this template: the citizen took it back, or the platform knows of none. Noted even if none was known."""
    same = (WechatSubscription.citizen_id == citizen_id, WechatSubscription.template_id == template_id)
    await session.execute(update(WechatSubscription).where(*same, _open()).values(ended_at=at))
    if (await session.scalars(select(WechatSubscription.id).where(*same).limit(1))).first() is None:
        session.add(
            WechatSubscription(citizen_id=citizen_id, template_id=template_id, source=None, granted_at=at, used_at=None, ended_at=at)
        )
        await session.flush()


async def take(session: AsyncSession, citizen_id: int, template_id: str, at: datetime, *, lasting: bool) -> int | None:
    """Use up one consent; the number of its row, for `give_back`. None: a lasting one, or nothing is known of this person.

    Raises PlatformRefused (43101) without asking the platform when everything that is known is used up or taken back.
    """
    same = (WechatSubscription.citizen_id == citizen_id, WechatSubscription.template_id == template_id)
    oldest = select(WechatSubscription).where(*same, _open()).order_by(WechatSubscription.id).limit(1)
    # a lasting one is used up by nobody: another notice that is on its way must not hide it
    found = (await session.scalars(oldest if lasting else oldest.with_for_update(skip_locked=True))).first()
    if found is None:
        if (await session.scalars(select(WechatSubscription.id).where(*same).limit(1))).first() is not None:
            raise PlatformRefused(NOT_SUBSCRIBED, "no subscription is left, the platform was not asked")
        return None
    if lasting:
        return None
    found.used_at = at
    return found.id


async def give_back(session: AsyncSession, row_id: int) -> None:
    """The message was certainly not sent: the consent is good for another one."""
    await session.execute(update(WechatSubscription).where(WechatSubscription.id == row_id).values(used_at=None))


async def left(session: AsyncSession, citizen_id: int) -> Counter[str]:
    """How many consents each template has left."""
    return Counter(
        await session.scalars(select(WechatSubscription.template_id).where(WechatSubscription.citizen_id == citizen_id, _open()))
    )


def _open() -> ColumnElement[bool]:
    return WechatSubscription.used_at.is_(None) & WechatSubscription.ended_at.is_(None)
