"""One door to every step of an article's life, for pages and API alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import NotFound
from hotline.i18n import _
from knowledge.article import service
from knowledge.article.access import access_article
from knowledge.article.models import Article
from ticketing.context import Core
from ticketing.people.actor import Actor


@dataclass(frozen=True)
class Wish:
    """What comes with a step; each step reads what it needs."""

    seen: int = 0
    """The newest version that the person saw; another one now is a Conflict."""
    reason: str = ""
    unit_note: str = ""
    version: int = 0
    """For publishing and restoring."""
    at: datetime | None = None
    """Publish at this moment; None: now."""
    valid_until: date | None = None
    """For confirming."""


Taken = Callable[[Core, AsyncSession, Actor, Article, Wish], Awaitable[object]]
STEP_CALLS: dict[str, Taken] = {
    "submit": lambda c, s, a, it, w: service.submit(c, s, a, it.id, unit_note=w.unit_note, seen_version=w.seen),
    "pass": lambda c, s, a, it, w: service.pass_unit(c, s, a, it.id, seen_version=w.seen),
    "send_back": lambda c, s, a, it, w: service.send_back(c, s, a, it.id, w.reason, seen_version=w.seen),
    "publish": lambda c, s, a, it, w: service.publish(c, s, a, it.id, version=w.version, at=w.at),
    "recall": lambda c, s, a, it, w: service.recall(c, s, a, it.id, w.reason),
    "drop": lambda c, s, a, it, w: service.drop(c, s, a, it.id, w.reason, seen_version=w.seen),
    "confirm": lambda c, s, a, it, w: service.confirm(c, s, a, it.id, valid_until=w.valid_until, seen_version=w.seen),
    "restore": lambda c, s, a, it, w: service.restore(c, s, a, it.id, w.version, seen_version=w.seen),
    "wrong": lambda c, s, a, it, w: service.mark_wrong(c, s, a, it, w.reason),
}


async def take(core: Core, session: AsyncSession, actor: Actor, article_id: int, key: str, wish: Wish) -> Article:
    """Take a step on an article that the person may see. Raises NotFound, NotAllowed, IllegalStep, Conflict, InvalidInput."""
    if key not in STEP_CALLS:
        raise NotFound(_("没有这个步骤"))
    article = await access_article(core, session, actor, article_id)
    await STEP_CALLS[key](core, session, actor, article, wish)
    return await service.get_article(session, article.id)
