"""The one door to articles: which are told to citizens today, and which one a colleague may open.

Portal, console panel, bot, telephone and API all go through here, so that nothing unpublished, not yet valid, expired or
recalled is shown, found or spoken anywhere.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Select, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import NotAllowed, NotFound
from hotline.i18n import _
from knowledge.article.models import LIVE, Article, KnowledgeTopic
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import Scope, may, scope_of

_LIVE = tuple(state.value for state in LIVE)


def is_told(today: date) -> ColumnElement[bool]:
    """The condition under which an article is shown or spoken on this day: published, valid, and its topic (if any) switched on."""
    still = Article.valid_until.is_(None) | (Article.valid_until >= today)
    lasting = KnowledgeTopic.active_until.is_(None) | (KnowledgeTopic.active_until >= today)
    on = select(KnowledgeTopic.id).where(KnowledgeTopic.id == Article.topic_id, KnowledgeTopic.active, lasting).exists()
    return Article.state.in_(_LIVE) & (Article.valid_from <= today) & still & (Article.topic_id.is_(None) | on)


def today_of(core: Core) -> date:
    """Today in the city."""
    return to_city(core.clock.now()).date()


def live_articles(core: Core, *, when: date | None = None) -> Select[Article]:
    """All articles that citizens get today (or on the day `when`)."""
    return select(Article).where(is_told(when or today_of(core)))


async def live_article(core: Core, session: AsyncSession, article_id: int) -> Article:
    """The article if citizens may read it today. Raises NotFound."""
    article = (await session.scalars(live_articles(core).where(Article.id == article_id))).first()
    if article is None:
        raise NotFound(_("没有找到这条知识，可能已经更新或撤下"))
    return article


async def live_article_by_slug(core: Core, session: AsyncSession, slug: str) -> Article:
    """The same by its address in the guide. Raises NotFound."""
    article = (await session.scalars(live_articles(core).where(Article.slug == slug))).first()
    if article is None:
        raise NotFound(_("没有这条办事指南，可能已经更新。请在办事指南里重新查找"))
    return article


def _scopes(actor: Actor) -> set[Scope | None]:
    return {scope_of(actor, name) for name in ("knowledge.supply", "knowledge.approve", "knowledge.publish")}


def worked_on_by(actor: Actor) -> ColumnElement[bool]:
    """The articles whose drafts and versions the actor may see: an editor's all, a unit's own."""
    scopes = _scopes(actor)
    if Scope.ALL in scopes:
        return true()
    if Scope.UNIT in scopes and actor.unit_id is not None:
        return Article.unit_id == actor.unit_id
    return false()


def works_on(actor: Actor, article: Article) -> bool:
    """The same for one article at hand."""
    scopes = _scopes(actor)
    return Scope.ALL in scopes or (Scope.UNIT in scopes and actor.unit_id is not None and article.unit_id == actor.unit_id)


def visible_articles(core: Core, actor: Actor) -> Select[Article]:
    """What a colleague may see: what citizens get, and whatever they work on themselves. Raises NotAllowed without knowledge.read."""
    if not may(actor, "knowledge.read"):
        raise NotAllowed(_("你的岗位不能查看知识"))
    return select(Article).where(is_told(today_of(core)) | worked_on_by(actor))


async def access_article(core: Core, session: AsyncSession, actor: Actor, article_id: int, *, lock: bool = False) -> Article:
    """One article for a colleague. Raises NotFound, alike for what does not exist and what is not theirs to see."""
    statement = visible_articles(core, actor).where(Article.id == article_id)
    article = (await session.scalars(statement.with_for_update(of=Article) if lock else statement)).first()
    if article is None:
        raise NotFound(_("没有找到这条知识"))
    return article
