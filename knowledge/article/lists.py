"""Lists of articles for colleagues: filtered, in pages, only what the person may see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, func
from sqlalchemy.ext.asyncio import AsyncSession

from knowledge.article.access import is_told, today_of, visible_articles, worked_on_by
from knowledge.article.models import Article, ArticleState
from knowledge.search.service import matches
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import Scope, scope_of

PAGE = 50


class View(StrEnum):
    """Ready-made lists of the page."""

    TOLD = "told"
    """市民现在能得到的"""
    DRAFTS = "drafts"
    """在编写或审核中的"""
    REVIEW = "review"
    """等我审核的"""
    DUE = "due"
    """到期要复核的"""
    ENDED = "ended"
    """已失效、已撤回的"""
    WRONG = "wrong"
    """有人说不对的"""
    ALL = "all"


@dataclass(frozen=True)
class ArticleFilter:
    """What a list is narrowed to; empty values narrow nothing."""

    view: View = View.ALL
    words: str = ""
    kind: str = ""
    scene: str = ""
    district: str = ""
    audience: str = ""
    unit_id: int | None = None
    topic_id: int | None = None


async def list_articles(
    core: Core, session: AsyncSession, actor: Actor, only: ArticleFilter, *, before: int | None = None, limit: int = PAGE
) -> list[Article]:
    """Newest first; `before`: id of the last article of the page before. Raises NotAllowed without knowledge.read."""
    statement = _narrowed(core, actor, only)
    if before is not None:
        statement = statement.where(Article.id < before)
    return list(await session.scalars(statement.order_by(Article.id.desc()).limit(limit)))


async def counts(core: Core, session: AsyncSession, actor: Actor) -> dict[str, int]:
    """How many articles stand in each view that the person works with."""
    found = {}
    for view in (View.TOLD, View.DRAFTS, View.REVIEW, View.DUE, View.ENDED, View.WRONG):
        statement = _narrowed(core, actor, ArticleFilter(view)).with_only_columns(func.count(Article.id)).order_by(None)
        found[view.value] = await session.scalar(statement) or 0
    return found


async def scenes(core: Core, session: AsyncSession, actor: Actor) -> list[str]:
    """The scenes in use, for the filter."""
    statement = visible_articles(core, actor).with_only_columns(Article.scene).distinct().order_by(Article.scene)
    return list(await session.scalars(statement))


def _narrowed(core: Core, actor: Actor, only: ArticleFilter) -> Select[Article]:
    statement = visible_articles(core, actor)
    match only.view:
        case View.TOLD:
            statement = statement.where(is_told(today_of(core)))
        case View.DRAFTS:
            statement = statement.where(worked_on_by(actor), Article.draft_state.is_not(None))
        case View.REVIEW:
            statement = statement.where(worked_on_by(actor), Article.draft_state.in_(_reviewed_by(actor)))
        case View.DUE:
            statement = statement.where(worked_on_by(actor), Article.state == ArticleState.DUE_FOR_REVIEW.value)
        case View.ENDED:
            ended = (ArticleState.EXPIRED.value, ArticleState.RECALLED.value)
            statement = statement.where(worked_on_by(actor), Article.state.in_(ended))
        case View.WRONG:
            statement = statement.where(worked_on_by(actor), Article.wrong_count > 0)
    for column, value in ((Article.kind, only.kind), (Article.district, only.district)):
        if value:
            statement = statement.where(column == value)
    if only.scene:
        statement = statement.where((Article.scene == only.scene) | Article.also_scenes.contains([only.scene]))
    if only.audience:
        statement = statement.where((Article.audiences == []) | Article.audiences.contains([only.audience]))
    if only.unit_id is not None:
        statement = statement.where(Article.unit_id == only.unit_id)
    if only.topic_id is not None:
        statement = statement.where(Article.topic_id == only.topic_id)
    return statement.where(matches(only.words)) if only.words.strip() else statement


def _reviewed_by(actor: Actor) -> list[str]:
    """The states in which a draft waits for this person: the unit's for its chief, the centre's for editors."""
    waiting = []
    if scope_of(actor, "knowledge.approve") is not None:
        waiting.append(ArticleState.UNIT_REVIEW.value)
    if scope_of(actor, "knowledge.publish") is Scope.ALL:
        waiting.append(ArticleState.CENTRE_REVIEW.value)
    return waiting


__all__ = ["PAGE", "ArticleFilter", "View", "counts", "list_articles", "scenes"]
